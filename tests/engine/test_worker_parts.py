"""In how many parts a batch is worked on, when it stays whole, and who works."""

from typing import Any

import numpy as np
import pytest

from tests.engine.marks import WITH_WORKERS
from tests.engine.working import (
    Network,
    batch_of,
    gradients,
    loss,
    masked,
    pids,
    squared,
)
from tinygrad_lab import nn, no_grad
from tinygrad_lab.modes import detect_anomaly
from tinygrad_lab.nn.utils import in_parts
from tinygrad_lab.random import record_draws
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.trace.record import Recorder, listening
from tinygrad_lab.workers import paying, shared

pytestmark = WITH_WORKERS


def test_the_batch_stays_whole_where_someone_watches_or_it_cannot_be_cut() -> None:
    model = Network(p=0.5)
    with record_draws() as draws:
        loss(model, batch_of())
    assert len(draws) == 1
    with no_grad():
        loss(model, batch_of())
    with detect_anomaly():
        loss(model, batch_of())
    with listening(Recorder()):
        loss(model, batch_of())
    loss(model, batch_of(1))
    loss(model, batch_of() | {"y": Tensor(np.zeros((1, 1), np.float32))})
    wanted = batch_of()
    wanted["x"].requires_grad_()
    loss(model, wanted).backward()
    assert wanted["x"].grad is not None
    model.requires_grad_(False)
    loss(model, batch_of())
    assert pids(model) == []


@pytest.mark.parametrize(
    "more", [[1, 2, 3], np.ones(7), np.random.default_rng(0), {"a": 1}, b"bytes"], ids=lambda more: type(more).__name__
)
def test_a_batch_with_anything_but_tensors_and_numbers_stays_whole(more: Any) -> None:
    """Nobody knows which of its items belong to which part."""
    model = Network()
    loss(model, batch_of() | {"more": more})
    assert pids(model) == []


@pytest.mark.parametrize("first", [True, False], ids=["here", "on a worker"])
def test_a_part_may_be_a_constant(first: bool) -> None:
    model, mask = Network(), np.zeros((8, 1), bool)
    mask[: 4 if first else None] = first
    mask[4:] = not first
    batch = batch_of(8) | {"mask": Tensor(mask)}
    masked(model, batch).backward()
    found = gradients(model)
    assert pids(model)
    half = slice(0, 4) if first else slice(4, 8)
    squared(model, batch | {name: batch[name][half] for name in ("x", "y")}).backward()
    for name, gradient in gradients(model).items():
        np.testing.assert_allclose(found[name], gradient, rtol=1e-5, atol=1e-7)


def test_what_has_no_copy_in_another_process_stays_here() -> None:
    class Local(Network):
        """Another process could not import it."""

    seen: list[Any] = []
    watched, lasting = Network(), Network()
    watched.first.register_forward_hook(lambda *_: seen.append(1))
    lasting.made = [lambda x: x]
    for model in (Local(), watched, lasting):
        loss(model, batch_of()).backward()
        assert pids(model) == []
    assert seen == [1]
    model = Network()
    in_parts(lambda model, batch: squared(model, batch))(model, batch_of()).backward()
    assert pids(model) == []


def test_a_mean_over_the_batch_keeps_it_whole() -> None:
    model = Network()
    model.first = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6))
    loss(model, batch_of()).backward()
    assert pids(model) == []


def test_a_loss_need_not_be_decorated_where_it_is_defined() -> None:
    model = Network()
    in_parts(squared)(model, batch_of()).backward()
    assert len(pids(model)) == 1


TOKENS, IMAGES = Tensor(np.zeros((32, 64), int)), Tensor(np.zeros((64, 1, 32, 32), np.float32))
VECTORS, SEQUENCES = Tensor(np.zeros((128, 784), np.float32)), Tensor(np.zeros((64, 100, 8), np.float32))
MATRIX, LARGE, KERNEL = (Tensor(np.zeros(shape)) for shape in ((300, 200), (2000, 600), (100, 1, 5, 5)))


@pytest.mark.parametrize(
    ("batch", "parameters", "parts"),
    [
        ([TOKENS], [MATRIX], 2),  # 32 · 64 · 60,000 uses are 1.2e8
        ([TOKENS, Tensor(np.zeros(32))], [MATRIX, MATRIX], 4),
        ([TOKENS], [LARGE] * 9, 8),  # as many as there are cores
        ([TOKENS[:3]], [LARGE] * 9, 1),  # 64 uses each
        ([TOKENS[:6]], [LARGE] * 9, 3),
        ([TOKENS[:6]], [MATRIX] * 4, 1),
        ([TOKENS[:6]], [MATRIX] * 5, 2),
        ([TOKENS[:6]], [MATRIX] * 30, 3),
        ([VECTORS], [LARGE, LARGE], 1),  # 128 uses each
        ([IMAGES], [LARGE, LARGE], 1),
        ([IMAGES], [LARGE] + [KERNEL] * 20, 1),
        ([IMAGES], [KERNEL] * 20, 2),  # 64 · 32 · 32 / 25 patches, 50,000 numbers: 1.3e8
        ([SEQUENCES], [MATRIX], 7),  # 64 · 100 · 60,000 are 3.8e8
        ([TOKENS[:2]], [MATRIX], 1),
    ],
)
def test_the_number_of_parts_goes_by_uses_of_parameters(
    batch: list[Tensor], parameters: list[Tensor], parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("TINYGRAD_LAB_WORKERS", "8")
    assert paying.parts_that_pay(batch, parameters) == parts


@pytest.mark.parametrize("bound", ["0", "-1", "two", "1.5"])
def test_a_bound_that_is_no_number_is_refused(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_LAB_WORKERS", bound)
    with pytest.raises(ValueError, match=f"TINYGRAD_LAB_WORKERS must be a whole number from 1, got '{bound}'"):
        loss(Network(), batch_of())


def test_a_report_says_who_works(monkeypatch: pytest.MonkeyPatch) -> None:
    assert paying.described() == "up to 2 processes"
    monkeypatch.setattr(shared, "possible", lambda: False)
    assert paying.described() == "up to 2 threads"
    monkeypatch.setenv("TINYGRAD_LAB_WORKERS", "1")
    assert paying.described() == "one process"
