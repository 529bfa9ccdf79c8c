"""Expressions: what they mean, what is refused, and that nothing is ever executed."""

import ast
import builtins
import string

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.numerics import relative_error
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.stepping.expression import trace_expression
from tinygrad_lab.lab.stepping.functions import FUNCTIONS
from tinygrad_lab.lab.stepping.values import assignments, parse_value
from tinygrad_lab.trace import Backward, Forward, Trace


def traced(text: str, *values: str) -> Trace:
    return trace_expression(text, assignments(values))


def gradients(found: Trace) -> dict[str, list]:
    return {v.name: v.gradient.tolist() for v in found.values if v.kind == "input" and v.gradient is not None}


def refusal(text: str, *values: str) -> str:
    with pytest.raises(UsageError) as caught:
        traced(text, *values)
    message = str(caught.value)
    assert "\n" not in message
    return message


# ---- meaning --------------------------------------------------------------------------------------------------------


def test_a_neuron():
    found = traced("relu(w*x + b)", "w=2", "x=-3", "b=7")
    assert [step.operation.name for step in found] == ["multiply", "add", "relu", "relu", "add", "multiply"]
    assert gradients(found) == {"w": -3.0, "x": 2.0, "b": 1.0}
    assert [step.source for step in found if isinstance(step, Forward)] == ["w*x", "w*x + b", "relu(w*x + b)"]
    assert [step.outputs[0].name for step in found if isinstance(step, Forward)] == ["w*x", "w*x + b", "relu(w*x + b)"]
    assert {step.file for step in found if isinstance(step, Forward)} == {"expression"}


def test_statements_reuse_values():
    found = traced("b = a + a; c = b * b", "a=3")
    assert found.result.array == 36
    assert gradients(found) == {"a": 24.0}
    assert [value.name for value in found.values] == ["a", "b", "c"]
    assert traced("b = a + a\nb * b", "a=3").result.array == 36
    assert [s.line for s in traced("b = a + a\nb * b", "a=3") if isinstance(s, Forward)] == [1, 2]


def test_a_result_of_several_numbers_is_summed_by_a_step_of_its_own():
    found = traced("W @ x + b", "W=[[1, 2], [3, 4]]", "x=[5, 6]", "b=1")
    assert [s.operation.name for s in found if isinstance(s, Forward)] == ["matmul", "add", "sum"]
    assert found.result.name == "sum(W @ x + b)"
    assert gradients(found) == {"W": [[5.0, 6.0], [5.0, 6.0]], "x": [4.0, 6.0], "b": 2.0}


@pytest.mark.parametrize(
    ("text", "value"),
    [("-x + 3 - 2*x/4", 1.5), ("2**x", 2.0), ("x**3", 1.0), ("(+x)*1e1", 10.0), ("2*3*x", 6.0), ("sum(A)", 10.0),
     ("mean(A)", 2.5), ("sum(A, dim=1) @ v", 17.0), ("sum(A, dim=-1) @ v", 17.0), ("max(A)", 4.0), ("min(A)", 1.0),
     ("sum(A, dim=0, keepdim=True) @ v", 16.0), ("(A.T @ v) @ v", 27.0), ("maximum(x, 3)", 3.0), ("norm(v)", 5**0.5),
     ("abs(-x)", 1.0), ("sqrt(x)", 1.0), ("square(v) @ v", 9.0), ("softmax(v - v) @ v", 1.5),
     ("linear(v, A, v) @ v", 32.0)],
)  # fmt: skip
def test_what_expressions_are_worth(text, value):
    given = {"x": "x=1", "A": "A=[[1, 2], [3, 4]]", "v": "v=[1, 2]"}
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    assert traced(text, *(given[name] for name in names & given.keys())).result.array == pytest.approx(value)


numbers = st.floats(0.5, 2).map(lambda x: round(x, 3))
leaf = st.sampled_from(["x", "y", "v", "1.5", "2"])
formula = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["tanh", "sigmoid", "exp", "sin", "cos", "relu", "sum"]), inner).map(
            "{0[0]}({0[1]})".format
        ),
        inner.map("-{}".format),
    ),
    max_leaves=8,
)


def in_torch(name):
    """A function of torch that takes plain numbers too."""
    return lambda a: getattr(torch, name)(torch.as_tensor(a, dtype=torch.float64))


