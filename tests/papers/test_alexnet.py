"""AlexNet as the paper states it: shapes, counts, towers, normalisation, initial values, dropout and update rule."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from papers.alexnet import model as engine
from papers.alexnet import train as engine_train
from papers.alexnet.config import VARIANTS, AlexNetConfig
from papers.alexnet.data import example_batch
from reference.alexnet import builtin
from reference.alexnet import model as reference
from reference.alexnet import train as reference_train
from tinygrad_lab import Tensor, nn, no_grad
from tinygrad_lab.nn import functional as F
from tinygrad_lab.random import generator, record_draws

PAPER, TINY = VARIANTS["2012"]["paper"], VARIANTS["2012"]["tiny"]
LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")


def count(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def tiny(variant: str = "2012", **changes: Any) -> AlexNetConfig:
    return replace(VARIANTS[variant]["tiny"], **changes)


def network(config: AlexNetConfig, seed: int = 0) -> engine.AlexNet:
    return engine.build(config, generator(seed)).double()


def example(config: AlexNetConfig, seed: int = 0) -> dict[str, Any]:
    batch = example_batch(config, generator(seed))
    return {key: Tensor(value) if isinstance(value, np.ndarray) else value for key, value in batch.items()}


def outputs(model: Any, run: Callable[[], Any]) -> dict[str, np.ndarray]:
    """What each layer gave out, by name."""
    found: dict[str, np.ndarray] = {}
    handles = [
        module.register_forward_hook(lambda _m, _a, out, name=name: found.update({name: out.numpy()}))
        for name, module in model.named_children()
    ]
    run()
    for handle in handles:
        handle.remove()
    return found


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
            assert VARIANTS[variant][size] == replace(config, variant=variant, **changed)
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


# ---- training --------------------------------------------------------------------------------------------------------


def test_updates_are_the_papers_while_the_rate_is_constant() -> None:
    """Section 5: v <- 0.9 v - 0.0005 e w - e g, w <- w + v. Weight decay holds for every parameter."""
    config = tiny(divisions=0)
    model = network(config)
    optimizer, scheduler = engine_train.configure_optimizer(model, config, 5)
    w = {name: parameter.numpy().copy() for name, parameter in model.named_parameters()}
    v = {name: np.zeros_like(value) for name, value in w.items()}
    for step in range(5):
        batch = example(config, step)
        list(engine_train.train(model, optimizer, scheduler, [batch]))
        for name, parameter in model.named_parameters():  # the gradients at the old weights are still there
            v[name] = 0.9 * v[name] - 0.0005 * 0.01 * w[name] - 0.01 * parameter.grad.numpy()
            w[name] = w[name] + v[name]
            np.testing.assert_allclose(parameter.numpy(), w[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_a_smaller_rate_brakes_the_old_momentum_too_which_it_does_not_in_the_paper() -> None:
    """The buffer holds gradients and is multiplied by today's rate; the paper's v holds steps of yesterday's."""
    layer = nn.Linear(1, 1, bias=False)
    optimizer, scheduler = engine_train.configure_optimizer(layer, tiny(weight_decay=0.0, divisions=1), 2)
    positions = [layer.weight.item()]
    for gradient in (1.0, 0.0):
        layer.weight.grad = Tensor(np.full((1, 1), gradient, np.float32))
        optimizer.step()
        scheduler.step()
        positions.append(layer.weight.item())
    np.testing.assert_allclose(np.diff(positions), [-0.01, -0.9 * 0.001], rtol=1e-4)  # the paper's second: -0.9 * 0.01


@pytest.mark.parametrize("side", ["engine", "reference"])
def test_the_rate_is_divided_by_10_after_each_half_of_what_is_left(side: str) -> None:
    module, model = (
        (engine_train, network(TINY)) if side == "engine" else (reference_train, reference.build(TINY).double())
    )
    optimizer, scheduler = module.configure_optimizer(model, TINY, 80)
    rates = []
    for _ in range(80):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    expected = [1e-2] * 40 + [1e-3] * 20 + [1e-4] * 10 + [1e-5] * 10
    np.testing.assert_allclose(rates, expected)


