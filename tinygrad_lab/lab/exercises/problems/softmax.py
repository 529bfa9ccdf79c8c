"""softmax and log_softmax."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np

from tinygrad_lab.lab.exercises.draws import Case
from tinygrad_lab.lab.exercises.exercise import Exercise, Slip


def scores(draw):
    yield Case("three rows of five", {"x": draw.normal(3, 5), "dim": 1})
    yield Case("a square matrix along its columns", {"x": draw.normal(4, 4), "dim": 0})
    yield Case("three dimensions along the middle one", {"x": draw.normal(2, 3, 4), "dim": 1})
    yield Case("equal scores", {"x": np.ones((2, 3)), "dim": -1})
    yield Case("large scores", {"x": 1000 + 3 * draw.normal(2, 4), "dim": -1})
    yield Case("a dimension of size 1", {"x": draw.normal(3, 1), "dim": -1})


# ---- softmax -------------------------------------------------------------------------------------


def softmax(x, dim):
    """y_i = exp(x_i) / Σ_j exp(x_j) along one dimension.    x (..., n, ...) -> y, of the same shape

    backward(dy) returns dx.
    """
    e = np.exp(x - x.max(axis=dim, keepdims=True))  # without the maximum a large score would overflow
    y = e / e.sum(axis=dim, keepdims=True)

    def backward(dy):
        total = (dy * y).sum(axis=dim, keepdims=True)
        dx = y * (dy - total)
        return dx

    return y, backward


SOFTMAX = Exercise(
    softmax,
    "softmax: every output depends on every input",
    "Bridle 1990; every attention since Vaswani et al. 2017, section 3.2.1.",
    ("x",),
    scores,
    (
        Slip("dx = y * (dy - total)", "dx = dy * y * (1 - y)",
             "You took the diagonal only, ∂y_i/∂x_i = y_i(1 − y_i): every output depends on every "
             "input through the sum below, and ∂y_i/∂x_j = −y_i y_j counts too."),
        Slip("dx = y * (dy - total)", "dx = y * dy",
             "You differentiated the numerator only: the sum below depends on x as well, and "
             "takes y Σ dy·y away."),
        Slip("total = (dy * y).sum(axis=dim, keepdims=True)", "total = dy.sum(axis=dim, keepdims=True)",
             "You forgot y inside the sum: what is subtracted is Σ_j dy_j y_j (Σ_j dy_j alone is "
             "log_softmax's)."),
        Slip("total = (dy * y).sum(axis=dim, keepdims=True)", "total = (dy * y).sum()",
             "You summed over everything: each line along dim has a sum of its own."),
        Slip("total = (dy * y).sum(axis=dim, keepdims=True)", "total = (dy * y).sum(axis=dim - 1, keepdims=True)",
             "You summed over the wrong axis: the sum runs along dim, the axis of the softmax "
             "itself."),
        Slip("total = (dy * y).sum(axis=dim, keepdims=True)", "total = (dy * y).mean(axis=dim, keepdims=True)",
             "You took a mean where a sum belongs: Σ_j dy_j y_j is weighted by y already."),
        Slip("total = (dy * y).sum(axis=dim, keepdims=True)", "total = (dy * y).sum(axis=-1, keepdims=True)",
             "You summed along the last axis, whatever dim is: the sum runs along dim, the "
             "softmax's own axis."),
        Slip("total = (dy * y).sum(axis=dim, keepdims=True)", "total = (dy * y).sum(axis=1, keepdims=True)",
             "You summed along axis 1, whatever dim is: the sum runs along dim, the axis of the "
             "softmax itself."),
        Slip("total = (dy * y).sum(axis=dim, keepdims=True)", "total = (dy * y).sum(axis=dim)",
             "You lost the axis that was summed over: with keepdims=True it stays, and each line "
             "gets its own sum."),
        Slip("dx = y * (dy - total)", "dx = dy - total",
             "You forgot the factor y in front: what Σ dy·y is subtracted from is multiplied by "
             "y_i."),
        Slip("dx = y * (dy - total)", "dx = x * (dy - total)",
             "You used the input instead of the output: the factor in front is y."),
    ),
    (
        "Write down ∂y_i/∂x_j for i = j and for i ≠ j. Which of them can you leave out? (None.)",
        "∂y_i/∂x_j = y_i(δ_ij − y_j). Multiply by dy_i and sum over i.",
        "Two terms come out of that sum: y_j dy_j, and y_j times one number for each line.",
    ),
    "softmax",
    lambda functional, x, dim: functional.softmax(x, dim),
)  # fmt: skip

# ---- log_softmax ---------------------------------------------------------------------------------


def log_softmax(x, dim):
    """y_i = x_i − log Σ_j exp(x_j) along one dimension.    x (..., n, ...) -> y, of the same shape

    backward(dy) returns dx.
    """
    shifted = x - x.max(axis=dim, keepdims=True)
    y = shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))

    def backward(dy):
        p = np.exp(y)
        dx = dy - p * dy.sum(axis=dim, keepdims=True)
        return dx

    return y, backward


LOG_SOFTMAX = Exercise(
    log_softmax,
    "log_softmax: simpler than softmax, and safer",
    "Goodfellow, Bengio, Courville 2016, Deep Learning, section 6.2.2.3.",
    ("x",),
    scores,
    (
        Slip("p * dy.sum(axis=dim, keepdims=True)", "p * (dy * p).sum(axis=dim, keepdims=True)",
             "You summed dy·p, which is softmax's: here the sum is of dy alone."),
        Slip("dx = dy - p * dy.sum(axis=dim, keepdims=True)", "dx = dy",
             "You forgot the logarithm of the sum: it depends on x too, and takes p Σ dy away."),
        Slip("dx = dy - p * dy.sum(axis=dim, keepdims=True)", "dx = dy * (1 - p)",
             "You took the diagonal only: every output depends on every input through the sum, so "
             "dy is summed along dim before it is multiplied by p."),
        Slip("p = np.exp(y)", "p = y",
             "You used y where the probability belongs: y is its logarithm, p = eʸ."),
        Slip("p * dy.sum(axis=dim, keepdims=True)", "dy.sum(axis=dim, keepdims=True) / x.shape[dim]",
             "You subtracted the mean of dy: each entry's share of the sum is its probability p, "
             "not 1/n."),
        Slip("p * dy.sum(axis=dim, keepdims=True)", "p * dy.sum()",
             "You summed over everything: each line along dim has a sum of its own."),
        Slip("p * dy.sum(axis=dim, keepdims=True)", "p * dy.sum(axis=-1, keepdims=True)",
             "You summed along the last axis, whatever dim is: the sum runs along dim, the "
             "softmax's own axis."),
        Slip("p * dy.sum(axis=dim, keepdims=True)", "p * dy.sum(axis=dim)",
             "You lost the axis that was summed over: with keepdims=True it stays, and each line "
             "gets its own sum."),
        Slip("p * dy.sum(axis=dim, keepdims=True)", "p * dy.sum(axis=dim - 1, keepdims=True)",
             "You summed over the wrong axis: the sum runs along dim, the axis of the softmax "
             "itself."),
    ),
    (
        "y_i = x_i − L with one L for the whole line. What is ∂L/∂x_j?",
        "∂L/∂x_j = p_j, the softmax, and that is exp(y_j).",
        "x_i gives dy_i; L collects −Σ dy and hands each x_j its share p_j.",
    ),
    "log_softmax",
    lambda functional, x, dim: functional.log_softmax(x, dim),
)  # fmt: skip
