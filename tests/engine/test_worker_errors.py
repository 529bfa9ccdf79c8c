"""Errors on workers: they come out where they would without any, and the next step goes on."""

import os
from typing import Any

import numpy as np
import pytest

from tests.engine.marks import WITH_WORKERS
from tests.engine.working import (
    Fragile,
    Network,
    assert_as_the_whole,
    batch_of,
    finite,
    loss,
    squared,
)
from tinygrad_lab import no_grad
from tinygrad_lab.nn.utils import in_parts
from tinygrad_lab.tensor import Tensor

pytestmark = WITH_WORKERS


@pytest.mark.parametrize("place", [0, 6])
def test_an_error_in_any_part_comes_out(place: int) -> None:
    model, batch = Network(), batch_of()
    batch["x"].writable()[place, 0] = np.inf
    for _ in range(2):
        with pytest.raises(FloatingPointError, match="not finite") as caught:
            finite(model, batch)
        assert any("worker" in note for note in getattr(caught.value, "__notes__", [])) == (place == 6)
        assert_as_the_whole(model, batch_of())


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_clear_error_of_the_engine_is_the_same_from_a_worker() -> None:
    model = Network()
    batch = batch_of()
    with pytest.raises(ValueError, match="linear") as whole:
        squared(model, batch | {"x": batch["x"][:, :5]})
    for _ in range(2):
        with pytest.raises(ValueError, match="linear") as cut:
            narrow(model, batch)
        assert type(cut.value) is type(whole.value)
        assert str(cut.value).replace("(3, 5)", "(7, 5)") == str(whole.value)


@in_parts
def narrow(model: Network, batch: dict[str, Any]) -> Tensor:
    """Gives the model what it cannot take, on workers only."""
    mine = batch["owner"] == os.getpid()
    return squared(model, batch if mine else batch | {"x": batch["x"][:, :5]})


def test_a_model_that_workers_cannot_make_is_told_at_every_step() -> None:
    model = Network()
    model.part = Fragile()
    for _ in range(2):
        with pytest.raises(ValueError, match="no Fragile here"):
            loss(model, batch_of())
    del model.part
    assert_as_the_whole(model, batch_of())


def test_an_error_backwards_comes_out_of_backward() -> None:
    value = loss_with_something_else(Network(), batch_of())
    with pytest.raises(RuntimeError, match="needs a gradient but is no parameter"):
        value.backward()


@in_parts
def loss_with_something_else(model: Network, batch: dict[str, Any]) -> Tensor:
    return squared(model, batch) * Tensor([2.0], requires_grad=True).sum()


def test_numpys_settings_for_errors_hold_on_workers() -> None:
    model, batch = Network(), batch_of()
    batch["y"].writable()[6] = 1e38
    with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow"):
        loss(model, batch)


def test_a_parameter_changed_between_forward_and_backward_is_told() -> None:
    model = Network()
    value = loss(model, batch_of())
    with no_grad():
        model.last.weight += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        value.backward()
    assert_as_the_whole(model, batch_of())
