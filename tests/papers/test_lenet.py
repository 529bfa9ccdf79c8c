"""LeNet-5 as the paper states it: parameters, connections, shapes, squashing, output code and loss."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from papers.lenet import model as engine
from papers.lenet.bitmaps import BITMAPS
from papers.lenet.config import VARIANTS
from papers.lenet.data import dataset, evaluation_batches, training_batches
from tests.papers.seeded import seeded
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.random import generator

PAPER = VARIANTS["1998"]["paper"]


def count(module: object) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="module")
def lenet() -> engine.LeNet5:
    return seeded(engine.LeNet5, PAPER)


def test_trainable_parameters_of_each_layer(lenet: engine.LeNet5) -> None:
    """Section II-B gives them one by one; 60,000 in all."""
    counts = {name: count(module) for name, module in lenet.named_children()}
    assert counts == {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48120, "f6": 10164, "rbf": 0}
    assert count(lenet) == 60_000


def test_modern_variant_has_other_counts() -> None:
    modern = seeded(engine.LeNet5Modern, VARIANTS["modern"]["paper"])
    assert count(modern) == 61_706
    assert count(modern.conv2) == 2416


def test_shapes_of_each_layer(lenet: engine.LeNet5) -> None:
    shapes = {}
    handles = [
        module.register_forward_hook(lambda _m, _a, out, name=name: shapes.update({name: out.shape[1:]}))
        for name, module in lenet.named_children()
    ]
    with no_grad():
        lenet(Tensor(np.zeros((2, 1, 32, 32), np.float32)))
    for handle in handles:
        handle.remove()
    assert shapes == {
        "c1": (6, 28, 28), "s2": (6, 14, 14), "c3": (16, 10, 10), "s4": (16, 5, 5), "c5": (120, 1, 1), "f6": (84,),
        "rbf": (10,),
    }  # fmt: skip


def test_squash_goes_through_plus_and_minus_one() -> None:
    values = engine.squash(Tensor([1.0, -1.0, 0.0, 100.0])).numpy()
    np.testing.assert_allclose(values, [1.0, -1.0, 0.0, 1.7159], atol=2e-5)


def test_table_1_has_60_connections_and_breaks_symmetry() -> None:
    assert sum(len(inputs) for inputs in engine.C3_INPUTS) == 60
    assert sorted(len(inputs) for inputs in engine.C3_INPUTS) == [3] * 6 + [4] * 9 + [6]
    assert len(set(engine.C3_INPUTS)) == 16
    uses = np.bincount([i for inputs in engine.C3_INPUTS for i in inputs])
    assert uses.tolist() == [10] * 6  # every map of S2 is read equally often


@given(st.integers(0, 15), st.integers(0, 5))
def test_c3_map_ignores_what_it_is_not_connected_to(output: int, changed: int) -> None:
    c3 = seeded(engine.PartialConvolution)
    rng = np.random.default_rng(0)
    before = rng.standard_normal((1, 6, 6, 6)).astype(np.float32)
    after = before.copy()
    after[:, changed] += 1.0
    moved = np.abs(c3(Tensor(after)).numpy() - c3(Tensor(before)).numpy())[0, output].max() > 1e-6
    assert moved == (changed in engine.C3_INPUTS[output])


def test_subsampling_is_the_sum_of_four_times_one_weight(lenet: engine.LeNet5) -> None:
    rng = np.random.default_rng(1)
    image = rng.standard_normal((2, 6, 4, 4)).astype(np.float32)
    total = image.reshape(2, 6, 2, 2, 2, 2).sum(axis=(3, 5))
    weight, bias = (getattr(lenet.s2, name).numpy()[:, None, None] for name in ("weight", "bias"))
    expected = 1.7159 * np.tanh(2 / 3 * (weight * total + bias))
    np.testing.assert_allclose(lenet.s2(Tensor(image)).numpy(), expected, rtol=1e-5)


def test_initial_weights_lie_within_2_4_over_fan_in(lenet: engine.LeNet5) -> None:
    bounds = {"c1.weight": 2.4 / 25, "s2.weight": 0.6, "c3.weight": 2.4 / 75, "c5.weight": 2.4 / 400, "f6.bias": 0.02}
    for name, parameter in lenet.named_parameters():
        if name in bounds:
            largest = float(np.abs(parameter.numpy()).max())
            assert 0.5 * bounds[name] < largest <= bounds[name], name
    full = np.abs(lenet.c3.weight.numpy()[-6:]).max()  # the last map reads all six: 150 inputs
    assert full <= 2.4 / 150 * (1 + 1e-6)


def test_bitmaps_are_ten_different_drawings_of_plus_and_minus_one() -> None:
    codes = np.array(BITMAPS)
    assert codes.shape == (10, 84)
    assert set(codes.ravel().tolist()) == {-1, 1}
    distances = (codes[:, None] != codes[None]).sum(-1)[np.triu_indices(10, 1)]
    assert distances.min() >= 8  # no two characters are nearly the same


def test_loss_is_equation_9() -> None:
    rng = np.random.default_rng(2)
    distances = rng.uniform(0, 5, (3, 10))
    label = np.array([1, 0, 7])
    model = seeded(engine.LeNet5, replace(PAPER, rubbish=0.7))
    expected = sum(
        d[c] + math.log(math.exp(-0.7) + sum(math.exp(-y) for y in d)) for d, c in zip(distances, label, strict=True)
    )
    assert model.loss(Tensor(distances), Tensor(label)).item() == pytest.approx(expected, rel=1e-12)


def test_rubbish_constant_stops_pushing_wrong_classes_that_are_far_away() -> None:
    """dE/dy_i = -exp(-y_i) / (exp(-j) + sum exp(-y)): next to nothing once y_i is well beyond j."""
    distances = Tensor(np.array([[1.0, 50.0] + [60.0] * 8]), requires_grad=True)
    seeded(engine.LeNet5, replace(PAPER, rubbish=1.0)).loss(distances, Tensor(np.array([0]))).backward()
    gradient = distances.grad.numpy()[0]
    assert gradient[0] > 0.1
    assert np.abs(gradient[1:]).max() < 1e-15


def test_prediction_is_the_smallest_distance_but_the_largest_logit() -> None:
    output = Tensor([[3.0, 1.0, 2.0] + [9.0] * 7])
    assert seeded(engine.LeNet5, PAPER).predict(output).tolist() == [1]
    modern = seeded(engine.LeNet5Modern, VARIANTS["modern"]["paper"])
    assert modern.predict(Tensor([[3.0, 1.0, 2.0] + [0.0] * 7])).tolist() == [0]


def test_halves_of_a_batch_add_up_to_the_whole() -> None:
    rng = np.random.default_rng(3)
    image, label = rng.standard_normal((6, 1, 32, 32)), rng.integers(0, 10, 6)
    model = seeded(engine.LeNet5, PAPER).double()

    def part(rows: slice) -> float:
        return engine.loss(model, {"image": Tensor(image[rows]), "label": Tensor(label[rows]), "count": 6.0}).item()

    assert part(slice(0, 2)) + part(slice(2, 6)) == pytest.approx(part(slice(0, 6)), rel=1e-12)


def test_embedded_digits_make_batches_of_the_right_form() -> None:
    config = replace(PAPER, dataset="digits", distort=True, batch_size=32)
    batch = next(iter(training_batches(config, generator(0))))
    assert batch["image"].shape == (32, 1, 32, 32)
    assert batch["image"].min() == pytest.approx(-0.1)
    assert batch["image"].max() <= 1.175 + 1e-6
    assert sum(b["count"] for b in evaluation_batches(config, "test")) == len(dataset(config, "test").labels)


def test_reference_starts_from_the_same_distribution() -> None:
    from reference.lenet import model as reference

    torch.manual_seed(0)
    theirs = dict(reference.build(PAPER).named_parameters())
    ours = dict(engine.build(PAPER, generator(0)).named_parameters())
    assert list(ours) == list(theirs)
    for name, parameter in ours.items():
        if parameter.numel() > 1000:
            assert parameter.numpy().std() == pytest.approx(theirs[name].detach().numpy().std(), rel=0.1), name


def test_subsampling_starts_within_the_range_of_its_four_inputs() -> None:
    """Uniform in +-2.4 / F (appendix A) on both sides: of 4,000 maps the largest weight is near the bound."""
    from reference.lenet import model as reference

    torch.manual_seed(0)
    for side in (seeded(engine.Subsampling, 4000), reference.Subsampling(4000)):
        for parameter in side.parameters():
            assert abs(parameter.detach()).max().item() == pytest.approx(2.4 / 4, rel=0.01)


def test_wrong_classes_take_part_in_the_tiny_network() -> None:
    """Or parity would compare a loss whose second term has no gradient."""
    tiny = VARIANTS["1998"]["tiny"]
    model = seeded(engine.LeNet5, tiny)
    output = model(Tensor(generator(0).standard_normal((4, 1, 16, 16)), dtype=np.float32))
    output.retain_grad()
    model.loss(output, Tensor(np.arange(4))).backward()
    wrong = np.ones((4, 10), bool)
    wrong[np.arange(4), np.arange(4)] = False
    assert np.abs(output.grad.numpy()[wrong]).max() > 0.01
