"""Losses: one number at the end of everything."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np

from tinygrad_lab.lab.exercises.draws import Case
from tinygrad_lab.lab.exercises.exercise import Exercise, Slip

# ---- mse -----------------------------------------------------------------------------------------


def mse_loss(x, target):
    """loss = Σ (x − target)² / n, n the number of all entries.    x, target (*) -> loss, a number

    backward(dy) gets the gradient by the loss, a number too, and returns dx and dtarget.
    """
    error = x - target
    loss = np.asarray((error**2).mean())

    def backward(dy):
        dx = dy * 2 * error / error.size
        dtarget = -dx
        return dx, dtarget

    return loss, backward


def mse_loss_cases(draw):
    yield Case("a 3 × 4 matrix", {"x": draw.normal(3, 4), "target": draw.normal(3, 4)})
    yield Case("one number", {"x": draw.normal(1), "target": draw.normal(1)})
    yield Case("nothing is wrong", {"x": np.ones(3), "target": np.ones(3)})
    yield Case("large errors", {"x": 1e3 * draw.normal(4), "target": draw.normal(4)})


MSE_LOSS = Exercise(
    mse_loss,
    "mse: the mean squared error",
    "Rumelhart, Hinton, Williams 1986; the autoencoder's loss in Hinton, Salakhutdinov 2006.",
    ("x", "target"),
    mse_loss_cases,
    (
        Slip("dy * 2 * error / error.size", "dy * 2 * error",
             "You forgot the 1/n: the loss is a mean over all entries, and each moves it by an "
             "n-th."),
        Slip("dy * 2 * error / error.size", "dy * 2 * error / len(error)",
             "You divided by the number of rows: the mean runs over all entries, so n is "
             "error.size."),
        Slip("dy * 2 * error / error.size", "dy * error / error.size",
             "You forgot the 2: the square's derivative is twice the error."),
        Slip("dx = dy * 2 * error / error.size", "dx = 2 * error",
             "You stopped at the square: the loss is a mean, so divide by n, and multiply by what comes "
             "in, dy."),
        Slip("dtarget = -dx", "dtarget = dx",
             "You gave the target the sign of x: it enters with a minus, so its gradient is −dx."),
        Slip("dy * 2 * error / error.size", "dy * 2 * (target - x) / error.size",
             "You have the sign wrong: raising x where x is above its target raises the loss."),
        Slip("dy * 2 * error / error.size", "2 * error / error.size",
             "You returned the local derivative alone: multiply it by what comes in, dy, even "
             "where it is usually 1."),
    ),
    (
        "A difference, a square, a mean: three small steps backwards.",
        "The mean gives each square dy/n; the square gives the error twice itself.",
        "dx is dy · 2 (x − target) / n with n all entries, and the target's is its negative.",
    ),
    "mse_loss",
    lambda functional, x, target: functional.mse_loss(x, target),
)  # fmt: skip

# ---- cross entropy -------------------------------------------------------------------------------


def cross_entropy(x, target):
    """loss = −Σ_n log p[n, target_n] / N, with p the softmax of each row.

    x (N, C) are scores, target (N,) the number of each row's class -> loss, a number

    backward(dy) gets the gradient by the loss, a number too, and returns dx (N, C).
    """
    rows = np.arange(len(x))
    shifted = x - x.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = np.asarray(-log_p[rows, target].mean())

    def backward(dy):
        dx = np.exp(log_p)
        dx[rows, target] -= 1
        dx *= dy / len(x)
        return dx

    return loss, backward


def cross_entropy_cases(draw):
    yield Case("three rows of five", {"x": draw.normal(3, 5), "target": draw.indices(5, 3)})
    yield Case("one row", {"x": draw.normal(1, 4), "target": draw.indices(4, 1)})
    yield Case("two classes, equal scores", {"x": np.ones((4, 2)), "target": np.array([0, 1, 1, 0])})
    yield Case("large scores", {"x": 1000 + 3 * draw.normal(2, 4), "target": draw.indices(4, 2)})


CROSS_ENTROPY = Exercise(
    cross_entropy,
    "cross-entropy: softmax, logarithm, choice and mean in one",
    "Bridle 1990; LeCun et al. 1998, section II, call it the discriminative criterion.",
    ("x",),
    cross_entropy_cases,
    (
        Slip("dx *= dy / len(x)", "dx *= dy",
             "You forgot the 1/N: the loss is a mean over the rows, and each moves it by an N-th."),
        Slip("        dx *= dy / len(x)\n", "",
             "You stopped at p − q: the loss is a mean over the rows, so divide by N, and multiply by "
             "what comes in, dy."),
        Slip("        dx[rows, target] -= 1\n", "",
             "You forgot to take 1 away at the right class: the gradient is p − q, and q is 1 "
             "there."),
        Slip("dx *= dy / len(x)", "dx *= -dy / len(x)",
             "You have the sign wrong: the gradient is p − q, which lowers every score but the "
             "right class's."),
        Slip("dx[rows, target] -= 1", "dx -= np.eye(len(x[0]))[target] * dx",
             "You multiplied by 1 − q where q is subtracted: at the right class the gradient is p "
             "− 1, not 0."),
        Slip("dx = np.exp(log_p)", "dx = log_p.copy()",
             "You used log p where p belongs: the gradient is p − q with p = exp(log p)."),
        Slip("dx *= dy / len(x)", "dx /= x.size",
             "You divided by the number of all scores, and left dy out: the mean runs over the N "
             "rows."),
        Slip("dx *= dy / len(x)", "dx /= len(x)",
             "You returned the local derivative alone: multiply it by what comes in, dy, even "
             "where it is usually 1."),
        Slip("dx *= dy / len(x)", "dx *= dy / x.size",
             "You divided by the number of all scores: the mean runs over the N rows, not over "
             "the classes."),
    ),
    (
        "It is log_softmax, a choice of one entry in each row, and a mean with a minus: solve "
        "log_softmax first.",
        "Put dy = −1/N at the chosen entries and 0 elsewhere into log_softmax's backward.",
        "The sum over a row of that is −1/N, so what is left is (p − q)/N, with q one at the "
        "right class.",
    ),
    "cross_entropy",
    lambda functional, x, target: functional.cross_entropy(x, target),
)  # fmt: skip
