"""Figures, tables and equations of the papers on images, by hand, a second time, for both sides.

Parity holds the sides equal; these hold each of them to its paper.
"""

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.papers.both import on_both_sides, side_of, tiny
from tinygrad_lab.lab import registry

# ---- LeNet-5 --------------------------------------------------------------------------------------------------------
# Table I, a word for each map of C3: the maps of S2 that it reads.
TABLE_I = [
    "012", "123", "234", "345", "045", "015",
    "0123", "1234", "2345", "0345", "0145", "0125", "0134", "1245", "0235", "012345",
]  # fmt: skip


@on_both_sides
def test_c3_reads_the_maps_of_table_1(package: str) -> None:
    model = importlib.import_module(f"{package}.lenet.model")
    assert ["".join(map(str, inputs)) for inputs in model.C3_INPUTS] == TABLE_I


def correlated(image: np.ndarray, kernels: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """(C, H, W) with (F, C, k, k) -> (F, H-k+1, W-k+1)"""
    k = kernels.shape[-1]
    windows = np.lib.stride_tricks.sliding_window_view(image, (k, k), axis=(1, 2))
    return np.einsum("chwij,fcij->fhw", windows, kernels) + bias[:, None, None]


def squashed(a: np.ndarray) -> np.ndarray:
    return 1.7159 * np.tanh(2 * a / 3)


def summed(maps: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Of each 2 x 2 the sum, times a weight and plus a bias for each map."""
    total = maps[:, ::2, ::2] + maps[:, ::2, 1::2] + maps[:, 1::2, ::2] + maps[:, 1::2, 1::2]
    return squashed(total * weight[:, None, None] + bias[:, None, None])


def figure_2(state: dict[str, np.ndarray], image: np.ndarray) -> np.ndarray:
    """The distances of LeNet-5 for one image (1, H, W)."""

    def of(layer: str) -> tuple[np.ndarray, np.ndarray]:
        return state[f"{layer}.weight"], state[f"{layer}.bias"]

    kernels = iter(state["c3.weight"])
    table = np.zeros((16, 6, 5, 5))
    for output, inputs in enumerate(TABLE_I):
        for read in inputs:
            table[output, int(read)] = next(kernels)
    s2 = summed(squashed(correlated(image, *of("c1"))), *of("s2"))
    s4 = summed(squashed(correlated(s2, table, state["c3.bias"])), *of("s4"))
    c5 = squashed(correlated(s4, *of("c5"))).ravel()
    weight, bias = of("f6")
    f6 = squashed(weight @ c5 + bias)
    return ((f6 - state["rbf.prototypes"]) ** 2).sum(axis=1)


@on_both_sides
def test_lenet_is_figure_2(package: str) -> None:
    side, config = side_of("lenet", package), tiny("lenet", "1998")
    model = side.build(config, dtype="float64")
    image = np.random.default_rng(0).standard_normal((2, 1, config.image_size, config.image_size))
    state = side.state(model)
    expected = [figure_2(state, each) for each in image]
    np.testing.assert_allclose(side.array(model(side.tensor(image))), expected, rtol=1e-10)


@on_both_sides
def test_background_is_minus_a_tenth_up_to_the_border_and_ink_1_175(package: str) -> None:
    """Section III-A."""
    config = replace(registry.find("lenet").variants["1998"]["small"], dataset="digits")
    data = importlib.import_module(f"{package}.lenet.data")
    split = ("test",) if package == "papers" else ()
    image = np.asarray(next(iter(data.evaluation_batches(config, *split)))["image"])
    assert (image.min(), image.max()) == pytest.approx((-0.1, 1.175))
    left, right = image[:, :, :, 0], image[:, :, :, -1]  # of most digits nothing is there
    assert np.median(left) == np.median(right) == pytest.approx(-0.1)
    assert not np.isclose(image, 0.0, atol=1e-6).any()


# ---- AlexNet --------------------------------------------------------------------------------------------------------
Weights = dict[str, torch.Tensor]


def normalised(a: torch.Tensor, alpha: float) -> torch.Tensor:
    """Section 3.3 with k = 2, n = 5 and β = 0.75, map by map."""
    count = a.shape[1]
    near = [a[:, max(0, i - 2) : min(count - 1, i + 2) + 1] for i in range(count)]
    sums = torch.stack([maps.square().sum(dim=1) for maps in near], dim=1)
    return a / (2 + alpha * sums) ** 0.75


def five_and_three(w: Weights, x: torch.Tensor, stride: int, alpha: float) -> torch.Tensor:
    """Figure 2: ReLU behind all layers but the last, windows of 3 every 2 pixels, towers in 2, 4, 5."""

    def conv(x: torch.Tensor, number: int, padding: int, groups: int, stride: int = 1) -> torch.Tensor:
        weight, bias = w[f"conv{number}.weight"], w[f"conv{number}.bias"]
        return F.conv2d(x, weight, bias, stride, padding, groups=groups).relu()

    def dense(x: torch.Tensor, number: int) -> torch.Tensor:
        return x @ w[f"fc{number}.weight"].T + w[f"fc{number}.bias"]

    x = F.max_pool2d(normalised(conv(x, 1, 0, 1, stride), alpha), 3, 2)
    x = F.max_pool2d(normalised(conv(x, 2, 2, 2), alpha), 3, 2)
    x = F.max_pool2d(conv(conv(conv(x, 3, 1, 1), 4, 1, 2), 5, 1, 2), 3, 2)
    return dense(dense(dense(x.flatten(1), 6).relu(), 7).relu(), 8)


@on_both_sides
def test_alexnet_is_figure_2(package: str) -> None:
    side, config = side_of("alexnet", package), tiny("alexnet", "2012")
    model = side.build(config, dtype="float64")
    model.eval()
    shape = (2, config.channels, config.image_size, config.image_size)
    image = 50 * np.random.default_rng(0).standard_normal(shape)
    weights = {name: torch.from_numpy(value) for name, value in side.state(model).items()}
    expected = five_and_three(weights, torch.from_numpy(image), config.stride, config.lrn_alpha)
    np.testing.assert_allclose(side.array(model(side.tensor(image))), expected.numpy(), rtol=1e-9)


# ---- autoencoders ---------------------------------------------------------------------------------------------------
Layer = Callable[[np.ndarray], np.ndarray]


def dense(state: dict[str, np.ndarray], name: str) -> Layer:
    return lambda x: x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


@on_both_sides
def test_the_posterior_is_read_from_tanh_units(package: str) -> None:
    """Kingma and Welling, appendix C.2: h = tanh(W x + b), μ and log σ² linear in h."""
    side, config = side_of("autoencoder", package), tiny("autoencoder", "vae")
    model = side.build(config, dtype="float64")
    image = np.random.default_rng(0).random((2, 1, config.image_size, config.image_size))
    state = side.state(model)
    hidden = np.tanh(dense(state, "encoder.0")(image.reshape(2, -1)))
    got: Any = model.posterior(side.tensor(image))
    for name, found in zip(("mu", "logvar"), got, strict=True):
        np.testing.assert_allclose(side.array(found), dense(state, name)(hidden), rtol=1e-10)


# ---- dropout --------------------------------------------------------------------------------------------------------
@on_both_sides
def test_thinned_networks_are_averaged_as_probabilities(package: str, monkeypatch: Any) -> None:
    """Section 7.5: two networks, one sure of each class and one of neither, leave 3/4 and 1/4."""
    side, config = side_of("dropout", package), tiny("dropout", "dropout")
    model = side.build(config)
    answers = iter(side.tensor(np.array([logits])) for logits in ([800.0, 0.0], [1.0, 1.0]))
    monkeypatch.setattr(type(model), "forward", lambda self, image: next(answers))
    image = side.tensor(np.zeros((1, config.inputs), np.float32))
    found = side.array(side.model_module.monte_carlo(model, image, 2))
    np.testing.assert_allclose(found, [[0.75, 0.25]])


@on_both_sides
def test_the_ball_is_for_the_incoming_weights_of_hidden_units(package: str) -> None:
    """Section 5.1; the outputs are no hidden units, and biases are no incoming weights."""
    side = side_of("dropout", package)
    config = replace(tiny("dropout", "max-norm"), learning_rate=1e-9)
    model = side.build(config)
    long = {name: np.full_like(value, 3.0) for name, value in side.state(model).items()}
    side.load(model, long)
    data = registry.part(registry.find("dropout"), "data")
    batch = data.example_batch(config, np.random.default_rng(0))
    list(side.train(model, *side.optimizer(model, config, 1), [batch]))
    for name, value in side.state(model).items():
        if name.startswith("hidden") and name.endswith("weight"):
            np.testing.assert_allclose(np.linalg.norm(value, axis=1), config.max_norm, rtol=1e-5)
        else:
            np.testing.assert_allclose(value, 3.0, rtol=1e-5)
