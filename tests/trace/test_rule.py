"""Rules on the screen: in the names and numbers of a step, with the variants decided."""

import numpy as np
import pytest

from tests.operations import ENGINE_OPERATIONS
from tinygrad_lab import nn, tensor
from tinygrad_lab.nn import functional as F
from tinygrad_lab.ops.dropout import dropout
from tinygrad_lab.ops.normalization import batch_norm
from tinygrad_lab.ops.operation import OPERATIONS, Float, operation
from tinygrad_lab.random import generator, initialising
from tinygrad_lab.trace import Backward, record, trace
from tinygrad_lab.trace.rule import StepRule, generic
from tinygrad_lab.trace.schema import as_json
from tinygrad_lab.trace.writing import Latex
from tinygrad_lab.typing import Array


def backward(function, *values) -> Backward:
    """The last backward step of a function of tensors, which are called w, x and b."""
    inputs = [tensor(value, requires_grad=True) for value in values]
    with record(dict(zip("wxb", inputs, strict=False))):
        result = function(*inputs)
        result = result if result.numel() == 1 else result.sum()
    return [step for step in trace(result) if isinstance(step, Backward)][-1]


def lines(function, *values) -> list[str]:
    return [line.text() for line in backward(function, *values).said.lines()]


def test_products_powers_and_quotients_in_the_names_of_their_values() -> None:
    step = backward(lambda w, x: w * x, 2.0, -3.0)
    assert step.said.text() == ["∂w = ∂(w * x) · x", "∂x = ∂(w * x) · w"]
    assert lines(lambda w, x: w * x, 2.0, -3.0) == ["∂w = 1 · (-3) = -3", "∂x = 1 · 2 = 2"]
    assert lines(lambda w, x: w / x, 6.0, -2.0) == ["∂w = 1 / (-2) = -0.5", "∂x = -1 · 6 / (-2)² = -1.5"]
    assert lines(lambda w: w.tanh(), 0.0) == ["∂w = (1 - 0²) · 1 = 1"]
    assert lines(lambda w: 4 * w, 2.5) == ["∂w = 1 · 4 = 4"]  # Python's number is no value with a name


def test_a_gradient_without_end_is_not_rounded_to_nothing() -> None:
    with np.errstate(all="ignore"):
        assert lines(lambda w, x: w / x, 1.0, 0.0) == ["∂w = 1 / 0 = ∞", "∂x = -1 · 1 / 0² = -∞"]
        assert lines(lambda w: w.sqrt(), 0.0) == ["∂w = 1 / (2 · 0) = ∞"]


def test_a_matrix_times_a_vector_in_either_order() -> None:
    matrix = [[1.0, 2.0], [3.0, 4.0]]
    step = backward(lambda w, x: w @ x, matrix, [1.0, -1.0])
    assert step.said.text() == ["∂w = outer(∂result, x)", "∂x = wᵀ @ ∂result"]
    step = backward(lambda w, x: x @ w, matrix, [1.0, -1.0])
    assert step.said.text() == ["∂x = w @ ∂result", "∂w = outer(x, ∂result)"]


def test_the_same_in_latex() -> None:
    step = backward(lambda w, x: w * x, 2.0, -3.0)
    assert step.numbers() == (
        r"\partial w = \partial (\text{w * x}) \cdot x \qquad \partial x = \partial (\text{w * x}) \cdot w"
        r" \\ \partial w = 1 \cdot (-3) = -3 \\ \partial x = 1 \cdot 2 = 2"
    )


def test_what_is_the_same_is_not_said_twice() -> None:
    assert lines(lambda w, x: w + x, 1.0, 2.0) == ["∂w = 1", "∂x = 1"]
    assert lines(lambda w: -w, [0.0] * 20) == ["∂w = [20]"]


def test_copies_are_summed_in_words() -> None:
    step = backward(lambda w, b: w + b, [1.0, 2.0], 3.0)
    assert step.said.text() == ["∂w = ∂result", "∂x = Σ copies ∂result"]
    assert [line.text() for line in step.said.lines()] == ["∂w = [1 1]", "∂x = Σ copies [1 1] = 2"]


def test_what_rounding_leaves_is_nearly_0() -> None:
    (line,) = backward(lambda w: F.softmax(w, 0), [1.0, 2.0, 4.0]).said.lines()
    assert (line.result, line.rounded) == ("[0 0 0]", True)
    assert "≈ [0 0 0]" in line.text()
    (line,) = backward(lambda w: w.exp(), -50.0).said.lines()
    assert line.text() == "∂w = 1.929 × 10⁻²² · 1 = 1.929 × 10⁻²²"  # small, and no rounding


