"""Activation checkpointing: the same numbers, less memory, and nothing forgotten."""

import tracemalloc

import numpy as np
import pytest

from tinygrad_lab import nn, no_grad
from tinygrad_lab.nn.utils import recompute
from tinygrad_lab.random import generator, record_draws
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.trace import record


class Part(nn.Module):
    """A residual MLP with dropout; ``scale`` is not a tensor."""

    def __init__(self, width: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width, generator=rng)
        self.down = nn.Linear(4 * width, width, generator=rng)
        self.dropout = nn.Dropout(0.3, generator=rng)

    def forward(self, x: Tensor, scale: float = 1.0, beside: Tensor | None = None) -> Tensor:
        y = x + scale * self.down(self.dropout(nn.functional.gelu(self.up(x))))
        return y if beside is None else y * beside


def stack(width: int = 6, parts: int = 3) -> nn.ModuleList:
    rng = generator(0)
    return nn.ModuleList([Part(width, rng) for _ in range(parts)])


def gradients(again: bool, twice: bool = False) -> list[np.ndarray]:
    """Output, and the gradients of all inputs and parameters, of two passes one after the other."""
    model = stack().double()
    rng = np.random.default_rng(1)
    x, beside = (Tensor(rng.standard_normal((4, 6)), requires_grad=True) for _ in range(2))
    made = []
    for _ in range(2):
        y = x * 2.0
        for part in model:
            y = recompute(part, y, 0.5, beside) if again else part(y, 0.5, beside)
        (y * y).sum().backward(retain_graph=twice)
        if twice:
            (y * y).sum().backward()
        made.append(y.numpy())
    return [*made, *(t.grad.numpy() for t in (x, beside, *model.parameters()))]


@pytest.mark.parametrize("twice", [False, True])
def test_numbers_are_the_same_bit_for_bit_dropout_included(twice: bool) -> None:
    for plain, again in zip(gradients(False, twice), gradients(True, twice), strict=True):
        np.testing.assert_array_equal(plain, again)


def test_a_method_stands_for_its_module() -> None:
    part, x = stack(parts=1)[0].eval(), Tensor(np.ones((2, 6), np.float32))
    part.forward = lambda *args, plain=part.forward: recompute(plain, *args)
    part(x).sum().backward()
    assert all(parameter.grad is not None for parameter in part.parameters())


def test_frozen_parameters_and_constants_get_no_gradient() -> None:
    part = stack(parts=1)[0]
    part.up.requires_grad_(False)
    x = Tensor(np.ones((2, 6), np.float32))
    recompute(part, x).sum().backward()
    assert x.grad is None
    assert [name for name, p in part.named_parameters() if p.grad is not None] == ["down.weight", "down.bias"]


def test_nothing_is_recorded_where_nothing_wants_a_gradient() -> None:
    part, x = stack(parts=1)[0], Tensor(np.ones((2, 6), np.float32))
    with no_grad():
        assert not recompute(part, x).requires_grad
    part.requires_grad_(False)
    assert not recompute(part, x).requires_grad


def test_draws_are_recorded_once() -> None:
    part, x = stack(parts=1)[0], Tensor(np.ones((2, 6), np.float32))
    with record_draws() as draws:
        recompute(part, x).sum().backward()
    assert len(draws) == 1


@pytest.mark.parametrize("learning", [True, False])
def test_a_trace_sees_the_inside(learning: bool) -> None:
    part, x = stack(parts=1)[0].requires_grad_(learning), Tensor(np.ones((2, 6), np.float32))
    with record() as recorder:
        recompute(part, x, 0.5)
    names = [step.operation.name for step in recorder.steps]
    assert names == ["linear", "gelu", "dropout", "linear", "multiply", "add"]


def test_the_inside_is_not_in_memory_between_the_passes() -> None:
    model, x = stack(width=64, parts=4), Tensor(np.ones((512, 64), np.float32))

    def held(run) -> int:
        tracemalloc.start()
        y = x
        for part in model:
            y = run(part, y)
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return size

    kept = x.numpy().nbytes
    assert held(lambda part, y: part(y)) > 4 * 10 * kept
    assert held(recompute) < 6 * kept  # what goes into each of the four, what comes out, and the tape


def test_a_weight_that_was_changed_before_the_backward_pass_is_noticed() -> None:
    part, x = stack(parts=1)[0], Tensor(np.ones((2, 6), np.float32))
    loss = recompute(part, x).sum()
    with no_grad():
        part.up.weight.writable()[...] += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_what_has_no_module_or_another_result_is_refused() -> None:
    x = Tensor(np.ones((2, 6), np.float32), requires_grad=True)
    with pytest.raises(TypeError, match="a module or a method of one, got function"):
        recompute(lambda y: y, x)

    class Pair(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x

    with pytest.raises(TypeError, match="output must be a Tensor, got tuple"):
        recompute(Pair(), x)


def test_a_tensor_that_comes_in_by_another_way_is_refused() -> None:
    hidden = Tensor(np.ones(6, np.float32), requires_grad=True)

    class Secret(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * hidden

    loss = recompute(Secret(), Tensor(np.ones((2, 6), np.float32), requires_grad=True)).sum()
    with pytest.raises(RuntimeError, match="neither passed nor parameters"):
        loss.backward()