@given(formula, numbers, numbers, st.lists(numbers, min_size=3, max_size=3))
def test_values_and_gradients_equal_torch(text, x, y, v):
    """Every formula that the strategy makes means in the stepper what it means in torch."""
    text = f"x*y + sum(v) + {text}"
    found = traced(text, f"x={x}", f"y={y}", f"v={v}")
    given = {
        name: torch.tensor(value, dtype=torch.float64, requires_grad=True)
        for name, value in (("x", x), ("y", y), ("v", v))
    }
    functions = {name: in_torch(name) for name in ("tanh", "sigmoid", "exp", "sin", "cos", "relu", "sum")}
    result = eval(text, {"__builtins__": {}}, {**functions, **given}).sum()
    if not torch.isfinite(result):
        return
    result.backward()
    assert relative_error(found.result.array, result.detach().numpy(), 1.0) <= 1e-10
    for value in found.values:
        if value.name in given and torch.isfinite(given[value.name].grad).all():
            assert relative_error(value.gradient, given[value.name].grad.numpy(), 1.0) <= 1e-9


def test_class_numbers_are_a_target():
    found = traced("cross_entropy(x, t)", "x=[1, 2]", "t=1")
    assert gradients(found)["x"] == pytest.approx([0.26894142, -0.26894142])
    assert "class numbers" in refusal("cross_entropy(x, t)", "x=[1, 2]", "t=0.5")


@pytest.mark.parametrize(
    ("text", "values", "rules"),
    [
        ("cross_entropy(x, t)", ("x=[1, 2]", "t=1"),
         ["p = softmax(x, 0)", "∂x = (p - onehot(t, 0)) · ∂(cross_entropy(x, t))"]),
        ("cross_entropy(W*p, 1)", ("p=[1, 2]", "W=2"),
         ["p′ = softmax(W*p, 0)", "∂(W*p) = (p′ - onehot(1, 0)) · ∂(cross_entropy(W*p, 1))"]),
        ("silu(s)", ("s=1",), ["s′ = sigmoid(s)", "∂s = s′ · (1 + s · (1 - s′)) · ∂(silu(s))"]),
        ("silu(x)*s", ("x=1", "s=2"), ["s′ = sigmoid(x)", "∂x = s′ · (1 + x · (1 - s′)) · ∂(silu(x))"]),
        ("gelu(x)", ("x=1",),
         ["P = (1 + erf(x / √2)) / 2", "p = exp(-x² / 2) / √(2 · π)", "∂x = (P + x · p) · ∂(gelu(x))"]),
        ("a.T@b", ("a=[[1], [2]]", "b=[[3], [4]]"), ["∂(a.T) = ∂(a.T@b) @ bᵀ", "∂b = (a.T)ᵀ @ ∂(a.T@b)"]),
    ],
)  # fmt: skip
def test_a_rule_has_no_name_twice_and_none_that_nobody_knows(text, values, rules):
    said = [step.said.text() for step in traced(text, *values) if isinstance(step, Backward)]
    assert rules in said


def test_a_nan_is_no_error():
    found = traced("log(x) * 2", "x=-1")
    assert np.isnan(found.result.array)


# ---- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "gradient"),
    [("leaky_relu(w, 0.5)", [0.5, 1.0]), ("leaky_relu(w, negative_slope=-.5)", [-0.5, 1.0]),
     ("s = 0.25; leaky_relu(w, s)", [0.25, 1.0]), ("softplus(w, 2, 0)", [0.11920292202211757, 1.0]),
     ("sum(w, 0)", [1.0, 1.0]), ("sum(w, 0, True)", [1.0, 1.0]), ("d = 0; sum(w, dim=d)", [1.0, 1.0]),
     ("max(w, dim=0)", [0.0, 1.0]), ("softmax(w, 0)", [0.0, 0.0]), ("norm(w, p=2, dim=-1)", [-(0.2**0.5), 0.8**0.5])],
)  # fmt: skip
def test_settings_are_plain_numbers(text, gradient):
    assert gradients(traced(text, "w=[-1, 2]"))["w"] == pytest.approx(gradient)


