"""Sums, means and extremes along a dimension."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np

from tinygrad_lab.lab.exercises.draws import Case
from tinygrad_lab.lab.exercises.exercise import Exercise, Slip


def along_a_dimension(draw):
    yield Case("a 3 × 4 matrix along its rows", {"x": draw.distinct(3, 4), "dim": 1})
    yield Case("a square matrix along its columns", {"x": draw.distinct(4, 4), "dim": 0})
    yield Case("three dimensions along the middle one", {"x": draw.distinct(2, 3, 4), "dim": 1})
    yield Case("a dimension of size 1", {"x": draw.distinct(3, 1), "dim": -1})


# ---- sum -----------------------------------------------------------------------------------------


def sum_along(x, dim):
    """y = Σᵢ xᵢ along one dimension, which disappears.    x (..., n, ...) -> y (..., ...)

    backward(dy) gets dy in y's shape and returns dx in x's.
    """
    y = x.sum(axis=dim)

    def backward(dy):
        dx = np.expand_dims(dy, dim) * np.ones_like(x)
        return dx

    return y, backward


SUM = Exercise(
    sum_along,
    "sum along a dimension: many in, one out",
    "The mirror image of broadcasting, whose backward add_bias asks for.",
    ("x",),
    along_a_dimension,
    (
        Slip("np.expand_dims(dy, dim) * np.ones_like(x)", "np.ones_like(x)",
             "You returned ones: that is the local derivative alone, each entry still has to be "
             "multiplied by its dy."),
        Slip("np.expand_dims(dy, dim) * np.ones_like(x)", "np.expand_dims(dy, dim) * np.ones_like(x) / x.shape[dim]",
             "You divided by n: that is the backward of the mean; in a sum every term has the "
             "derivative 1."),
        Slip("np.expand_dims(dy, dim) * np.ones_like(x)", "dy * np.ones_like(x)",
             "You spread dy along the wrong axis: put the summed dimension back where it was "
             "(np.expand_dims), or broadcasting lines dy up with the last axes."),
        Slip("np.expand_dims(dy, dim) * np.ones_like(x)", "np.expand_dims(dy, dim)",
             "You put the dimension back with size 1 only: each of the n terms gets a copy of dy, "
             "so copy it n times."),
        Slip("np.expand_dims(dy, dim) * np.ones_like(x)", "np.expand_dims(dy, dim) * x",
             "You multiplied by x: the derivative of a sum by one of its terms is 1, whatever the "
             "term is."),
    ),
    (
        "Nudge one entry of x: which entry of y changes, and by how much?",
        "Every entry along the dimension gets the same gradient, that of the sum it went into.",
        "Put the summed axis back with size 1, then let broadcasting copy it to x's shape.",
    ),
    "sum",
    lambda functional, x, dim: x.sum(dim),
)  # fmt: skip

# ---- mean ----------------------------------------------------------------------------------------


def mean_along(x, dim):
    """y = Σᵢ xᵢ / n along one dimension of size n, which disappears.    x (..., n, ...) -> y (..., ...)

    backward(dy) gets dy in y's shape and returns dx in x's.
    """
    y = x.mean(axis=dim)

    def backward(dy):
        n = x.shape[dim]
        dx = np.expand_dims(dy, dim) * np.ones_like(x) / n
        return dx

    return y, backward


MEAN = Exercise(
    mean_along,
    "mean along a dimension: a sum, and a constant",
    "Found inside every loss and every normalisation.",
    ("x",),
    along_a_dimension,
    (
        Slip("* np.ones_like(x) / n", "* np.ones_like(x)",
             "You forgot the 1/n: each of the n entries moves their mean only by an n-th of its "
             "own move."),
        Slip("n = x.shape[dim]", "n = x.size",
             "You divided by the number of all entries: the mean runs along one dimension, n is "
             "that one's size."),
        Slip("n = x.shape[dim]", "n = x.shape[0]",
             "You divided by the number of rows, whatever dim is: n is the size of the dimension "
             "averaged over."),
        Slip("np.expand_dims(dy, dim) * np.ones_like(x) / n", "dy * np.ones_like(x) / n",
             "You spread dy along the wrong axis: put the averaged dimension back where it was "
             "(np.expand_dims), or broadcasting lines dy up with the last axes."),
        Slip("np.expand_dims(dy, dim) * np.ones_like(x) / n", "np.ones_like(x) / n",
             "You returned the local derivative alone: multiply it by what comes in, dy."),
    ),
    (
        "A mean is a sum, and then?",
        "The backward of a sum is a copy; then one more constant factor.",
        "Solve sum_along first; divide by the size of the dimension, x.shape[dim].",
    ),
    "mean",
    lambda functional, x, dim: x.mean(dim),
)  # fmt: skip

# ---- amax ----------------------------------------------------------------------------------------


def amax(x, dim):
    """y = maxᵢ xᵢ along one dimension, which disappears.    x (..., n, ...) -> y (..., ...)

    backward(dy) gets dy in y's shape and returns dx in x's. Where several entries are the largest they share the
    gradient evenly, as in torch.amax.
    """
    y = x.max(axis=dim)

    def backward(dy):
        largest = x == np.expand_dims(y, dim)
        share = largest / largest.sum(axis=dim, keepdims=True, dtype=x.dtype)
        dx = (share * np.expand_dims(dy, dim)).astype(x.dtype)
        return dx

    return y, backward


def amax_cases(draw):
    yield from along_a_dimension(draw)
    yield Case("ties", {"x": np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]), "dim": 1}, smooth=False)


AMAX = Exercise(
    amax,
    "max along a dimension: the winner takes it all, and ties share",
    "A choice is differentiated by remembering who was chosen; LeNet's and AlexNet's pooling does "
    "the same.",
    ("x",),
    amax_cases,
    (
        Slip("share = largest / largest.sum(axis=dim, keepdims=True, dtype=x.dtype)", "share = largest",
             "You gave every one of several equal maxima the whole gradient: together they would "
             "get more than came in, so they share it."),
        Slip("largest = x == np.expand_dims(y, dim)",
             "largest = np.arange(x.shape[dim]).reshape([-1 if a == dim % x.ndim else 1 for a in "
             "range(x.ndim)]) == np.expand_dims(x.argmax(axis=dim), dim)",
             "You took argmax, which names the first of several equal maxima only: here a tie "
             "shares the gradient."),
        Slip("dx = (share * np.expand_dims(dy, dim)).astype(x.dtype)", "dx = share",
             "You returned who won, the local derivative alone: multiply it by what comes in, dy."),
        Slip("dx = (share * np.expand_dims(dy, dim)).astype(x.dtype)", "dx = np.ones_like(x) * np.expand_dims(dy, dim)",
             "You gave dy to every entry: those that are not the largest have no influence, and "
             "no gradient."),
        Slip("dx = (share * np.expand_dims(dy, dim)).astype(x.dtype)", "dx = share * np.expand_dims(dy * y, dim)",
             "You multiplied by the maximum itself: the derivative by the winner is 1, whatever "
             "its value."),
    ),
    (
        "Nudge an entry that is not the largest: does y change?",
        "Make a mask of the entries that equal the maximum of their line; where there are "
        "several, divide.",
        "x == np.expand_dims(y, dim) is the mask; divide it by how many of its line are true, "
        "then times dy.",
    ),
    "amax",
    lambda functional, x, dim: x.amax(dim),
)  # fmt: skip
