"""The quiz: what it asks, what it takes for right, and which slips it recognises."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lab.lab.stepping.expression import trace_expression
from tinygrad_lab.lab.stepping.quiz import Question, judge, parse, question, same
from tinygrad_lab.lab.stepping.values import assignments
from tinygrad_lab.trace import Backward


def questions(text: str, *values: str) -> dict[str, Question]:
    """The last question about each entry of an expression."""
    found = {}
    for step in trace_expression(text, assignments(values)):
        if isinstance(step, Backward):
            for contribution in step.contributions:
                asked = question(step, contribution)
                if asked is not None:
                    found[asked.entry] = asked
    return found


def says(asked: Question, answer: float) -> str:
    judged = judge(asked, str(answer))
    assert judged.right is False
    return judged.says


def test_the_right_answer_to_two_digits() -> None:
    asked = questions("tanh(w*x)", "w=0.5", "x=2")["w"]
    exact = 2 * (1 - math.tanh(1) ** 2)  # 0.83994...
    for answer in (str(exact), "0.84", ".84", "+0.84", "8.4e-1", " 0.836 ", "0.8449"):
        assert judge(asked, answer).right, answer
    for answer in ("0.83", "0.85", "0.8", "-0.84", "84"):
        assert judge(asked, answer).right is False, answer


@pytest.mark.parametrize(
    "text", ["", "two", "1,5", "1/2", "0x10", "nan", "inf", "1e", "--1", "1 2", "__import__('os')", "<b>1</b>"]
)
def test_what_is_no_number_is_refused_kindly(text: str) -> None:
    judged = judge(questions("w*x", "w=2", "x=3")["w"], text)
    assert judged.right is None
    assert "not a number" in judged.says


def test_a_minus_may_be_typographic() -> None:
    assert parse("−1.5") == -1.5


@given(st.floats(1e-8, 1e8), st.sampled_from([1, -1]))
def test_two_digits_are_enough_and_needed(size: float, sign: int) -> None:
    right = sign * size
    assert same(float(f"{right:.1e}"), right)
    assert same(right, right)
    assert not same(right * 1.2, right)
    assert not same(-right, right)


def test_zero() -> None:
    asked = questions("relu(w*x)", "w=2", "x=-3")["w"]
    assert asked.answer == 0
    assert judge(asked, "0").right
    assert judge(asked, "-3").right is False


# ---- classic slips --------------------------------------------------------------------------------------------------

SLIPS = [
    ("w*x", ["w=2", "x=3"], "w", -3, "sign is not"),
    ("2*(w*x)", ["w=2", "x=5"], "w", 5, "local derivative. Multiply it by the gradient that comes in"),
    ("3*tanh(x)", ["x=1"], "x", 3, "gradient that comes in. Multiply it by the local derivative"),
    ("3*(a + a)", ["a=1"], "a", 3, "contribution alone"),
    ("b = a*a; b*a", ["a=2"], "a", 4, "contribution alone"),
    ("sum(x + b)", ["x=[1, 2, 3]", "b=1"], "b", 1, "Sum them over the broadcast axis"),
    ("sum(A * v)", ["A=[[1, 2], [3, 4], [5, 9]]", "v=[7, 8]"], "v[1]", 2, "Sum them over the broadcast axis"),
    ("sum(linear(X, W, b))", ["X=[[1, 2], [3, 4], [5, 6]]", "W=[[1, 0], [2, 2]]", "b=[2, 3]"], "b[0]", 1,
     "Sum them over the broadcast axis"),
    ("u @ (W @ v)", ["u=[1, 3]", "W=[[1, 2], [4, 9]]", "v=[5, 7]"], "W[1, 1]", 3, ""),
    ("sum(W @ X * Y)", ["W=[[1, 2], [3, 4]]", "X=[[1, 5], [2, 6]]", "Y=[[1, 0], [0, 3]]"], "W[1, 1]", 3 * 5, ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "values", "entry", "answer", "message"), SLIPS)
def test_classic_slips(text: str, values: Sequence[str], entry: str, answer: float, message: str) -> None:
    assert message in says(questions(text, *values)[entry], answer)


def test_a_factor_transposed_the_wrong_way() -> None:
    w, x, y = np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 5], [2, 7]]), np.array([[1.0, -2], [2, 5]])
    asked = questions("sum(W @ X * Y)", *(f"{name}={m.tolist()}" for name, m in (("W", w), ("X", x), ("Y", y))))
    right = y @ x.T
    place = np.unravel_index(np.abs(right).argmax(), right.shape)
    entry = asked[f"W[{place[0]}, {place[1]}]"]
    assert entry.answer == right[place]
    assert "transposed" in says(entry, (y @ x)[place])
    right = w.T @ y
    place = np.unravel_index(np.abs(right).argmax(), right.shape)
    assert "transposed" in says(asked[f"X[{place[0]}, {place[1]}]"], (w @ y)[place])


def test_an_answer_of_no_known_kind() -> None:
    assert says(questions("w*x", "w=2", "x=3")["w"], 1234.5).startswith("Not yet.")


@pytest.mark.parametrize(("text", "values"), [(text, values) for text, values, *_ in SLIPS])
def test_no_slip_equals_the_answer_or_another_slip(text: str, values: Sequence[str]) -> None:
    for asked in questions(text, *values).values():
        known = [asked.answer]
        for slip in asked.slips:
            assert math.isfinite(slip.value)
            assert not any(same(slip.value, other) for other in known)
            known.append(slip.value)


def test_questions_name_the_value_its_entry_and_the_way() -> None:
    asked = questions("b = a + a; sum(b * b)", "a=[1, 2]")
    assert set(asked) == {"a[1]", "b[1]", "(b * b)[0]"}
    assert asked["a[1]"].text == (
        "a is used 2 times. What is ∂a[1] when the contribution of b by its second use there has been added to what is "
        "there?"
    )
    assert questions("2*x", "x=1")["x"].text == "What is ∂x?"
    again = questions("w*x + w", "w=2", "x=3")["w"].text
    assert again == "w is used 2 times. What is ∂w when the contribution of w*x has been added to what is there?"


def test_nothing_is_asked_about_what_is_not_finite() -> None:
    assert "x" not in questions("1 / x", "x=0")
