"""The exercises in the order in which they are best solved."""

import difflib

from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.exercises.exercise import Exercise
from tinygrad_lab.lab.exercises.problems import (
    activations,
    arithmetic,
    attention,
    images,
    lookups,
    losses,
    normalization,
    products,
    recurrent,
    reductions,
    softmax,
)

EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise
    for exercise in (
        arithmetic.MULTIPLY,
        arithmetic.ADD_BIAS,
        reductions.SUM,
        reductions.MEAN,
        arithmetic.EXP,
        arithmetic.POWER,
        activations.RELU,
        activations.SIGMOID,
        activations.TANH,
        reductions.AMAX,
        losses.MSE_LOSS,
        products.MATMUL,
        products.LINEAR,
        products.LORA,
        lookups.EMBEDDING,
        lookups.DROPOUT,
        softmax.SOFTMAX,
        softmax.LOG_SOFTMAX,
        losses.CROSS_ENTROPY,
        normalization.RMS_NORM,
        normalization.LAYER_NORM,
        images.MAX_POOL2D,
        images.CONV2D,
        attention.ATTENTION,
        attention.FORGETTING_ATTENTION,
        recurrent.LSTM,
        recurrent.SELECTIVE_SCAN,
    )
}


def find(name: str) -> Exercise:
    """Return the exercise of that name.

    Raises:
        UsageError: there is none; it names those that are spelled nearly so.
    """
    if name in EXERCISES:
        return EXERCISES[name]
    near = difflib.get_close_matches(name, EXERCISES, n=3, cutoff=0.7)
    told = f"did you mean {' or '.join(near)}?" if near else "tinygrad-lab exercise lists them"
    raise UsageError(f"unknown exercise {name!r}; {told}")
