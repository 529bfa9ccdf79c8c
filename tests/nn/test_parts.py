"""A batch in two parts on two threads: the whole's numbers, noise that can be repeated, and when it is done at all.

Worker processes have tests of their own, in tests/workers.
"""

import os
import signal
import threading
from typing import Any

import numpy as np
import pytest

from tinygrad_lab import cores, nn, no_grad
from tinygrad_lab.cores import blas_threads
from tinygrad_lab.modes import detect_anomaly
from tinygrad_lab.nn.utils.parts import in_parts, parts
from tinygrad_lab.random import generator, record_draws
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.workers import paying, shared, threads
from tinygrad_lab.workers.step import Step
from tinygrad_lab.workers.threads import OnThreads


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
    monkeypatch.setattr(paying, "WORTHWHILE", 0)
    monkeypatch.setattr(threads, "WORTHWHILE", 0)
    monkeypatch.setattr(shared, "possible", lambda: False)  # a system where threads are all there is
    monkeypatch.setattr(cores, "cores", lambda: 2)


@pytest.mark.usefixtures("everything_pays")
@pytest.mark.parametrize("size", [2, 7, 8])
def test_loss_and_gradients_are_those_of_the_whole_batch(size: int) -> None:
    model, batch = Network(), batch_of(size)
    whole = squared(model, batch)
    whole.backward()
    expected = gradients(model)
    for _ in range(2):  # a step like any other: it can come again
        value = in_parts(squared)(model, batch)
        value.backward()
        np.testing.assert_allclose(value.item(), whole.item(), rtol=1e-6)
        for mine, other in zip(gradients(model), expected, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)
    assert len(set(model.threads)) > 1  # this one and another, not always the same


@pytest.mark.usefixtures("everything_pays")
def test_gradients_add_up_over_several_batches_and_scale() -> None:
    model, batch = Network(), batch_of()
    squared(model, batch).backward()
    once = gradients(model)
    for _ in range(2):
        (0.5 * in_parts(squared)(model, batch)).backward()
    for mine, other in zip(gradients(model), once, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("everything_pays")
def test_frozen_parameters_get_no_gradient() -> None:
    model = Network()
    model.first.requires_grad_(False)
    in_parts(squared)(model, batch_of()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is not None] == ["second.weight", "second.bias"]


@pytest.mark.usefixtures("everything_pays")
def test_noise_can_be_repeated_and_differs_between_halves_and_steps() -> None:
    def steps() -> tuple[list[np.ndarray], list[dict[int, np.ndarray]]]:
        model, found, noise = Network(p=0.5), [], []
        for _ in range(3):
            in_parts(squared)(model, batch_of(7)).backward()
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
    in_parts(squared)(model, batch_of()).backward()
    once = gradients(model)
    model.dropout.generator.bit_generator.state = before
    in_parts(squared)(model, batch_of()).backward()
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
        in_parts(finite)(Network(), batch)
    in_parts(squared)(Network(), batch_of()).backward()  # and the other thread still works


@pytest.mark.usefixtures("everything_pays")
def test_the_batch_stays_whole_where_someone_watches_or_it_cannot_be_cut() -> None:
    model, halved = Network(p=0.5), in_parts(squared)
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
    handle = model.first.register_forward_hook(lambda *_: None)
    halved(model, batch_of())
    handle.remove()
    uneven = batch_of() | {"y": Tensor(np.zeros((1, 1), np.float32))}
    halved(model, uneven)
    assert len(model.threads) == 7


def test_small_steps_and_single_cores_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "possible", lambda: False)
    monkeypatch.setenv("TINYGRAD_LAB_WORKERS", "2")
    model = Network()
    in_parts(squared)(model, batch_of())
    monkeypatch.setattr(paying, "WORTHWHILE", 0)
    in_parts(squared)(model, batch_of())  # processes would pay, threads do not
    monkeypatch.setattr(threads, "WORTHWHILE", 0)
    monkeypatch.setenv("TINYGRAD_LAB_WORKERS", "1")
    in_parts(squared)(model, batch_of())
    monkeypatch.delenv("TINYGRAD_LAB_WORKERS")
    for number in (0, 1):  # whoever limits BLAS wants the other cores left alone
        monkeypatch.setattr(cores, "blas_threads", lambda number=number: number)
        in_parts(squared)(model, batch_of())
    assert len(model.threads) == 5


@pytest.mark.usefixtures("everything_pays")
@pytest.mark.parametrize(
    ("rule", "worthwhile", "threads_at_work"),
    [(paying, 227, 2), (paying, 228, 1),  # 7 uses of each of 65 numbers, in each of two parts
     (threads, 682, 2), (threads, 683, 1)],  # 42 numbers in the batch times 65 / 4 in a parameter
)  # fmt: skip
def test_whether_it_pays_goes_by_the_batch_and_the_parameters(
    rule: Any, worthwhile: int, threads_at_work: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule, "WORTHWHILE", worthwhile)
    model = Network()
    in_parts(squared)(model, batch_of(7))
    assert len(model.threads) == threads_at_work


@pytest.mark.parametrize(("shape", "pixels"), [((4,), 4), ((4, 7), 28), ((4, 3, 5), 20), ((4, 3, 5, 6), 120)])
def test_only_images_have_channels(shape: tuple[int, ...], pixels: int) -> None:
    assert paying._pixels(Tensor(np.zeros(shape, np.float32))) == pixels


@pytest.mark.usefixtures("everything_pays")
def test_more_cores_still_mean_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "cores", lambda: 4)
    model = Network()
    in_parts(squared)(model, batch_of())
    assert len(model.threads) == 2


def test_blas_has_one_thread_inside_and_its_own_number_after() -> None:
    before, inside = blas_threads(), []
    x = Tensor(np.ones(2), requires_grad=True)

    def looked(_model: None, _part: int) -> Tensor:
        inside.append(cores._blas_threads_now())
        assert blas_threads() == before  # what others on this process decide by
        return x.sum()

    parts(OnThreads(Step(looked, None, [0, 1], [x])), x).backward()
    assert inside == [1, 1]
    assert blas_threads() == before
    np.testing.assert_array_equal(x.grad.numpy(), [2, 2])


@pytest.mark.usefixtures("everything_pays")
def test_a_gradient_for_something_else_than_a_parameter_is_not_lost_silently() -> None:
    scale = Tensor([2.0], requires_grad=True)

    def scaled(model: Network, batch: dict[str, Any]) -> Tensor:
        return squared(model, batch) * scale.sum()

    with pytest.raises(RuntimeError, match=r"a tensor of shape \(1,\) needs a gradient but is no parameter"):
        in_parts(scaled)(Network(), batch_of()).backward()


@pytest.mark.usefixtures("everything_pays")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_has_a_thread_of_its_own() -> None:
    model, batch = Network(), batch_of(8)
    value = in_parts(squared)(model, batch).item()
    if (child := os.fork()) == 0:
        signal.alarm(20)  # it would wait for ever for a thread that is not there
        os._exit(in_parts(squared)(model, batch).item() != value)
    assert os.waitpid(child, 0)[1] == 0
