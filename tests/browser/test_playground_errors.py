"""What is wrong with an expression or a value is said by the playground in the very words of the command line."""

import json

import pytest

from tests.browser.conftest import Look
from tests.browser.expressions import made
from tests.lab.test_step_expression import UNSAFE
from tests.lab.test_step_hostile import HOSTILE
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.playground import page as pages
from tinygrad_lab.lab.stepping.expression import trace_expression
from tinygrad_lab.lab.stepping.values import assignments

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # users have the gate's sentences

SENTENCES = """
(all) => JSON.stringify(all.map(([text, ...words]) => {
  try {
    evaluate(text, words);
    return null;
  } catch (error) {
    return error instanceof UsageError ? error.message : String(error.stack);
  }
}))
"""

W, PAIR, TRIPLE = "w=[-1, 2]", "a=[1, 2]", "b=[1, 2, 3]"
WRONG: list[tuple[str, ...]] = [
    # names and values
    ("w*x", "w=1"), ("x", "x=1", "y=2"), ("x", "x=1", "zeta=2", "alpha=[1]"), ("x", "x=1"),
    ("1 + 2",), ("",), ("  ", "x=1"), ("relu + x", "x=1"), ("relu = x; x", "x=1"),
    ("x = x + 1", "x=1"), ("a=x", "x=1"), ("a" * 70 + "*x", "x=1"),
    # syntax
    ("x + ", "x=1"), ("log(x", "x=1"), ("log(x))", "x=1"), ("(x]", "x=1"), ("x y", "x=1"),
    ("x +* x", "x=1"), ("2x", "x=1"), ("x $ x", "x=1"), ("x\n  x", "x=1"), ("relu(x=1, x)", "x=1"),
    ("0777*x", "x=1"), ("'abc", "x=1"), ("x = ", "x=1"), ("1 = x; x", "x=1"),
    ("x + " * 600 + "x", "x=1"), ("(" * 300 + "x" + ")" * 300, "x=1"), ("-" * 1500 + "x", "x=1"),
    ("x\0", "x=1"), ("import os", "x=1"), ("while x: pass", "x=1"), ("b = x\nreturn b", "x=1"),
    ("x; x", "x=1"), ("x += 1", "x=1"), ("x: int", "x=1"), ("a = b = x; a", "x=1"),
    ("a, b = x; a", "x=1"), ("lambda = 2", "x=1"), ("\u201cx\u201d", "x=1"),
    # what Python has and an expression has not
    ("x[0]", "x=1"), ("x if x else x", "x=1"), ("x < 1", "x=1"), ("not x", "x=1"), ("x % 2", "x=1"),
    ("x // 2", "x=1"), ("~x", "x=1"), ("[y for y in x]", "x=1"), ("sum(y for y in x)", "x=1"),
    ("(lambda: x)()", "x=1"), ("f'{x}'", "x=1"), ("'text'", "x=1"), ("x.T.__class__", "x=1"),
    ("relu(x)(x)", "x=1"), ("sum(*x)", "x=1"), ("sum(x, out=x)", "x=1"), ("x, x", "x=1"),
    ("(x, 2*(x))", "x=1"), ("foo(x)", "x=1"), ("None", "x=1"), ("1j * x", "x=1"),
    ("(y := x)", "x=1"), ("{x: 1}", "x=1"), ("2 * ((x, x))", "x=1"),
    # settings
    ("leaky_relu(w, w)", W), ("b = w * 2; leaky_relu(w, b)", W), ("leaky_relu(w, 2 * 3)", W),
    ("sum(w, dim=-w)", W), ("sum(w, dim=0.7)", W), ("sum(w, dim=1e18)", W), ("sum(w, dim=None)", W),
    ("sum(w, dim=True)", W), ("sum(w, dim=99999999999)", W), ("sum(w, dim=0x7f)", W),
    ("sum(w, dim=" + "9" * 400 + ")", W), ("sum(w, keepdim='no')", W), ("sum(w, keepdim=1)", W),
    ("softplus(w, beta='a')", W), ("softplus(w, 1e-7j)", W), ("max(w, 0)", W), ("min(w, w)", W),
    ("relu(w, 1)", W), ("sum(w, 0, True, 1)", W), ("sum(w, 0, dim=0)", W), ("relu()", W),
    ("linear(w)", W), ("norm(w, 3)", W), ("norm(w, p=2.5)", W), ("s = -2.5; sum(w, dim=s)", W),
    ("sum(w, dim=-.0)", W),
    # shapes
    ("a + b", PAIR, TRIPLE), ("2 * (a - b)", PAIR, TRIPLE), ("maximum(a, b)", PAIR, TRIPLE),
    ("a**b", "a=[[1, 2]]", TRIPLE), ("a @ b", PAIR, TRIPLE), ("matmul(a, b)", "a=1", TRIPLE),
    ("a @ 2", PAIR), ("a @ b", "a=[[[1]],[[1]]]", "b=[[[1]],[[1]],[[1]]]"), ("a.T", PAIR),
    ("sum(a, dim=2)", PAIR), ("mean(a, dim=-3)", PAIR), ("max(a, dim=1, keepdim=True)", PAIR),
    ("norm(a, dim=2)", PAIR), ("softmax(a, 1)", PAIR), ("log_softmax(a, dim=4)", "a=2"),
    ("sum(a, dim=1)", "a=2"), ("linear(a, b)", PAIR, TRIPLE),
    ("linear(a, b)", PAIR, "b=[[1, 2, 3]]"), ("linear(a, b)", "a=1", "b=[[1]]"),
    ("linear(a, b, a)", PAIR, "b=[[1, 2]]"), ("linear(a, b, b)", PAIR, "b=[[1, 2]]"),
    ("mse_loss(a, b)", PAIR, TRIPLE), ("mse_loss(a, b)", PAIR, "b=1"),
    ("cross_entropy(a, b)", PAIR, "b=0.5"), ("cross_entropy(a, b)", PAIR, "b=-1"),
    ("cross_entropy(a, b)", PAIR, "b=2"), ("cross_entropy(a, b)", PAIR, "b=9"),
    ("cross_entropy(a, b)", PAIR, "b=[0]"), ("cross_entropy(a, b)", "a=1", "b=0"),
    # sizes
    ("x*y", f"x={[[1]] * 200}", f"y={[[1] * 200]}"),
    ("x@y", f"x={[[1]] * 200}", f"y={[[1] * 200]}"), ("x * 1e400", "x=1"),
    ("x" + "*x" * 150, f"x={[1] * 10_000}"),
    # values
    ("x", "x"), ("x", "=1"), ("x", "1=2"), ("x", "x="), ("x", "x=one"), ("x", "x=1+"),
    ("x", "x='a'"), ("x", "x=[1, [2]]"), ("x", "x=[]"), ("x", "x=True"), ("x", "x=None"),
    ("x", "x=1j"), ("x", "x={1: 2}"), ("x", "relu=1"), ("x", "x-y=1"), ("x", "x=[1]*10**9"),
    ("x", "x=" + "[" * 500), ("x", "x=[1, 'a']"), ("x", "x=[True]"), ("x", "x=1", "x=2"),
    ("x", "lambda=1"), ("x", f"x={[0] * 10_001}"), ("x", "x=1e999"), ("x", "x=1.5e301"),
    ("x", "x=" + "9" * 400), ("x", "x=-" + "9" * 310), ("x", "x=" + "[" * 17 + "1" + "]" * 17),
    ("x", "x=--1"), ("x", "x=1 2"), ("x", "x=[1, 2"), ("x", "x=[[1, 2], [3]]"), ("x", "x=1;2"),
    ("x", "x=[1e5, 1e301]"), ("x", "x=0x" + "f" * 300),
]  # fmt: skip