def test_a_softmax_of_one_number_is_1_as_in_torch():
    assert traced("softmax(x, 0) * 2", "x=3").result.array == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("leaky_relu(w, w)", "'w' is not allowed there: negative_slope is a setting and must be a plain number, and"),
        ("softplus(w, w)", "beta is a setting and must be a plain number, and this value gets a gradient"),
        ("b = w * 2; leaky_relu(w, b)", "'b' is not allowed there: negative_slope is a setting"),
        (
            "leaky_relu(w, 2 * 3)",
            "'2 * 3' is not allowed there: negative_slope is a setting and must be a plain number",
        ),
        ("sum(w, dim=-w)", "'-w' is not allowed there: dim is a setting and must be a plain number, not a formula"),
        ("sum(w, dim=0.7)", "dim must be a whole number, got 0.7"),
        ("sum(w, dim=1e18)", "dim must be a whole number, got 1e+18"),
        ("sum(w, dim=None)", "dim must be a whole number, got None"),
        ("sum(w, dim=True)", "dim must be a whole number, got True"),
        ("sum(w, dim=99999999999)", "dim must be one of at most 16 dimensions, got 99999999999"),
        ("sum(w, dim=" + "9" * 400 + ")", "a number is too large"),
        ("sum(w, keepdim='no')", "keepdim must be True or False, got 'no'"),
        ("sum(w, keepdim=1)", "keepdim must be True or False, got 1"),
        ("softplus(w, beta='a')", "beta must be a number, got 'a'"),
        ("max(w, 0)", "the larger of two values is maximum(x, y), the largest along a dimension max(x, dim=0)"),
        ("min(w, w)", "the smaller of two values is minimum(x, y)"),
        ("relu(w, 1)", "there can be 1 value and no settings"),
        ("sum(w, 0, True, 1)", "there can be 1 value and dim, keepdim"),
        ("sum(w, 0, dim=0)", "dim is given twice"),
        ("relu()", "relu takes 1 value, got 0"),
        ("linear(w)", "linear takes 2 values, got 1"),
        ("w.T", "only a matrix can be transposed"),
    ],
)
def test_what_is_wrong_with_a_setting_is_one_sentence(text, message):
    assert message in refusal(text, "w=[-1, 2]")


# ---- sizes and numbers ----------------------------------------------------------------------------------------------


def test_what_an_expression_makes_is_limited_before_it_is_made():
    column, row = f"x={[[1]] * 10_000}", f"y={[[1] * 10_000]}"
    for text in ("x*y", "x@y", "maximum(x, y)", "x - y", "x**y"):
        assert f"'{text}' would make 100,000,000 numbers, at most 10,000 are made" in refusal(text, column, row)
    assert "would make 1,000,000 numbers" in refusal("A = v*v.T; A * v0", f"v={[[1] * 100]}", f"v0={[[[1]]] * 100}")
    assert traced("y @ x", column, row).result.array == 10_000
    assert "more than 1,000,000 numbers in all" in refusal("x" + "*x" * 150, f"x={[1] * 10_000}")


def test_numbers_are_floats_up_to_a_limit():
    assert traced("x * 2", f"x={2**63}").result.array == 2.0**64
    assert traced("x * 2", f"x=[{2**64}, 1]").result.array == 2.0**65 + 2
    assert "a number is too large" in refusal("x * 2", "x=" + "9" * 400)
    assert "a number is too large" in refusal("x * " + "9" * 400, "x=1")
    assert "a number is too large" in refusal("x", "x=1e999")
    for value in ("[True, 1]", "[1, [True]]", "1 + 1j", "'1'"):
        with pytest.raises(UsageError, match="not a number or a list of numbers"):
            parse_value("w", value)
    assert "17 dimensions, at most 16 are read" in refusal("x", "x=" + "[" * 17 + "1" + "]" * 17)


def test_names_are_the_same_where_python_takes_them_for_the_same():
    micro, mu = "\u00b5", "\u03bc"
    for name, used in ((micro, mu), (mu, micro), (micro, micro)):
        assert gradients(traced(f"{used} * 2", f"{name}=1")) == {mu: 2.0}
    with pytest.raises(UsageError, match="given twice"):
        assignments([f"{micro}=1", f"{mu}=2"])
    with pytest.raises(UsageError, match="values are given as name=value"):
        assignments(["lambda=1"])


def test_long_texts_are_cut_in_messages():
    for text, value in (("x y" * 600, "x=1"), ("relu(" + "x+" * 900 + "x, 1)", "x=1"), ("x", "x=" + "a" * 9000)):
        assert len(refusal(text, value)) < 250


# ---- refusals -------------------------------------------------------------------------------------------------------

UNSAFE = [
    "__import__('os').system('true')", "x.__class__", "x.T.__class__", "(lambda: x)()", "[y for y in x]", "{x: 1}",
    "x[0]", "f'{x}'", "'text'", "b'x'", "x if x else x", "x and x", "not x", "x < x", "x is x", "x % x", "x // x",
    "x << x", "~x", "x := 2", "(y := x)", "await x", "yield x", "*x", "x, x", "[x]", "...", "None", "True", "1j",
    "print(x)", "relu.__globals__", "sum(*x)", "sum(**x)", "sum(x, out=x)", "relu(x)(x)", "eval('x')", "x._data",
    "x.T()", "import os", "del x", "global x", "def f(): pass", "class A: pass", "while x: pass", "x += 1",
    "assert x", "raise x", "x: int", "a = b = x; a", "a, b = x; a", "x.a = x; x", "a[0] = x; x", "with x: pass",
    "try:\n x\nexcept: x",
]  # fmt: skip


