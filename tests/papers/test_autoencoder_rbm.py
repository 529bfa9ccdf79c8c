"""Restricted Boltzmann machines: exact sums over all states of tiny ones, what CD-1 is near to, stacks, both sides."""

from itertools import product

import numpy as np
import pytest
import torch

from papers.autoencoder import rbm as engine
from papers.autoencoder.config import AutoencoderConfig
from papers.autoencoder.model import build
from papers.autoencoder.rbm import RBM, Pretraining, learn, pretrain, sigmoid, step, unrolled
from reference.autoencoder import rbm as reference
from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.random import generator

NAMES = ("weight", "hidden_bias", "visible_bias")


def tiny(gaussian: bool = False, visible: int = 4, hidden: int = 3, seed: int = 0) -> RBM:
    """A machine in float64 with weights that matter."""
    machine, rng = RBM(visible, hidden, gaussian, generator(seed)), np.random.default_rng(seed)
    for name in NAMES:
        setattr(machine, name, 0.8 * rng.standard_normal(getattr(machine, name).shape))
    return machine


def states(units: int) -> np.ndarray:
    return np.array(list(product([0.0, 1.0], repeat=units)))


def energy(machine: RBM, v: np.ndarray, h: np.ndarray) -> np.ndarray:
    """(V, H) of all pairs of states, as the module's docstring defines it."""
    own = ((h - machine.hidden_bias) ** 2 / 2).sum(1) if machine.gaussian else -h @ machine.hidden_bias
    return np.asarray(-(v @ machine.visible_bias)[:, None] + own - v @ machine.weight.T @ h.T)


def probabilities(machine: RBM) -> np.ndarray:
    """Of all visible states, from the free energy."""
    weights = np.exp(-machine.free_energy(states(len(machine.visible_bias))))
    return np.asarray(weights / weights.sum())


# ---- means and energies ----------------------------------------------------------------------------------------------


def test_free_energy_is_minus_the_logarithm_of_the_sum_over_all_hidden_states() -> None:
    machine, v = tiny(), states(4)
    np.testing.assert_allclose(machine.free_energy(v), -np.log(np.exp(-energy(machine, v, states(3))).sum(1)))


def test_free_energy_of_gaussian_units_is_the_integral_up_to_a_constant() -> None:
    machine, v = tiny(gaussian=True, hidden=1), states(4)
    h = np.linspace(-30, 30, 60_001)[:, None]
    integral = -np.log(np.exp(-energy(machine, v, h)).sum(1) * 0.001)
    difference = machine.free_energy(v) - integral
    np.testing.assert_allclose(difference, difference[0], atol=1e-9)


def test_means_are_those_of_all_states() -> None:
    machine, v, h = tiny(), states(4), states(3)
    joint = np.exp(-energy(machine, v, h))
    np.testing.assert_allclose(machine.hidden(v), joint @ h / joint.sum(1, keepdims=True))
    np.testing.assert_allclose(machine.visible(h), joint.T @ v / joint.sum(0)[:, None])


def test_the_mean_of_a_gaussian_unit_has_the_lowest_energy() -> None:
    machine, v = tiny(gaussian=True), states(4)[5:6]
    best = machine.hidden(v)
    for change in 0.1 * np.eye(3):
        assert energy(machine, v, best) < min(energy(machine, v, best + change), energy(machine, v, best - change))


def test_draws_have_their_means_and_variances() -> None:
    means = np.tile([[0.1, 0.5, 0.8]], (40_000, 1))
    for gaussian, variance in ((False, means[0] * (1 - means[0])), (True, np.ones(3))):
        machine = tiny(gaussian)
        drawn = machine.drawn(means, machine.noise(generator(0), len(means)))
        np.testing.assert_allclose(drawn.mean(0), means[0], atol=0.02)
        np.testing.assert_allclose(drawn.var(0), variance, atol=0.02)
        assert gaussian or set(np.unique(drawn)) == {0.0, 1.0}


def test_sigmoid_does_not_overflow() -> None:
    np.testing.assert_allclose(sigmoid(np.array([-1e4, -1.0, 0.0, 1e4])), [0, 1 / (1 + np.e), 0.5, 1], atol=1e-12)


# ---- contrastive divergence ------------------------------------------------------------------------------------------


def log_likelihood(machine: RBM, v: np.ndarray) -> float:
    """Exact, mean over images."""
    z = np.log(np.exp(-machine.free_energy(states(len(machine.visible_bias)))).sum())
    return float((-machine.free_energy(v) - z).mean())


def exact(machine: RBM, v: np.ndarray) -> engine.Arrays:
    """<h v> on the images less <h v> of the machine itself, over all states: what CD-1 stands in for."""
    everything, shares = states(len(machine.visible_bias)), probabilities(machine)
    h, own = machine.hidden(v), machine.hidden(everything)
    return {
        "weight": h.T @ v / len(v) - (own * shares[:, None]).T @ everything,
        "hidden_bias": h.mean(0) - shares @ own,
        "visible_bias": v.mean(0) - shares @ everything,
    }