def of_the_command_line(text: str, *words: str) -> str | None:
    try:
        trace_expression(text, assignments(words))
    except UsageError as error:
        return str(error)
    return None


def compared(look: Look, inputs: list[tuple[str, ...]]) -> list[tuple[str | None, str | None, tuple[str, ...]]]:
    """What both say of each input."""
    here = json.loads(look(pages.render()).page.evaluate(SENTENCES, inputs))
    return [(of_the_command_line(*each), said, each) for each, said in zip(inputs, here, strict=True)]


def test_wrong_input_is_told_in_the_same_sentence(look: Look) -> None:
    found = compared(look, WRONG)
    assert [each for each in found if each[0] != each[1]] == []
    assert [each for each in found if each[0] is None] == []


def test_what_is_unsafe_is_refused_in_the_same_sentence(look: Look) -> None:
    found = compared(look, [(text, "x=1") for text in UNSAFE])
    assert [each for each in found if each[0] != each[1]] == []


def test_the_hostile_is_refused_in_the_same_sentence(look: Look) -> None:
    found = compared(look, HOSTILE)
    assert [each for each in found if each[0] != each[1]] == []


def test_expressions_with_one_character_changed(look: Look) -> None:
    """What is typed halfway: an expression with a piece left out, and its values."""
    cut = [(each.text[: 1 + 7 * k % len(each.text)], *each.words) for k, each in enumerate(made(120))]
    left_out = [(each.text.replace("(" if k % 2 else " ", "", 1), *each.words) for k, each in enumerate(made(120))]
    found = compared(look, [*cut, *left_out])
    assert [each for each in found if each[0] != each[1]] == []


@pytest.mark.parametrize(
    "text", ["alert(1)", "__import__('os')", "constructor(x)", "toString", "x.constructor", "this", "__proto__(x)"]
)
def test_nothing_of_the_browser_is_reached(look: Look, text: str) -> None:
    ((said, here, _),) = compared(look, [(text, "x=1")])
    assert said == here
    assert said
