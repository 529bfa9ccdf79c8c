"""Products, sums and powers, element by element."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np

from tinygrad_lab.lab.exercises.draws import Case
from tinygrad_lab.lab.exercises.exercise import Exercise, Slip

# ---- multiply ------------------------------------------------------------------------------------


def multiply(a, b):
    """y = a · b, element by element.    a, b (*) -> y (*), all of one shape

    backward(dy) gets the gradient of the loss by y, in y's shape, and returns da and db in those of a and b.
    """
    y = a * b

    def backward(dy):
        da = dy * b
        db = dy * a
        return da, db

    return y, backward


def multiply_cases(draw):
    yield Case("a 3 × 4 matrix", {"a": draw.normal(3, 4), "b": draw.normal(3, 4)})
    yield Case("numbers without a dimension", {"a": draw.normal(), "b": draw.normal()})
    yield Case("large numbers", {"a": 1e6 * draw.normal(5), "b": draw.normal(5)})
    yield Case("zeros", {"a": np.zeros((2, 2)), "b": draw.normal(2, 2)})


MULTIPLY = Exercise(
    multiply,
    "multiply: two factors, two gradients",
    "The chain rule itself; Baydin et al. 2018, Automatic Differentiation in Machine Learning, "
    "section 3.2.",
    ("a", "b"),
    multiply_cases,
    (
        Slip("da = dy * b\n        db = dy * a", "da = dy * a\n        db = dy * b",
             "You multiplied by the factor itself: in a product, each factor's derivative is the "
             "other factor."),
        Slip("da = dy * b\n        db = dy * a", "da = b\n        db = a",
             "You returned the local derivative alone: multiply it by what comes in, dy, or "
             "nothing behind y counts."),
    ),
    (
        "Nudge one entry of a by a little: by how much does the same entry of y change?",
        "∂y/∂a = b and ∂y/∂b = a. The chain rule multiplies each by the gradient that comes in.",
        "da is dy times something of the same shape, entry by entry; so is db.",
    ),
    "multiply",
    lambda functional, a, b: a * b,
)  # fmt: skip

# ---- add -----------------------------------------------------------------------------------------


def add_bias(x, bias):
    """y = x + bias, the bias added to every row.    x (N, D), bias (D,) -> y (N, D)

    backward(dy) gets dy (N, D) and returns dx (N, D) and dbias (D,).
    """
    y = x + bias

    def backward(dy):
        dx = dy
        dbias = dy.sum(axis=0)
        return dx, dbias

    return y, backward


def add_bias_cases(draw):
    yield Case("four rows of three", {"x": draw.normal(4, 3), "bias": draw.normal(3)})
    yield Case("as many rows as columns", {"x": draw.normal(3, 3), "bias": draw.normal(3)})
    yield Case("one row", {"x": draw.normal(1, 5), "bias": draw.normal(5)})
    yield Case("one column", {"x": draw.normal(5, 1), "bias": draw.normal(1)})


ADD_BIAS = Exercise(
    add_bias,
    "add with broadcasting: one bias for every row",
    "Broadcasting is a copy in disguise: LeCun et al. 1998, section II, a layer's bias.",
    ("x", "bias"),
    add_bias_cases,
    (
        Slip("dbias = dy.sum(axis=0)", "dbias = dy",
             "You forgot the sum over the rows: the bias was used once for every row, and each "
             "use sends a gradient."),
        Slip("dbias = dy.sum(axis=0)", "dbias = dy.sum(axis=1)",
             "You summed over the wrong axis: the bias was copied along the rows (axis 0), so sum "
             "along them."),
        Slip("dbias = dy.sum(axis=0)", "dbias = dy.sum()",
             "You summed over everything: each column has a bias of its own, so sum over the rows "
             "only (axis 0)."),
        Slip("dbias = dy.sum(axis=0)", "dbias = dy.mean(axis=0)",
             "You took the mean over the rows: contributions of several uses add up, nothing "
             "divides them."),
        Slip("dbias = dy.sum(axis=0)", "dbias = dy[0]",
             "You took the first row's contribution alone: every row used the bias, so all of "
             "them are added up."),
    ),
    (
        "How many entries of y does one entry of the bias reach?",
        "A value that is used several times gets the sum of what its uses send back.",
        "Along the axis in which the bias was copied forwards, the gradient is summed backwards.",
    ),
    "add",
    lambda functional, x, bias: x + bias,
)  # fmt: skip

# ---- exp -----------------------------------------------------------------------------------------


def exp(x):
    """y = eˣ, element by element.    x (*) -> y (*)

    backward(dy) returns dx.
    """
    y = np.exp(x)

    def backward(dy):
        dx = dy * y
        return dx

    return y, backward


def exp_cases(draw):
    yield Case("a 3 × 4 matrix", {"x": draw.normal(3, 4)})
    yield Case("a number without a dimension", {"x": draw.normal()})
    yield Case("numbers far below zero", {"x": draw.normal(4) - 40})
    yield Case("zeros", {"x": np.zeros(3)})


EXP = Exercise(
    exp,
    "exp: the function inside every softmax",
    "Every softmax and every gate is made of it.",
    ("x",),
    exp_cases,
    (
        Slip("dx = dy * y", "dx = dy * x",
             "You used the input instead of the output: the derivative of eˣ is eˣ, and that is "
             "y."),
        Slip("dx = dy * y", "dx = y",
             "You returned the local derivative alone: multiply it by what comes in, dy."),
        Slip("dx = dy * y", "dx = dy / x",
             "That is the backward of the logarithm: the derivative of ln x is 1/x, that of eˣ is "
             "eˣ."),
    ),
    (
        "What is the derivative of eˣ?",
        "It has been computed already, in the forward.",
        "Keep y and multiply what comes in by it.",
    ),
    "exp",
    lambda functional, x: x.exp(),
)  # fmt: skip

# ---- power ---------------------------------------------------------------------------------------


def power(x, p):
    """y = xᵖ, element by element, p a number that needs no gradient.    x (*) -> y (*)

    backward(dy) returns dx.
    """
    y = x**p

    def backward(dy):
        dx = dy * p * x ** (p - 1)
        return dx

    return y, backward


def power_cases(draw):
    yield Case("cubes", {"x": draw.positive(3, 4), "p": 3})
    yield Case("square roots", {"x": draw.positive(5), "p": 0.5})
    yield Case("reciprocals", {"x": draw.positive(5), "p": -1})
    yield Case("negative numbers, squared", {"x": draw.normal(4), "p": 2})


POWER = Exercise(
    power,
    "power: squares, roots and reciprocals in one",
    "With p = 1/2 it is the root in every normalisation.",
    ("x",),
    power_cases,
    (
        Slip("dy * p * x ** (p - 1)", "dy * x ** (p - 1)",
             "You forgot the factor p: the derivative of xᵖ is p·xᵖ⁻¹, the exponent comes down as "
             "a factor."),
        Slip("dy * p * x ** (p - 1)", "dy * p * x**p",
             "You left the exponent as it was: it falls by one, the derivative of xᵖ is p·xᵖ⁻¹."),
        Slip("dy * p * x ** (p - 1)", "p * x ** (p - 1)",
             "You returned the local derivative alone: multiply it by what comes in, dy."),
    ),
    (
        "What is the derivative of x³?",
        "The power rule, with a p that need not be whole.",
        "The exponent becomes a factor and falls by one; then the chain rule.",
    ),
    "power",
    lambda functional, x, p: x**p,
)  # fmt: skip