@pytest.mark.parametrize("gaussian", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_the_exact_difference_is_the_gradient_of_the_likelihood(gaussian: bool, name: str) -> None:
    machine, v = tiny(gaussian), states(4)[[3, 9, 14]]
    parameter, expected = getattr(machine, name), exact(machine, v)[name]
    for place in np.ndindex(parameter.shape):
        start = parameter[place]
        found = []
        for value in (start + 1e-5, start - 1e-5):
            parameter[place] = value
            found.append(log_likelihood(machine, v))
        parameter[place] = start
        assert (found[0] - found[1]) / 2e-5 == pytest.approx(expected[place], abs=1e-8)


@pytest.mark.parametrize("gaussian", [False, True])
def test_contrast_is_the_difference_of_both_phases_written_out(gaussian: bool) -> None:
    machine = tiny(gaussian)
    v = np.random.default_rng(1).random((5, 4))
    noise = machine.noise(generator(0), 5).astype(float)
    weight, hidden_bias, visible_bias = (np.zeros_like(getattr(machine, name)) for name in NAMES)
    for image, own in zip(v, noise, strict=True):
        h = machine.hidden(image[None])[0]
        drawn = h + own if gaussian else 1.0 * (own < h)
        again = machine.visible(drawn[None])[0]
        h_again = machine.hidden(again[None])[0]
        weight += (np.outer(h, image) - np.outer(h_again, again)) / 5
        hidden_bias += (h - h_again) / 5
        visible_bias += (image - again) / 5
    found = machine.contrast(v, noise)
    for name, expected in zip(NAMES, (weight, hidden_bias, visible_bias), strict=True):
        np.testing.assert_allclose(found[name], expected, atol=1e-12)


def test_contrast_points_where_the_likelihood_rises() -> None:
    """On the mean over draws, for images that the machine does not expect yet."""
    machine, rng = tiny(), generator(0)
    v = np.repeat(states(4)[[3, 12]], 500, axis=0)
    found, wanted = machine.contrast(v, machine.noise(rng, len(v))), exact(machine, v)
    assert all(float((found[name] * wanted[name]).sum()) > 0 for name in NAMES)


def test_an_image_that_comes_back_unchanged_teaches_nothing() -> None:
    machine = RBM(4, 3, False, generator(0))
    machine.weight[:] = 0.0
    found = machine.contrast(np.full((2, 4), 0.5, np.float32), machine.noise(generator(0), 2))
    assert all((moves == 0).all() for moves in found.values())


def test_a_step_has_momentum_and_costs_weights_but_not_biases() -> None:
    machine = tiny()
    before = {name: getattr(machine, name).copy() for name in NAMES}
    velocity = {name: np.ones_like(value) for name, value in before.items()}
    step(machine, velocity, {name: 2.0 * np.ones_like(value) for name, value in before.items()}, 0.1, 0.5, 0.01)
    np.testing.assert_allclose(machine.hidden_bias - before["hidden_bias"], 0.5 + 0.2)
    np.testing.assert_allclose(machine.visible_bias - before["visible_bias"], 0.5 + 0.2)
    np.testing.assert_allclose(machine.weight - before["weight"], 0.5 + 0.1 * (2.0 - 0.01 * before["weight"]))


def patterns(count: int = 200) -> np.ndarray:
    """Two images, often."""
    rows = np.random.default_rng(0).integers(0, 2, count)
    return np.array([[1, 1, 0, 0, 1, 0], [0, 0, 1, 1, 0, 1]], np.float32)[rows]


@pytest.mark.parametrize("gaussian", [False, True])
def test_learning_lowers_the_error_and_the_free_energy_of_what_is_seen(gaussian: bool) -> None:
    images, machine = patterns(), RBM(6, 4, gaussian, generator(0))
    others = np.array([v for v in states(6) if not (v == images).all(1).any()], np.float32)

    def seen() -> tuple[float, float]:
        error = float(((images - machine.visible(machine.hidden(images))) ** 2).sum(1).mean())
        return error, float(machine.free_energy(images).mean() - machine.free_energy(others).mean())

    before = seen()
    how = Pretraining((), code_rate=0.02, batch_size=20)
    learn(machine, images, 100, how, generator(0))
    assert seen()[0] < 0.2 * before[0]
    assert seen()[1] < before[1] - 1
    if not gaussian:
        assert log_likelihood(machine, images) > -2.5  # log 2 = 0.69 is all there is; 4.16 is knowing nothing


def test_momentum_is_the_first_one_for_a_tenth_of_the_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    monkeypatch.setattr(engine, "step", lambda _m, _v, _c, _rate, momentum, _cost: seen.append(momentum))
    for passes in (5, 20):
        learn(tiny(), states(4), passes, Pretraining(()), generator(0))
    assert seen == [0.5] + 4 * [0.9] + 2 * [0.5] + 18 * [0.9]


# ---- stacks ----------------------------------------------------------------------------------------------------------


def stack(passes: tuple[int, ...] = (3, 3, 3), below: list[RBM] | None = None) -> list[RBM]:
    return pretrain(patterns(), (6, 5, 4, 2), Pretraining(passes), generator(0), below or [])


def test_only_the_code_is_gaussian_and_machines_fit_upon_each_other() -> None:
    machines = stack()
    assert [machine.gaussian for machine in machines] == [False, False, True]
    assert [machine.weight.shape for machine in machines] == [(5, 6), (4, 5), (2, 4)]
    assert all(machine.weight.dtype == np.float32 for machine in machines)


def test_without_a_pass_weights_stay_as_they_are_drawn() -> None:
    machines = pretrain(patterns(), (6, 500, 400), Pretraining((0, 0)), generator(0))
    assert machines[1].weight.std() == pytest.approx(0.01, rel=0.02)
    assert not any(machine.hidden_bias.any() or machine.visible_bias.any() for machine in machines)


def test_machines_that_are_trained_already_are_kept() -> None:
    whole = stack()
    again = stack(below=whole[:2])
    assert all(ours is theirs for ours, theirs in zip(again[:2], whole[:2], strict=True))
    assert again[2] is not whole[2]


def test_the_unrolled_network_computes_the_machines_means_up_and_down() -> None:
    config = AutoencoderConfig(image_size=4, hidden=(5, 4), code_size=2)
    machines = pretrain(np.tile(patterns(), (1, 3))[:, :16], (16, 5, 4, 2), Pretraining((2, 2, 2)), generator(0))
    model, state = build(config, generator(0)), unrolled(machines)
    assert set(state) == {name for name, _ in model.named_parameters()}
    model.load_state_dict({name: Tensor(value) for name, value in state.items()})
    images = np.tile(patterns(4), (1, 3))[:, :16]
    expected = images
    for machine in machines:
        expected = machine.hidden(expected)
    with no_grad():
        code = model.encode(Tensor(images.reshape(4, 1, 4, 4)))
        back = model.decode(code).sigmoid().numpy().reshape(4, 16)
    np.testing.assert_allclose(code.numpy(), expected, atol=1e-6)
    for machine in reversed(machines):
        expected = machine.visible(expected)
    np.testing.assert_allclose(back, expected, atol=1e-6)


# ---- both sides ------------------------------------------------------------------------------------------------------


def twin(machine: RBM) -> reference.RBM:
    theirs = reference.RBM(len(machine.visible_bias), len(machine.hidden_bias), machine.gaussian, torch.Generator())
    for name in NAMES:
        setattr(theirs, name, torch.from_numpy(getattr(machine, name).copy()))
    return theirs


@pytest.mark.parametrize("gaussian", [False, True])
def test_both_sides_take_the_same_steps_draw_for_draw(gaussian: bool) -> None:
    ours = tiny(gaussian)
    theirs, rng = twin(ours), np.random.default_rng(2)
    velocities: list = [
        {name: 0 * getattr(machine, name) for name in NAMES} for machine in (ours, theirs)
    ]  # fmt: skip
    for _ in range(20):
        v, noise = rng.random((7, 4)), ours.noise(generator(3), 7).astype(float)
        image, same = torch.from_numpy(v), torch.from_numpy(noise)
        step(ours, velocities[0], ours.contrast(v, noise), 0.1, 0.9, 2e-4)
        reference.step(theirs, velocities[1], theirs.contrast(image, same), 0.1, 0.9, 2e-4)
    for name in NAMES:
        np.testing.assert_allclose(getattr(theirs, name).numpy(), getattr(ours, name), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(theirs.free_energy(image).numpy(), ours.free_energy(v), rtol=1e-12)


def test_both_sides_unroll_alike() -> None:
    machines = stack()
    theirs = reference.unrolled([twin(machine) for machine in machines])
    ours = unrolled(machines)
    assert list(theirs) == list(ours)
    for name, value in ours.items():
        np.testing.assert_array_equal(theirs[name].numpy(), value)


def test_pytorch_pretrains_by_itself() -> None:
    machines = reference.pretrain(
        torch.from_numpy(patterns()), (6, 5, 2), reference.Pretraining((60, 60), batch_size=20),
        torch.Generator().manual_seed(0),
    )  # fmt: skip
    images = torch.from_numpy(patterns())
    assert ((images - machines[0].visible(machines[0].hidden(images))) ** 2).sum(1).mean() < 0.3
