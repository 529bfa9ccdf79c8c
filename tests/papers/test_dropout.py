"""Dropout: what the noise does, what weight scaling means, and what the projection touches."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from papers.dropout import PAPER, data
from papers.dropout.config import VARIANTS, DropoutConfig
from papers.dropout.model import Dropout, GaussianDropout, PaperDropout, build, loss, monte_carlo
from papers.dropout.train import configure_optimizer, max_norm_, train
from reference.dropout import model as reference
from reference.dropout import train as reference_train
from tests.papers.seeded import seeded
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.lab.noise import ReplayDraws
from tinygrad_lab.lab.sides import sides
from tinygrad_lab.nn import functional as F
from tinygrad_lab.nn.constraints import max_norm_ as library_max_norm_
from tinygrad_lab.random import generator, record_draws

NOISES = [Dropout, PaperDropout, GaussianDropout]
drops = st.sampled_from([0.1, 0.2, 0.5, 0.75])


def tiny(variant: str = "dropout", **changes) -> DropoutConfig:
    return replace(VARIANTS[variant]["tiny"], **changes)


def example(config: DropoutConfig, seed: int = 0) -> dict:
    batch = data.example_batch(config, generator(seed))
    return {key: Tensor(value) if isinstance(value, np.ndarray) else value for key, value in batch.items()}


def network(config: DropoutConfig, seed: int = 0):
    return build(config, generator(seed)).double()


# ---- the noise -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", NOISES)
@given(drop=drops)
def test_noise_has_the_stated_mean_and_variance(noise: type[Dropout], drop: float) -> None:
    draws = seeded(noise, drop)(Tensor(np.ones(200_000))).numpy()
    retain = 1 - drop
    mean, variance = (retain, retain * drop) if noise is PaperDropout else (1.0, drop / retain)
    assert draws.mean() == pytest.approx(mean, abs=5 * (variance / draws.size) ** 0.5)  # five standard errors
    assert draws.var() == pytest.approx(variance, rel=0.05)


@given(drop=drops)
def test_bernoulli_noise_takes_two_values(drop: float) -> None:
    for noise, kept in ((Dropout, 1 / (1 - drop)), (PaperDropout, 1.0)):
        np.testing.assert_allclose(np.unique(seeded(noise, drop)(Tensor(np.ones(1000))).numpy()), [0, kept])


@pytest.mark.parametrize("noise", NOISES)
def test_every_case_and_every_presentation_has_noise_of_its_own(noise: type[Dropout]) -> None:
    layer = seeded(noise, 0.5)
    first, second = (layer(Tensor(np.ones((8, 64)))).numpy() for _ in range(2))
    assert len(np.unique(first, axis=0)) == 8
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("noise", NOISES)
def test_backward_uses_the_noise_of_forward(noise: type[Dropout]) -> None:
    y = Tensor(np.full((5, 7), 3.0), requires_grad=True)
    output = seeded(noise, 0.5)(y)
    output.sum().backward()
    np.testing.assert_allclose(y.grad.numpy(), output.numpy() / 3.0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_evaluation_draws_nothing(variant: str) -> None:
    model = network(tiny(variant)).eval()
    with record_draws() as draws:
        first, second = (model(example(tiny())["image"]).numpy() for _ in range(2))
    assert draws == []
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("variant", VARIANTS)
def test_training_draws_once_for_the_input_and_each_hidden_layer_never_for_the_output(variant: str) -> None:
    config = tiny(variant)
    with record_draws() as draws:
        loss(network(config), example(config))
    expected = [] if variant == "standard" else [(4, 64), (4, 12), (4, 10)]
    assert [draw.shape for draw in draws] == expected


@pytest.mark.parametrize("drop", [1.0, -0.1, 1.5])
@pytest.mark.parametrize("side", [Dropout, reference.Dropout])
def test_impossible_probabilities_are_refused(side: type, drop: float) -> None:
    with pytest.raises(ValueError, match=r"Dropout: drop must be in \[0, 1\), got"):
        side(drop)


# ---- inverted dropout and weight scaling -----------------------------------------------------------------------------


def inverted_and_scaled(config: DropoutConfig):
    """Both forms of one function, with the same masks: the scaled one's weights are larger by 1 / p of their inputs."""
    inverted, scaled = network(config), network(replace(config, variant="weight-scaling"))
    weights = dict(inverted.state_dict())
    for noise, name in zip(inverted.noise, ["hidden.0", "hidden.1", "output"], strict=True):
        weights[f"{name}.weight"] = weights[f"{name}.weight"] / noise.retain
        weights[f"{name}.bias"] = weights[f"{name}.bias"] + 0.1  # not 0: a scaled bias would go unseen otherwise
    scaled.load_state_dict(weights)
    inverted.load_state_dict({k: v for k, v in weights.items() if "bias" in k}, strict=False)
    for model in (inverted, scaled):
        same = generator(7)
        for noise in model.noise:
            noise.generator = same
    return inverted, scaled


