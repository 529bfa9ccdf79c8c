"""Rules with numbers: what every operation's rule says, and the numbers of a few steps by hand."""

import pytest

from tests.operations import ENGINE_OPERATIONS
from tinygrad_lab import tensor
from tinygrad_lab.ops.operation import OPERATIONS
from tinygrad_lab.trace import Backward, record, trace
from tinygrad_lab.trace.rule import digits, symbols


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


@pytest.mark.parametrize("name", ENGINE_OPERATIONS)
def test_every_rule_names_a_gradient(name):
    targets, _ = symbols(OPERATIONS[name].rule)
    assert targets


def test_digits_are_latex():
    assert [digits(v) for v in (0.5, -2.0, 1e-7, 123456.0)] == [
        "0.5",
        "-2",
        r"1 \times 10^{-7}",
        r"1.235 \times 10^{5}",
    ]