def test_cross_entropy_is_p_minus_onehot_over_how_many_there_are() -> None:
    logits, target = [[1.0, 2.0], [0.0, 1.0]], tensor([0, 1])
    step = backward(lambda w: F.cross_entropy(w, target), logits)
    assert step.said.text() == [
        "p = softmax(w, 1)", "∂w = (p - onehot(target, 1)) · ∂(F.cross_entropy(w, target)) / 2",
    ]  # fmt: skip
    (line,) = step.said.lines()
    assert line.numbers == "([0.2689 0.7311; 0.2689 0.7311] - onehot([0 1], 1)) · 1 / 2"


def test_a_definition_gives_way_to_a_value_of_its_name() -> None:
    x = tensor([[1.0, 2.0]], requires_grad=True)
    with record({"p": x}):
        loss = F.cross_entropy(x, tensor([0]))
    assert trace(loss)[-1].said.text()[0] == "p′ = softmax(p, 1)"


def test_what_nobody_asks_for_is_not_shown() -> None:
    weight = tensor(np.ones((2, 3)))
    step = backward(lambda w: F.linear(w, weight), np.ones((4, 3)))
    assert step.said.text() == ["∂w = ∂result @ weight"]


def test_a_layer_of_a_model_has_its_paths_as_names() -> None:
    with initialising(generator(0)):
        layer = nn.Sequential(nn.Linear(3, 2))
    x = tensor(np.ones((4, 3), np.float32))
    with record():
        y = layer(x)
        loss = y.sum()
    assert trace(loss)[-1].said.text() == ["∂0.weight = ∂yᵀ @ x", "∂0.bias = Σ copies ∂y"]


@pytest.mark.parametrize("training", [True, False])
def test_the_rule_of_batch_norm_is_that_of_its_mode(training: bool) -> None:
    mean, var = tensor([0.0]), tensor([1.0])
    step = backward(lambda w: batch_norm(w, mean, var, training=training), [[1.0], [2.0]])
    text = " ".join(step.said.text())
    assert ("channel_mean(∂" in text) is training
    assert ("running" in text or "per_channel(var)" in text) is not training


def test_dropout_in_evaluation_is_the_identity() -> None:
    step = backward(lambda w: dropout(w, 0.5, training=False), 3.0)
    assert step.said.text() == ["∂w = ∂(dropout(w, 0.5, training=False))"]


def test_the_rule_of_a_forward_step_is_there_before_its_gradient() -> None:
    step = backward(lambda w, x: w * x, 2.0, -3.0)
    assert StepRule(step.forward).text() == step.said.text()


def test_json_has_each_step_s_own_rule() -> None:
    w = tensor(2.0, requires_grad=True)
    with record():
        y = w * w
    (step,) = [step for step in as_json(trace(y))["steps"] if step["phase"] == "backward"]
    assert step["rule"] == (
        r"\partial w = \partial (\text{w * w}) \cdot w \qquad \partial w = \partial (\text{w * w}) \cdot w"
    )
    assert step["contributions"][0]["formula"] == r"\partial w = 1 \cdot 2 = 2"


def test_latex_of_a_user_s_operation_stands_as_it_is() -> None:
    @operation(rule=r"\bar x = 3 x^2 \bar y")
    def cube(x: Float[Array, "..."]) -> tuple[Float[Array, "..."], object]:
        """y = x³"""
        return x**3, lambda needs, dy: (3 * x * x * dy,)

    try:
        step = backward(cube, 2.0)
        assert step.said.text() == step.said.latex() == [r"\bar x = 3 x^2 \bar y"]
        assert [line.text() for line in step.said.lines()] == ["∂w = 12"]
        assert as_json(trace_of(cube))["operations"]["cube"]["rule"] == r"\bar x = 3 x^2 \bar y"
    finally:
        del OPERATIONS["cube"]


def trace_of(function):
    x = tensor(2.0, requires_grad=True)
    with record():
        y = function(x)
    return trace(y)


def test_every_rule_can_be_written_without_a_call() -> None:
    for name in ENGINE_OPERATIONS:
        assert generic(OPERATIONS[name]).count(r"\partial"), name


def test_latex_and_characters_say_the_same() -> None:
    step = backward(lambda w, x: w @ x, [[1.0, 2.0]], [[3.0], [4.0]])
    assert step.said.text() == ["∂w = ∂(w @ x) @ xᵀ", "∂x = wᵀ @ ∂(w @ x)"]
    assert step.said.latex() == [
        r"\partial w = \partial (\text{w @ x}) \, {x}^{\top}", r"\partial x = {w}^{\top} \, \partial (\text{w @ x})",
    ]  # fmt: skip
    assert step.said.lines(Latex)[0].text().startswith(r"\partial w = 1 \, {\begin{pmatrix}")