def test_inverted_dropout_is_weight_scaling_with_the_scale_in_the_weights() -> None:
    inverted, scaled = inverted_and_scaled(tiny())
    image = example(tiny())["image"]
    np.testing.assert_allclose(inverted(image).numpy(), scaled(image).numpy(), rtol=1e-12)
    np.testing.assert_allclose(inverted.eval()(image).numpy(), scaled.eval()(image).numpy(), rtol=1e-12)


def test_weight_scaling_needs_a_learning_rate_larger_by_the_square_of_the_scale() -> None:
    """W = p W', so dW' = p dW: a step of W' by lr / p² moves W by lr."""
    inverted, scaled = inverted_and_scaled(tiny())
    for model in (inverted, scaled):
        loss(model, example(tiny())).backward()
    for plain, paper, noise in zip(inverted.hidden, scaled.hidden, inverted.noise, strict=False):
        step = plain.weight.numpy() - 0.1 * plain.weight.grad.numpy()
        larger = paper.weight.numpy() - 0.1 / noise.retain**2 * paper.weight.grad.numpy()
        np.testing.assert_allclose(step, noise.retain * larger, rtol=1e-10)


@given(drop=drops)
def test_weight_scaling_scales_the_next_weights_and_not_the_next_bias(drop: float) -> None:
    rng = np.random.default_rng(0)
    y, weight, bias = (Tensor(rng.standard_normal(shape)) for shape in ((3, 4), (5, 4), 5))
    scaled = F.linear(PaperDropout(drop).eval()(y), weight, bias).numpy()
    np.testing.assert_allclose(scaled, F.linear(y, (1 - drop) * weight, bias).numpy())
    assert not np.allclose(scaled, (1 - drop) * F.linear(y, weight, bias).numpy())


def test_one_softmax_layer_with_scaled_weights_is_the_geometric_mean_of_all_thinned_ones() -> None:
    """The reason for weight scaling; exact for a softmax on inputs with p = 1/2, by enumerating all networks."""
    rng = np.random.default_rng(0)
    y, weight, bias = rng.standard_normal(6), rng.standard_normal((3, 6)), rng.standard_normal(3)
    masks = np.array(list(itertools.product([0.0, 1.0], repeat=6)))
    logits = (masks * y) @ weight.T + bias
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    geometric = np.exp(logs.mean(axis=0))
    scaled = F.softmax(F.linear(PaperDropout(0.5).eval()(Tensor(y)), Tensor(weight), Tensor(bias)), dim=0).numpy()
    np.testing.assert_allclose(scaled, geometric / geometric.sum())


@given(retain=st.floats(0.1, 0.9), seed=st.integers(0, 1000))
def test_linear_regression_with_dropout_is_a_ridge_scaled_by_the_data(retain: float, seed: int) -> None:
    """Section 9.1: E|y - (R*X)w|² = |y - pXw|² + p(1-p)|Gw|² with G² the diagonal of X'X, over all 2^6 masks."""
    rng = np.random.default_rng(seed)
    x, y, w = rng.standard_normal((2, 3)), rng.standard_normal(2), rng.standard_normal(3)
    expected = 0.0
    for bits in itertools.product([0, 1], repeat=6):
        mask = np.array(bits).reshape(2, 3)
        probability = retain ** mask.sum() * (1 - retain) ** (6 - mask.sum())
        expected += probability * ((y - (mask * x) @ w) ** 2).sum()
    ridge = retain * (1 - retain) * ((x**2).sum(axis=0) * w**2).sum()
    assert expected == pytest.approx(((y - retain * x @ w) ** 2).sum() + ridge)


def test_monte_carlo_averages_over_the_masks() -> None:
    """One hidden layer of eight units, no input noise: all 256 thinned networks against samples of four."""
    config = tiny(hidden=(8,), drop_input=0.0)
    model, image = network(config), Tensor(np.repeat(example(config)["image"].numpy()[:1], 4000, axis=0))
    with no_grad():
        masks = np.array(list(itertools.product([0.0, 2.0], repeat=8)))
        every = F.softmax(model.output(Tensor(masks * model.features(image[:1]).numpy())), dim=1).numpy()
    averages = monte_carlo(model, image, samples=4).numpy()  # 4000 of them
    np.testing.assert_allclose(averages.mean(axis=0), every.mean(axis=0), atol=5 * every.std() / 16_000**0.5)
    np.testing.assert_allclose(averages.var(axis=0), every.var(axis=0) / 4, rtol=0.15)


