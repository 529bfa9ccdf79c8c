"""AlexNet as the paper states it: shapes, counts, towers, normalisation, initial values and dropout."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from papers.alexnet import model as engine
from papers.alexnet.config import PALE, VARIANTS
from reference.alexnet import builtin
from reference.alexnet import model as reference
from tests.papers.alexnet_parts import PAPER, TINY, count, example, network, outputs, tiny
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.nn import functional as F
from tinygrad_lab.random import generator, record_draws

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")


@pytest.fixture(scope="module")
def alexnet() -> engine.AlexNet:
    """At the paper's size."""
    return engine.build(PAPER, generator(0))


# ---- the network of figure 2 -----------------------------------------------------------------------------------------


def test_parameters_of_each_layer(alexnet: engine.AlexNet) -> None:
    """Kernels and biases counted by hand from section 3.5; conv2, conv4 and conv5 see half of the maps below."""
    assert {name: count(getattr(alexnet, name)) for name in LAYERS} == {
        "conv1": 96 * (3 * 11 * 11 + 1),
        "conv2": 256 * (48 * 5 * 5 + 1),
        "conv3": 384 * (256 * 3 * 3 + 1),
        "conv4": 384 * (192 * 3 * 3 + 1),
        "conv5": 256 * (192 * 3 * 3 + 1),
        "fc6": 4096 * (9216 + 1),
        "fc7": 4096 * (4096 + 1),
        "fc8": 1000 * (4096 + 1),
    }
    assert count(alexnet) == 60_965_224
    assert list(alexnet.state_dict()) == [f"{layer}.{kind}" for layer in LAYERS for kind in ("weight", "bias")]


def test_without_towers_there_would_be_more_parameters() -> None:
    grouped, single = (count(engine.build(tiny(groups=groups), generator(0))) for groups in (2, 1))
    m1, m2, m3, m4, m5 = TINY.maps
    assert single - grouped == (m1 * m2 * 25 + m3 * m4 * 9 + m4 * m5 * 9) // 2
    assert 60_965_224 + (96 * 256 * 25 + 384 * 384 * 9 + 384 * 256 * 9) // 2 == 62_378_344


def test_shapes_of_each_layer(alexnet: engine.AlexNet) -> None:
    with no_grad():
        image = Tensor(np.zeros((1, 3, 227, 227), np.float32))
        found = outputs(alexnet, lambda: alexnet(image))
    assert {name: output.shape[1:] for name, output in found.items()} == {
        "conv1": (96, 55, 55), "norm1": (96, 55, 55), "pool1": (96, 27, 27),
        "conv2": (256, 27, 27), "norm2": (256, 27, 27), "pool2": (256, 13, 13),
        "conv3": (384, 13, 13), "conv4": (384, 13, 13), "conv5": (256, 13, 13), "pool5": (256, 6, 6),
        "fc6": (4096,), "drop6": (4096,), "fc7": (4096,), "drop7": (4096,), "fc8": (1000,),
    }  # fmt: skip
    assert PAPER.map_sizes == (55, 27, 13, 6)
    assert PAPER.flat == 9216


def test_plain_pooling_gives_maps_of_the_same_size() -> None:
    """Section 3.4 says so: windows of 2 in place of 3, with the same step."""
    assert VARIANTS["plain-pooling"]["paper"].map_sizes == PAPER.map_sizes


def test_variants_differ_in_one_thing_and_have_the_same_parameters() -> None:
    for variant, changed in (
        ("tanh", {"activation": "tanh"}), ("no-lrn", {"lrn_size": 0}), ("plain-pooling", {"pool_window": 2}),
        ("no-dropout", {"drop": 0.0}),
    ):  # fmt: skip
        for size, config in VARIANTS["2012"].items():
            pale = PALE.get(variant, {}) if size == "tiny" else {}  # a tanh of white pixels would be saturated
            assert VARIANTS[variant][size] == replace(config, variant=variant, **changed, **pale)
        assert count(network(tiny(variant))) == count(network(TINY))


