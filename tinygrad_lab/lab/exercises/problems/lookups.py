"""Rows that are looked up, and units that are dropped."""
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np

from tinygrad_lab import random
from tinygrad_lab.lab.exercises.draws import MASK_SEED, Case
from tinygrad_lab.lab.exercises.exercise import Exercise, Slip

# ---- embedding -----------------------------------------------------------------------------------


def embedding(index, weight):
    """y_n = W[index_n], a row of the table for each number.    index (N,), W (V, D) -> y (N, D)

    The numbers are whole and have no gradient: backward(dy) gets dy (N, D) and returns dweight (V, D) only.
    """
    y = weight[index]

    def backward(dy):
        dweight = np.zeros_like(weight)
        np.add.at(dweight, index, dy)
        return dweight

    return y, backward


def embedding_cases(draw):
    yield Case("six words, some of them twice", {"index": np.array([1, 3, 1, 0, 3, 1]), "weight": draw.normal(4, 3)})
    yield Case("every word once", {"index": draw.rng.permutation(4), "weight": draw.normal(4, 2)})
    yield Case("the same word throughout", {"index": np.zeros(4, int), "weight": draw.normal(2, 3)})
    yield Case("one word", {"index": np.array([2]), "weight": draw.normal(3, 1)})


EMBEDDING = Exercise(
    embedding,
    "embedding: rows of a table, looked up by number",
    "Bengio et al. 2003; the first layer of every language model here.",
    ("weight",),
    embedding_cases,
    (
        Slip("np.add.at(dweight, index, dy)", "dweight[index] += dy",
             "You forgot to accumulate: with a repeated index dweight[index] += dy (and = too) "
             "keeps the last one only; np.add.at adds them all."),
        Slip("np.add.at(dweight, index, dy)",
             "np.add.at(dweight, index, dy)\n        uses = np.bincount(index, "
             "minlength=len(weight))[:, None]"
             "\n        dweight /= np.maximum(uses, 1)",
             "You took the mean over the uses of a word: contributions of several uses add up, "
             "nothing divides them."),
        Slip("return dweight", "return dy",
             "You returned what comes in for each word: each row belongs to a row of the table, "
             "and is added to it."),
        Slip("np.zeros_like(weight)", "weight.copy()",
             "You added the gradient to the weight itself: it begins at zero, and the optimiser "
             "does the rest."),
        Slip("np.add.at(dweight, index, dy)", "np.add.at(dweight, index, 1)",
             "You counted the uses: add what comes in, dy, for each of them."),
    ),
    (
        "Which rows of the table did y use? What is the gradient of all the others?",
        "Begin with zeros; each dy_n belongs to row index_n, and a row that was used twice gets "
        "two.",
        "NumPy's += with an array of indices writes each row once; look for np.add.at, or loop.",
    ),
    "embedding",
    lambda functional, index, weight: functional.embedding(index, weight),
)  # fmt: skip

# ---- dropout -------------------------------------------------------------------------------------


def dropout(x, kept, p):
    """y = x · kept / (1 − p): what is not kept is 0, the rest is scaled up.    x, kept (*), p a number -> y (*)

    The mask ``kept`` has been drawn, true with probability 1 − p. backward(dy) returns dx.
    """
    y = x * kept / (1 - p)

    def backward(dy):
        dx = dy * kept / (1 - p)
        return dx

    return y, backward


def dropout_cases(draw):
    yield Case("half of a 3 × 4 matrix", {"x": draw.normal(3, 4), "kept": draw.kept(0.5, 3, 4), "p": 0.5})
    yield Case("a fifth", {"x": draw.normal(10), "kept": draw.kept(0.2, 10), "p": 0.2})
    yield Case("nine tenths", {"x": draw.normal(12), "kept": draw.kept(0.9, 12), "p": 0.9})
    yield Case("zeros", {"x": np.zeros(4), "kept": draw.kept(0.5, 4), "p": 0.5})


DROPOUT = Exercise(
    dropout,
    "dropout: units that are switched off for one step",
    "Srivastava et al. 2014, Dropout, section 4 (with the scale moved into training).",
    ("x",),
    dropout_cases,
    (
        Slip("dx = dy * kept / (1 - p)", "dx = dy * kept",
             "You forgot the scale 1/(1 − p): the forward multiplies what it keeps by it, so the "
             "backward does too."),
        Slip("dx = dy * kept / (1 - p)", "dx = dy / (1 - p)",
             "You forgot the mask: what was dropped had no influence, and gets no gradient."),
        Slip("dx = dy * kept / (1 - p)", "dx = dy * kept * (1 - p)",
             "You multiplied by 1 − p where the forward divides by it: the slope is 1/(1 − p)."),
        Slip("dx = dy * kept / (1 - p)", "dx = dy * kept / p",
             "You divided by p, the probability to be dropped: the scale is one over the "
             "probability to be kept."),
        Slip("dx = dy * kept / (1 - p)", "dx = dy * (y != 0) / (1 - p)",
             "You took the mask from y: where x was 0 the output is 0 too, though the unit was "
             "kept."),
        Slip("dx = dy * kept / (1 - p)", "dx = dy",
             "You let everything through: in training the same mask and the same scale apply "
             "backwards."),
    ),
    (
        "Once the mask is drawn, y is x times a constant.",
        "The constant is kept / (1 − p).",
        "Do to dy what the forward did to x.",
    ),
    "dropout",
    lambda functional, x, kept, p: functional.dropout(x, p, True, generator=random.generator(MASK_SEED)),
    lambda torch, x, kept, p: x * kept / (1 - p),
)  # fmt: skip