# ---- max-norm --------------------------------------------------------------------------------------------------------


def test_max_norm_shortens_long_rows_and_leaves_short_ones_alone() -> None:
    rows = np.array([[3.0, 4.0], [0.6, 0.8], [0.0, 0.0], [0.0, 2.0]])
    weight = Tensor(rows)
    max_norm_(weight, 2.0)
    np.testing.assert_allclose(weight.numpy()[0], [1.2, 1.6])
    np.testing.assert_array_equal(weight.numpy()[1:], rows[1:])


@given(seed=st.integers(0, 100), c=st.sampled_from([0.5, 2.0, 3.0]))
def test_max_norm_agrees_with_the_library_and_with_torch(seed: int, c: float) -> None:
    rows = np.random.default_rng(seed).standard_normal((6, 5))
    ours, library, theirs = Tensor(rows), Tensor(rows), torch.from_numpy(rows.copy())
    max_norm_(ours, c)
    library_max_norm_(library, c)
    reference_train.max_norm_(theirs, c)
    np.testing.assert_allclose(ours.numpy(), library.numpy())
    np.testing.assert_allclose(ours.numpy(), theirs.numpy())
    np.testing.assert_allclose(ours.numpy(), torch.renorm(torch.from_numpy(rows), 2, 0, c).numpy(), rtol=1e-6)


def test_training_with_max_norm_bounds_hidden_rows_only() -> None:
    config = tiny("max-norm", max_norm=0.3, learning_rate=1.0)
    model = network(config)
    optimizer, scheduler = configure_optimizer(model, config, 10)
    list(train(model, optimizer, scheduler, [example(config, seed) for seed in range(5)]))
    norms = [np.linalg.norm(layer.weight.numpy(), axis=1) for layer in model.hidden]
    assert all(norm.max() <= 0.3 * (1 + 1e-12) for norm in norms)
    assert np.linalg.norm(model.output.weight.numpy(), axis=1).max() > 0.3
    assert np.linalg.norm(model.output.bias.numpy()) > 0.3


def test_the_projection_is_at_work_in_the_tiny_network() -> None:
    """Parity compares trajectories of the tiny network: they must need the projection."""
    finals = []
    for bound in (VARIANTS["max-norm"]["tiny"].max_norm, 0.0):
        config = tiny("max-norm", max_norm=bound)
        model = network(config)
        optimizer, scheduler = configure_optimizer(model, config, 20)
        list(train(model, optimizer, scheduler, [example(config, seed) for seed in range(20)]))
        finals.append([layer.weight.numpy().copy() for layer in model.hidden])
    assert all(np.abs(bounded - free).max() > 1e-3 for bounded, free in zip(*finals, strict=True))


# ---- the third witness -----------------------------------------------------------------------------------------------


@given(drop=drops)
def test_torch_dropout_under_the_same_draws(drop: float) -> None:
    y = np.random.default_rng(0).standard_normal((4, 9))
    ours = Tensor(y, requires_grad=True)
    theirs, witness = (torch.from_numpy(y).requires_grad_() for _ in range(2))
    with record_draws() as draws:
        output = seeded(Dropout, drop)(ours)
    (output * output).sum().backward()
    for layer, leaf in ((reference.Dropout(drop), theirs), (torch.nn.Dropout(drop), witness)):
        with ReplayDraws(draws):
            result = layer(leaf)
        (result * result).sum().backward()
        np.testing.assert_allclose(output.numpy(), result.detach().numpy(), rtol=1e-12)
        np.testing.assert_allclose(ours.grad.numpy(), leaf.grad.numpy(), rtol=1e-12)


def test_network_agrees_with_one_built_from_torch_layers() -> None:
    config = tiny()
    model = network(config)
    p_in, p = config.drop_input, config.drop_hidden
    nn = torch.nn
    witness = nn.Sequential(
        nn.Dropout(p_in), nn.Linear(64, 12), nn.ReLU(), nn.Dropout(p), nn.Linear(12, 10), nn.ReLU(), nn.Dropout(p),
        nn.Linear(10, 10),
    ).double()  # fmt: skip
    values = [torch.from_numpy(value.copy()) for value in model.state_dict().values()]
    witness.load_state_dict(dict(zip(witness.state_dict(), values, strict=True)))
    batch = example(config)
    with record_draws() as draws:
        ours = loss(model, batch)
    with ReplayDraws(draws) as replay:
        output = witness(torch.from_numpy(batch["image"].numpy().copy()))
    replay.check_all_used()
    theirs = torch.nn.functional.cross_entropy(output, torch.from_numpy(batch["label"].numpy().copy()))
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-12)


