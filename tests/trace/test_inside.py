"""Fused operations opened: their definitions' steps, on the same numbers, to the same gradients."""

import inspect

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.cases import Case
from tests.numerics import as_outputs, relative_error
from tests.ops.test_definitions import fused, tensors
from tinygrad_lab import nn, ops, tensor
from tinygrad_lab.random import generator
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.trace import Backward, Forward, record, trace
from tinygrad_lab.trace.inside import can_open, inside
from tinygrad_lab.trace.record import TooLargeError


def opened(result: Tensor, gradient: np.ndarray | None = None, **settings):
    """The trace of a result, its last forward step and what is inside of it."""
    found = trace(result, gradient)
    step = next(step for step in found if isinstance(step, Backward))
    return step, inside(step.forward, step.incoming, **settings)


@pytest.mark.parametrize("case", fused, ids=lambda case: case.name)
@given(data=st.data())
def test_gradients_inside_are_those_of_the_fused_operation(case: Case, data: st.DataObject) -> None:
    args, options = data.draw(case.arguments)
    args, options = tensors(args), tensors(options)
    with record():
        outputs = as_outputs(case.ours(*args, **options))
    assume(all(np.isfinite(out.numpy()).all() for out in outputs))  # a mean over no targets is 0 / 0
    chosen = [out for out in outputs if out.requires_grad]
    for number, out in enumerate(chosen):
        weight = np.random.default_rng(number).standard_normal(out.shape)
        step, inner = opened(out, weight)
        names = {item.parameter for item in step.forward.inputs}
        found = {v.name: v.gradient for v in inner.values if v.name in names and v.kind != "result"}
        for contribution in step.contributions:
            mine = found.get(contribution.parameter)
            mine = np.zeros(contribution.gradient.shape) if mine is None else mine
            assert relative_error(mine, contribution.gradient, 1.0) <= 1e-10
        forward = [s for s in inner if isinstance(s, Forward)]
        if forward:
            assert relative_error(inner.result.array, step.forward.outputs[0].array, 1.0) <= 1e-10


def test_all_outputs_send_their_gradients_in() -> None:
    layer = nn.LSTM(2, 3, generator=generator(0))
    x = Tensor(np.random.default_rng(0).standard_normal((4, 1, 2)).astype(np.float32), requires_grad=True)
    with record():
        out, (h, c) = layer(x)
        total = out.sum() + (h * h).sum() + c.exp().sum()
    found = trace(total)
    step = next(s for s in found if isinstance(s, Backward) and s.operation.name == "lstm")
    assert all(gradient is not None for gradient in step.incoming)
    inner = inside(step.forward, step.incoming)
    assert {s.operation.name for s in inner} >= {"linear", "sigmoid", "tanh", "multiply", "add", "concatenate"}
    gradients = {v.name: v.gradient for v in inner.values if v.kind == "input"}
    for contribution in step.contributions:
        assert relative_error(gradients[contribution.parameter], contribution.gradient, 1e-3) <= 1e-5


def test_steps_inside_stand_in_the_definition_with_its_names() -> None:
    x = tensor([1.0, 2.0, 3.0], requires_grad=True)
    with record():
        y = ops.softmax(x, 0)
    step, inner = opened(y, np.array([1.0, 0.0, 0.0]))
    definition = step.operation.definition
    lines, first = inspect.getsourcelines(inspect.unwrap(definition))
    for inner_step in inner:
        if isinstance(inner_step, Forward):
            assert inner_step.file == inspect.getfile(inspect.unwrap(definition))
            assert inner_step.source == lines[inner_step.line - first].strip()
            assert inner_step.module == ""
    assert [item.value.name for item in inner[0].inputs] == ["input"]
    assert "exponential" in {value.name for value in inner.values}
    assert {step.operation.name for step in inner} >= {"exp", "sum", "divide"}


def test_nothing_but_the_definition_is_recorded_and_no_tensor_is_touched() -> None:
    x = tensor([1.0, -1.0], requires_grad=True)
    with record():
        y = nn.functional.silu(x)
    _, inner = opened(y, np.array([2.0, 3.0], np.float32))
    assert sorted(s.operation.name for s in inner if isinstance(s, Forward)) == ["multiply", "sigmoid"]
    assert sorted(s.operation.name for s in inner if isinstance(s, Backward)) == ["multiply", "sigmoid"]
    assert x.grad is None


def test_without_gradients_only_forwards() -> None:
    with record():
        tensor([1.0], requires_grad=True) * ops.softmax(tensor([1.0, 2.0]), 0)[0]
        y = ops.softmax(tensor([1.0, 2.0], requires_grad=True), 0).sum()
    step = next(s for s in trace(y) if isinstance(s, Forward) and s.operation.name == "softmax")
    assert {s.phase for s in inside(step)} == {"forward"}


def test_what_cannot_be_opened() -> None:
    x = tensor([1.0, 2.0], requires_grad=True)
    with record():
        y = ops.dropout(x * 2, 0.5, generator=generator(0)).sum()
    multiply, dropout, _ = [step for step in trace(y) if isinstance(step, Forward)]
    assert not can_open(multiply)
    assert not can_open(dropout)
    with pytest.raises(ValueError, match="'dropout' is elementary or draws random numbers"):
        inside(dropout)
    with record():
        z = ops.softmax(x, 0).sum()
    with pytest.raises(TooLargeError, match="more than 2 operations"):
        inside(trace(z)[0], limit=2)
