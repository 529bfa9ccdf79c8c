"""Rules with numbers: what every operation's rule says, and the numbers of a few steps by hand."""

import numpy as np
import pytest

from tests.operations import ENGINE_OPERATIONS
from tinygrad_lab import tensor
from tinygrad_lab.ops.dropout import dropout
from tinygrad_lab.ops.normalization import batch_norm
from tinygrad_lab.ops.operation import OPERATIONS
from tinygrad_lab.trace import Backward, record, trace
from tinygrad_lab.trace.plain import plain
from tinygrad_lab.trace.rule import digits, substitute, symbols
from tinygrad_lab.trace.schema import as_json


def lines(function, *values):
    """The substituted equations of the last backward step."""
    inputs = [tensor(value, requires_grad=True) for value in values]
    with record():
        result = function(*inputs)
        result = result if result.numel() == 1 else result.sum()
    step = [step for step in trace(result) if isinstance(step, Backward)][-1]
    return step.numbers().split(r" \\ ")[1:]


def test_products_powers_and_quotients():
    assert lines(lambda x, y: x * y, 2.0, -3.0) == [r"\bar x = 1 \cdot (-3) = -3", r"\bar y = 1 \cdot 2 = 2"]
    assert lines(lambda x, y: x / y, 6.0, -2.0) == [
        r"\bar x = 1 / (-2) = -0.5",
        r"\bar y = -1 \cdot (-3) / (-2) = -1.5",
    ]
    assert lines(lambda x: x.tanh(), 0.0) == [r"\bar x = (1 - 0^2) \cdot 1 = 1"]
    assert lines(lambda x: 4 * x, 2.5) == [r"\bar y = 1 \cdot 4 = 4"]  # Python's number is the first factor


def test_small_matrices_and_larger_shapes():
    row = r"\begin{pmatrix} 1 & 1 \end{pmatrix}"
    assert lines(lambda x, y: x + y, [1.0, 2.0], [3.0, 4.0]) == [rf"\bar x = {row} = {row}", rf"\bar y = {row} = {row}"]
    assert lines(lambda x: -x, [0.0] * 20) == [r"\bar x = [\;20\;]"]


def test_every_rule_names_a_gradient():
    for name in ENGINE_OPERATIONS:
        targets, _ = symbols(OPERATIONS[name].rule)
        assert targets, name
        for other in OPERATIONS[name].rule_without.values():
            assert symbols(other)[0] == targets, name


@pytest.mark.parametrize("settings", [{"training": True}, {"training": False}, {}])
def test_the_rule_of_batch_norm_is_that_of_its_mode(settings):
    """Each displayed rule, evaluated here, gives what the step gave."""
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 5, 3))
    mean, var, gamma = rng.random((3, 3)) + 0.5
    batch, training = x.copy(), settings.get("training", False)
    with record():
        y = batch_norm(tensor(x, requires_grad=True), tensor(mean), tensor(var), tensor(gamma), **settings)
    step = trace(y, dy)[-1]
    if training:
        mean, var = batch.mean(0), batch.var(0)
    r = 1 / np.sqrt(var + 1e-5)
    normal, u = (batch - mean) * r, gamma * dy
    rules = {
        r"\bar x = r\,\big(u - \overline{u} - \hat x\,\overline{u \hat x}\big), \; u = \gamma \bar y": r
        * (u - u.mean(0) - normal * (u * normal).mean(0)),
        r"\bar x = r\,\gamma\,\bar y": r * gamma * dy,
    }
    shown = step.numbers().split(r" \qquad ")[0]
    assert shown == list(rules)[0 if training else 1]
    np.testing.assert_allclose(step.contributions[0].gradient, rules[shown], rtol=1e-12, atol=1e-14)


def test_every_face_has_the_rule_of_the_mode():
    x = tensor([[1.0], [2.0]], requires_grad=True)
    with record():
        y = batch_norm(x, tensor([0.0]), tensor([1.0])).sum()
    steps = trace(y)
    (written,) = [step for step in as_json(steps)["steps"] if "rule" in step]  # sum has but one rule
    assert written["rule"].startswith(r"\bar x = r\,\gamma\,\bar y \qquad")
    assert steps[0].rule == steps[-1].rule == written["rule"]
    assert "r γ ȳ" in plain(steps[-1].numbers())
    assert r"\hat 1" not in steps[-1].numbers()


def test_dropout_in_evaluation_is_the_identity():
    with record():
        y = dropout(tensor(3.0, requires_grad=True), 0.5, training=False)
    assert trace(y)[-1].numbers() == r"\bar x = \bar y \\ \bar x = 1 = 1"


def test_a_letter_under_a_hat_is_no_number():
    values = {"x": np.array(2.0)}
    assert substitute(r"\hat x x", values, {}) == r"\hat x 2"


def test_digits_are_latex():
    assert [digits(v) for v in (0.5, -2.0, 1e-7, 123456.0)] == [
        "0.5",
        "-2",
        r"1 \times 10^{-7}",
        r"1.235 \times 10^{5}",
    ]