# ---- the paper's sizes, and the data ---------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameter_counts(variant: str) -> None:
    """784-1024-1024-1024-10: noise has no parameters, so every variant has the same number."""
    counts = {
        size: sum(parameter.numel() for parameter in build(config, generator(0)).parameters())
        for size, config in PAPER.variants[variant].items()
    }
    expected = (784 + 1) * 1024 + 2 * (1024 + 1) * 1024 + (1024 + 1) * 10
    assert counts["paper"] == expected == 2_913_290
    assert counts["small"] == (784 + 1) * 800 + (800 + 1) * 800 + (800 + 1) * 10 == 1_276_810


def test_drop_probabilities_are_the_complement_of_the_papers() -> None:
    config = VARIANTS["dropout"]["paper"]
    assert (1 - config.drop_input, 1 - config.drop_hidden) == (0.8, 0.5)
    assert VARIANTS["max-norm"]["paper"].max_norm == 2.0


def test_tiny_network_trains_on_the_embedded_digits() -> None:
    config = tiny(hidden=(64,), batch_size=64, epochs=5)
    side, _ = sides(PAPER)
    model = side.build(config)
    batches = data.training_batches(config, generator(0))
    optimizer, scheduler = side.optimizer(model, config, 5 * len(batches))
    for _ in range(5):
        list(side.train(model, optimizer, scheduler, batches))
    assert side.evaluate(model, data.evaluation_batches(config, "test"))["error"] < 15


def test_blobs_overlap_as_much_as_stated() -> None:
    config = tiny(dataset="blobs", inputs=2, classes=2, train_items=100)
    points = data.dataset(config, "test")
    right = (points.images[:, 0, 0, 0] > 0) == points.labels
    assert 90 < data.bayes_accuracy() < 92
    assert 100 * right.mean() == pytest.approx(data.bayes_accuracy(), abs=1)
    centres = [points.images[points.labels == label].mean() for label in (0, 1)]
    assert centres == pytest.approx([-data.BLOB_DISTANCE / 4, data.BLOB_DISTANCE / 4], abs=0.05)  # of both coordinates
    assert len(data.dataset(config, "train").labels) == 100
    assert data.dataset(config, "train").checksum != data.dataset(replace(config, seed=1), "train").checksum


def test_training_and_validation_items_are_disjoint() -> None:
    config = tiny(train_items=1000)
    total = len(data.dataset(tiny(), "train").labels)
    parts = [data.dataset(config, split).images for split in ("train", "validation")]
    assert [len(part) for part in parts] == [1000, total - 1000]
    whole = np.sort(data.dataset(tiny(), "train").images.reshape(total, -1).sum(axis=1))
    np.testing.assert_allclose(np.sort(np.concatenate(parts).reshape(total, -1).sum(axis=1)), whole)


@pytest.mark.parametrize(("items", "split"), [(10**6, "train"), (0, "validation")])
def test_impossible_subsets_are_refused(items: int, split: str) -> None:
    with pytest.raises(ValueError, match=r"train_items must be"):
        data.dataset(tiny(train_items=items), split)


def test_images_become_flat_vectors_between_0_and_1() -> None:
    batch = next(iter(data.evaluation_batches(VARIANTS["dropout"]["small"], "test")))
    assert batch["image"].shape == (len(batch["label"]), 784)
    assert (batch["image"].min(), batch["image"].max()) == (0, 1)


def test_builtin_form_is_the_same_function() -> None:
    """What benchmarks take as torch's fastest form equals the one written out, noise included."""
    from reference.dropout import builtin, model

    config = VARIANTS["dropout"]["tiny"]
    written, torchs = model.build(config), builtin.build(config)
    assert all(isinstance(noise, torch.nn.Dropout) for noise in torchs.noise)
    torchs.load_state_dict(written.state_dict())
    image = torch.rand(4, config.inputs)
    outputs = []
    for network in (written, torchs):
        torch.manual_seed(3)
        outputs.append(network.train()(image))
    torch.testing.assert_close(*outputs)


@pytest.mark.parametrize("layer", [Dropout, PaperDropout, GaussianDropout])
def test_nothing_is_drawn_where_nothing_is_dropped(layer: type[Dropout]) -> None:
    with record_draws() as draws:
        y = layer(0.0).train()(Tensor(np.ones((2, 3), np.float32)))
    assert draws == []
    np.testing.assert_array_equal(y.numpy(), 1)