def test_recipe_is_the_papers() -> None:
    assert (PAPER.batch_size, PAPER.momentum, PAPER.weight_decay) == (128, 0.9, 5e-4)
    assert (PAPER.learning_rate, PAPER.divisions, PAPER.epochs, PAPER.drop) == (0.01, 3, 90, 0.5)
    assert (PAPER.stored_size, PAPER.crops, PAPER.flips, PAPER.colour, PAPER.ten_views) == (256, True, True, 0.1, True)


@pytest.mark.parametrize("module", [engine, reference])
def test_answers_to_views_are_averaged_as_probabilities(module: Any) -> None:
    side, array = (Tensor, lambda t: t.numpy()) if module is engine else (torch.tensor, lambda t: t.detach().numpy())
    model = (network(TINY) if module is engine else module.build(TINY).double()).eval()
    views = 60 * np.random.default_rng(0).standard_normal((3, 2, 3, 33, 33))
    logits = np.stack([array(model(side(view))) for view in views])
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    found = np.exp(array(module.average_over_views(model, side(views))))
    np.testing.assert_allclose(found, probabilities.mean(axis=0), rtol=1e-10)


@pytest.mark.parametrize("module", [engine_train, reference_train])
def test_top_k_counts_ties_and_what_is_no_number_as_wrong(module: Any) -> None:
    side = Tensor if module is engine_train else torch.tensor
    output = np.array([[5.0, 4, 3, 2, 1, 0], [5, 5, 3, 2, 1, 0], [np.nan] * 6, [0, 1, 2, 3, 4, 5]])
    for label, k, expected in (
        ([0, 2, 0, 5], 1, 2), ([0, 0, 0, 0], 1, 1), ([4, 4, 0, 1], 5, 3), ([5, 5, 0, 0], 5, 0),
    ):  # fmt: skip
        assert module.top(side(output), side(np.array(label)), k) == expected


def test_halves_of_a_batch_add_up_to_the_whole() -> None:
    config = tiny("no-dropout", batch_size=6)
    model, batch = network(config), example(config)

    def part(rows: slice) -> float:
        return engine.loss(model, batch | {"image": batch["image"][rows], "label": batch["label"][rows]}).item()

    assert part(slice(0, 2)) + part(slice(2, 6)) == pytest.approx(part(slice(0, 6)), rel=1e-12)


# ---- configurations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 224}, r"image_size must be kernel plus a multiple of stride.*got 224 with kernel=11, stride=4"),
        ({"image_size": 7}, "image_size must be kernel plus a multiple of stride"),
        ({"image_size": 35}, "leaves nothing after three poolings"),
        ({"stored_size": 200}, "stored_size must be at least image_size, got 200 and 227"),
        ({"activation": "gelu"}, "activation must be relu or tanh, got 'gelu'"),
        ({"maps": (96, 256)}, r"maps must be five numbers of at least 1, got \(96, 256\)"),
        ({"groups": 3}, "groups must divide every number of maps, got groups=3"),
        ({"lrn_size": 4}, "lrn_size must be odd, or 0 for no normalisation, got 4"),
        ({"pool_window": 4}, "pool_window must be 2 or 3, got 4"),
        ({"channels": 0}, "channels must be at least 1, got 0"),
        ({"drop": 1.0}, r"drop must be in \[0, 1\), got 1.0"),
        ({"learning_rate": 0.0}, r"learning_rate must be above 0, got 0\.0"),
        ({"pixel_scale": -1.0}, r"pixel_scale must be above 0, got -1\.0"),
        ({"momentum": -0.1}, "momentum must be at least 0, got -0.1"),
    ],
)
def test_impossible_configurations_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PAPER, **changes)