@pytest.mark.parametrize("text", UNSAFE)
def test_the_unsafe_is_refused(text):
    assert refusal(text, "x=1")


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("w*x", ["w=1"], "x has no value; add x=1, say"),
        ("x", ["x=1", "y=2"], "does not use y"),
        ("x + ", ["x=1"], "is no expression"),
        ("log(x", ["x=1"], "'(' was never closed"),
        ("", [], "is empty"),
        ("x", ["x=1"], "nothing to step through"),
        ("1 + 2", [], "nothing to step through"),
        ("foo(x)", ["x=1"], "foo is no function here; there are: relu, "),
        ("relu + x", ["x=1"], "it is a function"),
        ("relu(x, x)", ["x=1"], "'relu(x, x)' does not work"),
        ("W @ x", ["W=[[1, 2]]", "x=[1, 2, 3]"], "'W @ x' does not work with shapes (1, 2) and (3,)"),
        ("2 * (a + b)", ["a=[1, 2]", "b=[1, 2, 3]"], "'a + b' does not work with shapes (2,) and (3,)"),
        ("sum(x, dim=2)", ["x=[1, 2]"], "'sum(x, dim=2)' does not work"),
        ("sum(x, dim=y)", ["x=[1, 2]", "y=1"], "not allowed"),
        ("x = x + 1", ["x=1"], "x has a meaning already"),
        ("relu = x; x", ["x=1"], "relu has a meaning already"),
        ("x; x", ["x=1"], "must be assignments"),
        ("x * 1e400", ["x=1"], "too large"),
        ("-" * 1500 + "x", ["x=1"], "too deeply"),
        ("x + " * 600 + "x", ["x=1"], "2401 characters"),
        ("(" * 300 + "x" + ")" * 300, ["x=1"], "no expression"),
        ("x\0", ["x=1"], "no expression"),
    ],
)
def test_refusals_say_what_and_where(text, values, message):
    assert message in refusal(text, *values)


@pytest.mark.parametrize(
    "word",
    ["x", "=1", "1=2", "x=", "x=one", "x=1+", "x='a'", "x=[1, [2]]", "x=[]", "x=True", "x=None", "x=1j",
     "x={1: 2}", "relu=1", "x-y=1", "x=__import__('os')", "x=[1]*10**9", "x=" + "[" * 500, "x=[1, 'a']", "x=[True]"],
)  # fmt: skip
def test_values_are_numbers(word):
    with pytest.raises(UsageError):
        assignments([word])


def test_a_name_is_given_once_and_a_value_is_not_endless():
    with pytest.raises(UsageError, match="given twice"):
        assignments(["x=1", "x=2"])
    with pytest.raises(UsageError, match="10001 numbers"):
        parse_value("x", str([0] * 10_001))


@given(st.text(string.printable, max_size=60), st.text(string.printable, max_size=20))
def test_whatever_is_typed_is_a_trace_or_a_clear_error(text, value):
    try:
        found = traced(text, f"x={value}")
    except UsageError:
        return
    assert isinstance(found[len(found) - 1], Backward)


PIECES = "x ( ) . T __class__ [ ] lambda : sum eval 'x' , = ; + * @ ** 1 open print import"
fragments = st.lists(st.sampled_from([*PIECES.split(), " "]), max_size=12)


@given(fragments)
def test_nothing_is_executed(parts):
    """No builtin is called with anything of the expression, whatever it is made of."""
    called = []
    watched = {name: getattr(builtins, name) for name in ("eval", "exec", "open", "print", "__import__", "input")}

    def spy(name):
        def call(*args, **options):
            called.append(name) if args and isinstance(args[0], str) and args[0] in "".join(parts) else None
            return watched[name](*args, **options)

        return call

    patched = {name: spy(name) for name in ("eval", "exec", "open", "print", "input")}
    try:
        for name, function in patched.items():
            setattr(builtins, name, function)
        traced("".join(parts), "x=1")
    except UsageError:
        pass
    finally:
        for name, function in watched.items():
            setattr(builtins, name, function)
    assert called == []


def test_every_function_works_on_something():
    v, w, matrix = "v=[0.5, 2]", "w=[1, 2]", "A=[[1, 2]]"
    special = {
        "cross_entropy": ("cross_entropy(A, t)", [matrix, "t=[0]"]),
        "linear": ("linear(v, A)", [v, matrix]),
        "matmul": ("matmul(A, v)", [matrix, v]),
        "mse_loss": ("mse_loss(v, w)", [v, w]),
        "maximum": ("maximum(v, 1)", [v]),
        "minimum": ("minimum(v, 1)", [v]),
    }
    for name in FUNCTIONS:
        text, values = special.get(name, (f"{name}(v)", [v]))
        assert np.isfinite(traced(text, *values).result.array), name
