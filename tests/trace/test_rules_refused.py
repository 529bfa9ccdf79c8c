"""A rule that says nothing is refused where it is read, in words that show the place."""

import ast

import numpy as np
import pytest

from tinygrad_lab.trace.binding import bind
from tinygrad_lab.trace.evaluation import Evaluation
from tinygrad_lab.trace.notation import Equation, base, parsed

X = np.ones((2, 3))


def worked_out(rule: str, **values: object) -> Evaluation:
    bound = bind(parsed(rule), {"x": X, "dy": X, **values})
    evaluation = Evaluation({"x": X, "dy": X, **values}, {"dx": X.shape}, bound.ranges)
    evaluation.run(bound.equations)
    return evaluation


@pytest.mark.parametrize(("rule", "message"), [
    ("for k in x: dx = k", "a rule is made of equations, not of for k in x"),
    ("dx -= dy", "a rule is made of equations, not of dx -= dy"),
    ("dx = {1: dy}", "a rule has no {1: dy}"),
    ("dx[i, j] = dy[i, k + 1]", "nothing says what k runs over in dy"),
])  # fmt: skip
def test_what_is_no_rule_is_shown(rule: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        worked_out(rule).named("dx")


def test_the_left_side_of_an_equation_is_a_name() -> None:
    (statement,) = ast.parse("f(x)[0] = 1").body
    with pytest.raises(ValueError, match=r"a rule's left side must be a name: f\(x\)"):
        base(statement.targets[0])
    assert Equation(ast.parse("dx[i][j]", mode="eval").body, ast.Constant(1)).name == "dx"


def test_words_and_latex_are_no_rule_and_are_left_as_they_stand() -> None:
    assert parsed(r"\bar x = \bar y") is None
    assert parsed("as the definition says") is None
    assert parsed("dx = dy") is not None