@pytest.mark.parametrize(("layer", "separate"), [("conv2", 1), ("conv3", 0), ("conv4", 1), ("conv5", 1)])
@given(changed=st.integers(0, 10**6))
def test_towers_see_only_their_own_maps_except_in_conv3(layer: str, separate: int, changed: int) -> None:
    module = getattr(network(TINY), layer)
    maps = module.in_channels
    image = np.random.default_rng(0).standard_normal((1, maps, 7, 7))
    other = image.copy()
    other[:, changed % maps] += 1.0
    moved = np.abs(module(Tensor(other)).numpy() - module(Tensor(image)).numpy()).max(axis=(0, 2, 3)) > 1e-9
    first, second = np.split(moved, 2)
    own, across = (first, second) if changed % maps < maps // 2 else (second, first)
    assert own.all()
    assert across.any() != separate


def test_order_is_relu_normalisation_pooling() -> None:
    model = network(TINY)
    found = outputs(model, lambda: model(example(TINY)["image"]))
    first, second = (Tensor(found[name]) for name in ("conv1", "conv2"))
    for name, norm, before in (("pool1", model.norm1, first), ("pool2", model.norm2, second)):
        np.testing.assert_array_equal(found[name], F.max_pool2d(norm(F.relu(before)), 3, 2).numpy())


@pytest.mark.parametrize(
    "shape", [(2, 3, 224, 224), (2, 1, 227, 227), (2, 3, 227, 226), (2, 227, 227, 3)], ids=lambda shape: str(shape)
)
@pytest.mark.parametrize("side", ["engine", "reference"])
def test_images_of_another_shape_are_refused(alexnet: engine.AlexNet, side: str, shape: tuple[int, ...]) -> None:
    model = alexnet if side == "engine" else reference_paper()
    image = Tensor(np.zeros(shape, np.float32)) if side == "engine" else torch.zeros(shape)
    shown = ", ".join(map(str, shape))
    with pytest.raises(ValueError, match=rf"image must have shape \(batch, 3, 227, 227\), got \({shown}\)"):
        model(image)


def reference_paper() -> reference.AlexNet:
    """The reference at the paper's size, without memory for its weights."""
    with torch.device("meta"):
        return reference.build(PAPER)


# ---- local response normalisation ------------------------------------------------------------------------------------


