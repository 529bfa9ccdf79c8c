"""Two halves of a batch on two threads: the whole's numbers, noise that can be repeated, and when it is done at all."""

import threading
from typing import Any

import numpy as np
import pytest

from tinygrad_lab import nn, no_grad
from tinygrad_lab.modes import detect_anomaly
from tinygrad_lab.nn.utils import halves as module
from tinygrad_lab.nn.utils.halves import Both, blas_threads, halves, in_halves
from tinygrad_lab.random import generator, record_draws
from tinygrad_lab.tensor import Tensor


class Network(nn.Module):
    """An MLP with dropout that remembers which threads ran it, and the noise of each."""

    def __init__(self, p: float = 0.0) -> None:
        super().__init__()
        rng = generator(0)
        self.first = nn.Linear(6, 8, generator=rng)
        self.dropout = nn.Dropout(p, generator=rng)
        self.second = nn.Linear(8, 1, generator=rng)
        self.threads: list[str] = []
        self.noise: dict[int, np.ndarray] = {}

    def forward(self, x: Tensor) -> Tensor:
        self.threads.append(threading.current_thread().name)
        kept = self.dropout(self.first(x).tanh())
        self.noise[len(x)] = kept.numpy() != 0
        return self.second(kept)


def squared(model: Network, batch: dict[str, Any]) -> Tensor:
    return ((model(batch["x"]) - batch["y"]) ** 2).sum() / batch["count"]


def batch_of(size: int = 7) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "x": Tensor(rng.standard_normal((size, 6)).astype(np.float32)),
        "y": Tensor(rng.standard_normal((size, 1)).astype(np.float32)),
        "count": size,
    }


def gradients(model: nn.Module) -> list[np.ndarray]:
    found = [parameter.grad.numpy().copy() for parameter in model.parameters() if parameter.grad is not None]
    model.zero_grad()
    return found


@pytest.fixture
def everything_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WORTHWHILE", 0)
    monkeypatch.setattr(module, "blas_threads", lambda: 2)


@pytest.mark.usefixtures("everything_pays")
@pytest.mark.parametrize("size", [2, 7, 8])
def test_loss_and_gradients_are_those_of_the_whole_batch(size: int) -> None:
    model, batch = Network(), batch_of(size)
    whole = squared(model, batch)
    whole.backward()
    expected = gradients(model)
    for _ in range(2):  # a step like any other: it can come again
        value = in_halves(squared)(model, batch)
        value.backward()
        np.testing.assert_allclose(value.item(), whole.item(), rtol=1e-6)
        for mine, other in zip(gradients(model), expected, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)
    assert len(set(model.threads)) == 2


@pytest.mark.usefixtures("everything_pays")
def test_gradients_add_up_over_several_batches_and_scale() -> None:
    model, batch = Network(), batch_of()
    squared(model, batch).backward()
    once = gradients(model)
    for _ in range(2):
        (0.5 * in_halves(squared)(model, batch)).backward()
    for mine, other in zip(gradients(model), once, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("everything_pays")
def test_frozen_parameters_get_no_gradient() -> None:
    model = Network()
    model.first.requires_grad_(False)
    in_halves(squared)(model, batch_of()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is not None] == ["second.weight", "second.bias"]


@pytest.mark.usefixtures("everything_pays")
def test_noise_can_be_repeated_and_differs_between_halves_and_steps() -> None:
    def steps() -> tuple[list[np.ndarray], list[dict[int, np.ndarray]]]:
        model, found, noise = Network(p=0.5), [], []
        for _ in range(3):
            in_halves(squared)(model, batch_of(7)).backward()
            found += gradients(model)
            noise.append(dict(model.noise))
        return found, noise

    (mine, noise), (again, _) = steps(), steps()
    for a, b in zip(mine, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (noise[0][4][:3] != noise[0][3]).any()  # 4 items in the first half, 3 in the second
    assert (noise[0][4] != noise[1][4]).any()


@pytest.mark.usefixtures("everything_pays")
def test_the_models_generator_says_where_a_run_stands() -> None:
    model = Network(p=0.5)
    before = model.dropout.generator.bit_generator.state
    in_halves(squared)(model, batch_of()).backward()
    once = gradients(model)
    model.dropout.generator.bit_generator.state = before
    in_halves(squared)(model, batch_of()).backward()
    for a, b in zip(gradients(model), once, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("everything_pays")
@pytest.mark.parametrize("place", [0, 5])
def test_an_error_in_either_half_comes_out(place: int) -> None:
    batch = batch_of()
    batch["x"].writable()[place, 0] = np.inf

    def finite(model: Network, part: dict[str, Any]) -> Tensor:
        if not np.isfinite(part["x"].numpy()).all():
            raise FloatingPointError("an input that is not finite")
        return squared(model, part)

    with pytest.raises(FloatingPointError, match="not finite"):
        in_halves(finite)(Network(), batch)
    in_halves(squared)(Network(), batch_of()).backward()  # and the other thread still works


@pytest.mark.usefixtures("everything_pays")
def test_the_batch_stays_whole_where_someone_watches_or_it_cannot_be_cut() -> None:
    model, halved = Network(p=0.5), in_halves(squared)
    with record_draws() as draws:
        halved(model, batch_of())
    assert len(draws) == 1
    with no_grad():
        halved(model, batch_of())
    with detect_anomaly():
        halved(model, batch_of())
    halved(model, batch_of(1))
    wanted = batch_of()
    wanted["x"].requires_grad_()
    halved(model, wanted).backward()
    assert wanted["x"].grad is not None
    uneven = batch_of() | {"y": Tensor(np.zeros((1, 1), np.float32))}
    halved(model, uneven)
    assert len(model.threads) == 6


def test_small_steps_and_other_numbers_of_threads_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Network()
    monkeypatch.setattr(module, "blas_threads", lambda: 2)
    in_halves(squared)(model, batch_of())
    monkeypatch.setattr(module, "WORTHWHILE", 0)
    for threads in (0, 1, 4):
        monkeypatch.setattr(module, "blas_threads", lambda threads=threads: threads)
        in_halves(squared)(model, batch_of())
    assert len(model.threads) == 4


def test_blas_has_one_thread_inside_and_its_own_number_after() -> None:
    before, inside = blas_threads(), []
    x = Tensor(np.ones(2), requires_grad=True)

    def looked() -> Tensor:
        inside.append(blas_threads())
        return x.sum()

    halves(Both(looked, looked), x).backward()
    assert inside == [1, 1]
    assert blas_threads() == before
    np.testing.assert_array_equal(x.grad.numpy(), [2, 2])
