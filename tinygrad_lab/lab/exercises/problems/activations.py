"""Nonlinearities, element by element."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np

from tinygrad_lab.lab.exercises.draws import Case
from tinygrad_lab.lab.exercises.exercise import Exercise, Slip


def squashed(draw):
    yield Case("a 3 × 4 matrix", {"x": draw.distinct(3, 4)})
    yield Case("a number without a dimension", {"x": draw.normal()})
    yield Case("large numbers, where it is flat", {"x": np.array([-30.0, -8.0, 8.0, 30.0])})
    yield Case("zeros", {"x": np.zeros((2, 2))})


# ---- relu ----------------------------------------------------------------------------------------


def relu(x):
    """y = max(x, 0), element by element.    x (*) -> y (*)

    backward(dy) returns dx. At x = 0 the derivative is taken to be 0, as in torch.
    """
    y = np.maximum(x, 0)

    def backward(dy):
        dx = dy * (x > 0)
        return dx

    return y, backward


def relu_cases(draw):
    yield Case("a 3 × 4 matrix", {"x": draw.distinct(3, 4)})
    yield Case("nothing positive", {"x": -draw.positive(5)})
    yield Case("large numbers", {"x": 1e6 * draw.distinct(5)})
    yield Case("zeros among others", {"x": np.array([-1.0, 0.0, 2.0, 0.0])}, smooth=False)


RELU = Exercise(
    relu,
    "relu: a gate that is open or shut",
    "Krizhevsky, Sutskever, Hinton 2012 (AlexNet), section 3.1.",
    ("x",),
    relu_cases,
    (
        Slip("dx = dy * (x > 0)", "dx = dy * (x >= 0)",
             "You let the gradient through at x = 0 too: the kink has no derivative, and the "
             "convention is 0 (x > 0)."),
        Slip("dx = dy * (x > 0)", "dx = dy * y",
             "You multiplied by the output: above zero the slope of relu is 1, however large y "
             "is."),
        Slip("dx = dy * (x > 0)", "dx = (x > 0) * np.ones_like(x)",
             "You returned the local derivative alone: multiply it by what comes in, dy."),
        Slip("dx = dy * (x > 0)", "dx = np.maximum(dy, 0)",
             "You applied relu to the gradient: what decides is the sign of x in the forward, not "
             "the sign of dy."),
        Slip("dx = dy * (x > 0)", "dx = dy",
             "You let everything through: where x is below zero y does not move, so nothing comes "
             "back there."),
    ),
    (
        "Where x is negative, what does a nudge of x do to y? And where it is positive?",
        "The slope is 0 on one side and 1 on the other.",
        "Multiply dy by a mask of the entries with x > 0.",
    ),
    "relu",
    lambda functional, x: x.relu(),
)  # fmt: skip

# ---- sigmoid -------------------------------------------------------------------------------------


def sigmoid(x):
    """y = 1 / (1 + e⁻ˣ), element by element.    x (*) -> y (*)

    backward(dy) returns dx.
    """
    y = 1 / (1 + np.exp(-x))

    def backward(dy):
        dx = dy * y * (1 - y)
        return dx

    return y, backward


SIGMOID = Exercise(
    sigmoid,
    "sigmoid: its derivative, written in its own output",
    "Every gate of the LSTM; Hochreiter, Schmidhuber 1997, appendix A.1.",
    ("x",),
    squashed,
    (
        Slip("dy * y * (1 - y)", "dy * x * (1 - x)",
             "You used the input instead of the output: the derivative is y(1 − y), with y the "
             "sigmoid's own value."),
        Slip("dy * y * (1 - y)", "dy * y * (1 + y)",
             "You have a wrong sign inside: the derivative is y(1 − y), which is 0 where the "
             "sigmoid is 1."),
        Slip("dy * y * (1 - y)", "y * (1 - y)",
             "You returned the local derivative alone: multiply it by what comes in, dy."),
        Slip("dy * y * (1 - y)", "dy * y",
             "You kept only the factor y: that is the backward of exp; a sigmoid has y(1 − y)."),
        Slip("dy * y * (1 - y)", "dy * (1 - y**2)",
             "That is the backward of tanh: a sigmoid has y(1 − y)."),
    ),
    (
        "Differentiate 1/(1 + e⁻ˣ) by the chain rule, then look for y in what you get.",
        "e⁻ˣ / (1 + e⁻ˣ)² = y · (1 − y).",
        "What comes in, times y, times one minus y.",
    ),
    "sigmoid",
    lambda functional, x: x.sigmoid(),
)  # fmt: skip

# ---- tanh ----------------------------------------------------------------------------------------


def tanh(x):
    """y = tanh(x), element by element.    x (*) -> y (*)

    backward(dy) returns dx.
    """
    y = np.tanh(x)

    def backward(dy):
        dx = dy * (1 - y**2)
        return dx

    return y, backward


TANH = Exercise(
    tanh,
    "tanh: the sigmoid that goes from −1 to 1",
    "LeCun et al. 1998, appendix A; the LSTM's candidate and its output.",
    ("x",),
    squashed,
    (
        Slip("dy * (1 - y**2)", "dy * (1 - x**2)",
             "You used the input instead of the output: the derivative is 1 − y², with y = "
             "tanh(x)."),
        Slip("dy * (1 - y**2)", "dy * y * (1 - y)",
             "That is the backward of the sigmoid: tanh has 1 − y²."),
        Slip("dy * (1 - y**2)", "dy * (1 - y)",
             "You forgot the square: the derivative is 1 − y²."),
        Slip("dy * (1 - y**2)", "1 - y**2",
             "You returned the local derivative alone: multiply it by what comes in, dy."),
        Slip("dy * (1 - y**2)", "dy * (y**2 - 1)",
             "You have the sign wrong: tanh rises everywhere, so its derivative 1 − y² is never "
             "negative."),
    ),
    (
        "tanh = sinh/cosh; use the quotient rule and cosh² − sinh² = 1.",
        "The derivative can be written with y alone.",
        "It is 1 where y is 0 and 0 where y is ±1: one minus a square.",
    ),
    "tanh",
    lambda functional, x: x.tanh(),
)  # fmt: skip