def normalised(a: np.ndarray, n: int, k: float, alpha: float, beta: float) -> np.ndarray:
    """Section 3.3 to the letter: N maps, sums from max(0, i - n/2) to min(N - 1, i + n/2)."""
    b = np.empty_like(a)
    maps = a.shape[1]
    for i in range(maps):
        window = slice(max(0, i - n // 2), min(maps - 1, i + n // 2) + 1)
        b[:, i] = a[:, i] / (k + alpha * (a[:, window] ** 2).sum(axis=1)) ** beta
    return b


@given(maps=st.integers(1, 9), n=st.sampled_from([1, 3, 5, 7]), seed=st.integers(0, 10**6))
def test_normalisation_is_the_papers_formula_on_both_sides_and_torchs_with_alpha_times_n(
    maps: int, n: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    a = 3 * rng.standard_normal((2, maps, 3, 2))
    k, alpha, beta = rng.uniform([0.5, 1e-3, 0.1], [3.0, 0.5, 1.5])
    expected = normalised(a, n, k, alpha, beta)
    ours, theirs, weight = Tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True), rng.random(a.shape)
    witness = torch.tensor(a, requires_grad=True)
    results = (
        engine.LocalResponseNorm(n, k, alpha, beta)(ours),
        reference.LocalResponseNorm(n, k, alpha, beta)(theirs),
        torch.nn.LocalResponseNorm(n, alpha=alpha * n, beta=beta, k=k)(witness),
    )
    (results[0] * Tensor(weight)).sum().backward()
    for result, leaf in zip(results[1:], (theirs, witness), strict=True):
        (result * torch.tensor(weight)).sum().backward()
        np.testing.assert_allclose(result.detach().numpy(), expected, rtol=1e-10)
        np.testing.assert_allclose(leaf.grad.numpy(), ours.grad.numpy(), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(results[0].numpy(), expected, rtol=1e-10)


def test_constants_are_the_papers() -> None:
    for side in (engine, reference):
        norm = side.LocalResponseNorm()
        assert (norm.n, norm.k, norm.alpha, norm.beta) == (5, 2.0, 1e-4, 0.75)
    assert (PAPER.lrn_size, PAPER.lrn_alpha) == (5, 1e-4)


def test_normalisation_matters_in_the_tiny_network() -> None:
    """Or parity, which compares the tiny network, would hardly see its sum of neighbours."""
    with_sum, without = (network(tiny(lrn_alpha=alpha)) for alpha in (TINY.lrn_alpha, 0.0))
    first, second = (outputs(m, lambda m=m: m(example(TINY)["image"]))["norm1"] for m in (with_sum, without))
    assert np.abs(first - second).max() > 0.5 * np.abs(first).max()


def test_builtin_form_is_the_same_function() -> None:
    """What benchmarks take as torch's fastest form equals the one written out, noise included."""
    written, torchs = reference.build(TINY), builtin.build(TINY)
    assert isinstance(torchs.norm1, torch.nn.LocalResponseNorm)
    assert isinstance(torchs.norm2, torch.nn.LocalResponseNorm)
    torchs.load_state_dict(written.state_dict())
    image = 60 * torch.randn(4, 3, 33, 33, generator=torch.Generator().manual_seed(0))
    results = []
    for model in (written, torchs):
        torch.manual_seed(3)
        results.append(model.train()(image))
    torch.testing.assert_close(*results)


# ---- initial values, dropout -----------------------------------------------------------------------------------------


def test_initial_values_of_section_5(alexnet: engine.AlexNet) -> None:
    """N(0, 0.01²); biases 1 in conv2, conv4, conv5 and the hidden layers, 0 elsewhere."""
    for layer in LAYERS:
        weight, bias = (getattr(getattr(alexnet, layer), kind).numpy() for kind in ("weight", "bias"))
        assert weight.std() == pytest.approx(0.01, rel=5 / (2 * weight.size) ** 0.5), layer
        assert abs(weight.mean()) < 5 * 0.01 / weight.size**0.5, layer
        tails = (np.abs(weight) > 0.02).mean()
        assert tails == pytest.approx(0.0455, abs=5 * (0.0455 / weight.size) ** 0.5), layer  # of a normal distribution
        assert (bias == (layer in ("conv2", "conv4", "conv5", "fc6", "fc7"))).all(), layer


def test_reference_starts_from_the_same_distribution() -> None:
    torch.manual_seed(0)
    theirs = dict(reference.build(VARIANTS["2012"]["small"]).named_parameters())
    ours = dict(engine.build(VARIANTS["2012"]["small"], generator(0)).named_parameters())
    assert list(ours) == list(theirs)
    for name, parameter in ours.items():
        values = theirs[name].detach().numpy()
        if name.endswith("weight"):
            assert parameter.numpy().std() == pytest.approx(values.std(), rel=0.15), name
        else:
            np.testing.assert_array_equal(parameter.numpy(), values, err_msg=name)


def test_small_network_keeps_the_spread_of_the_papers_first_signals() -> None:
    """Its weights start 4 times as large as its units have fewer inputs: std * sqrt(inputs) is of the paper's size."""
    spreads = {}
    for size in ("small", "paper"):
        config = VARIANTS["2012"][size]
        m1, m2, m3, m4 = config.maps[:4]
        inputs = np.array([m1 / 2 * 25, m2 * 9, m3 / 2 * 9, m4 / 2 * 9, config.flat, config.units])
        spreads[size] = config.init_std * np.sqrt(inputs)
    ratio = spreads["small"] / spreads["paper"]
    assert 0.4 < ratio.min() < ratio.max() < 1.5


def test_the_papers_small_weights_hand_nothing_through_narrow_layers() -> None:
    """Why ``small`` does not start from N(0, 0.01²): all images get the same answer, give or take a millionth."""
    spreads = []
    for std in (0.01, 0.04):
        config = replace(VARIANTS["2012"]["small"], init_std=std, batch_size=16)
        output = network(config).eval()(example(config)["image"]).numpy()
        spreads.append(output.std(axis=0).mean())
    assert spreads[0] < 1e-5
    assert spreads[1] > 1e-2


def test_units_are_dropped_from_fc6_and_fc7_in_training_only() -> None:
    model, batch = network(TINY), example(TINY)
    for mode, variant, expected in ((True, "2012", [(4, 16)] * 2), (False, "2012", []), (True, "no-dropout", [])):
        model = network(tiny(variant)).train(mode)
        with record_draws() as draws:
            found = outputs(model, lambda model=model: model(batch["image"]))
        assert [draw.shape for draw in draws] == expected
        for drop, layer, draw in zip(("drop6", "drop7"), ("fc6", "fc7"), draws, strict=False):
            assert set(np.unique(draw)) <= {0, 1}
            np.testing.assert_allclose(found[drop], 2 * draw * np.maximum(found[layer], 0))  # inverted: twice as much
