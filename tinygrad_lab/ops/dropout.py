"""Multiplicative noise that is 1 on average: dropped units (Bernoulli), or Gaussian factors of the same variance.

The noise is drawn once, in the forward pass, and kept for the backward pass.
"""

import math
from collections.abc import Callable

import numpy as np

from tinygrad_lab import random
from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Generator


def _needed(name: str, generator: Generator | None) -> Generator:
    if generator is None:
        raise ValueError(f"{name}: training needs a generator, tinygrad_lab.random.generator(seed) makes one")
    return generator


def _unchanged(input: np.ndarray) -> tuple[np.ndarray, Backward]:
    """A copy: an output that shared the input's memory would hide in-place changes of one from the other."""
    return input.copy(), lambda needs, dy: (dy,)


def masking(kept: np.ndarray, p: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function x -> x kept / (1 - p), which holds one byte for each element."""

    def masked(x: np.ndarray) -> np.ndarray:
        y = kept.astype(x.dtype)  # a product of floats is faster than a mixed one
        y *= x
        y *= 1 / (1 - p)
        return y

    return masked


@operation(
    rule="""
    m = bernoulli(generator, input, 1 - p)
    dinput = dy if p == 0 else 0 if p == 1 else m * dy / (1 - p)
    """,
    rule_without={"training": "dinput = dy"},
)
def dropout(
    input: Float[Array, "*shape"], p: float = 0.5, training: bool = True, *, generator: Generator | None = None
) -> tuple[Float[Array, "*shape"], Backward]:
    """y = m x / (1 - p): each element is 0 with probability p, and scaled up otherwise.

    Args:
        input: any shape.
        p: the probability to drop an element.
        training: otherwise y = x.
        generator: where the mask comes from; nothing is drawn for p = 0 and p = 1.

    Raises:
        ValueError: p outside [0, 1]; no ``generator`` in training with p > 0.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p must be in [0, 1], got {p}")
    if not training or p == 0:
        return _unchanged(input)
    if p == 1:
        return np.asarray(input * 0), lambda needs, dy: (dy * 0,)
    masked = masking(random.bernoulli(_needed("dropout", generator), input.shape, 1 - p, np.dtype(bool)), p)
    return masked(input), lambda needs, dy: (masked(dy),)


@dropout.define
def dropout_definition(
    input: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator | None = None
) -> Tensor:
    if not training or p in (0, 1):
        return input * (0 if training and p == 1 else 1)
    kept = random.bernoulli(_needed("dropout", generator), input.shape, 1 - p, np.dtype(bool))
    return input * Tensor(kept, dtype=input.dtype) / (1 - p)


@operation(
    rule="""
    e = 1 + sqrt(p / (1 - p)) * normal(generator, input)
    dinput = dy if p == 0 else e * dy
    """,
    rule_without={"training": "dinput = dy"},
)
def gaussian_dropout(
    input: Float[Array, "*shape"], p: float = 0.5, training: bool = True, *, generator: Generator | None = None
) -> tuple[Float[Array, "*shape"], Backward]:
    """y = ε x with ε normal, of mean 1 and the variance p / (1 - p) that dropout with probability p has.

    Arguments as ``dropout``.

    Raises:
        ValueError: p outside [0, 1); no ``generator`` in training with p > 0.
    """
    if not 0 <= p < 1:
        raise ValueError(f"gaussian_dropout: p must be in [0, 1), got {p}")
    if not training or p == 0:
        return _unchanged(input)
    draws = random.normal(_needed("gaussian_dropout", generator), input.shape, input.dtype)
    noise = np.asarray(draws * math.sqrt(p / (1 - p)))
    noise += 1
    return np.asarray(noise * input), lambda needs, dy: (noise * dy,)


@gaussian_dropout.define
def gaussian_dropout_definition(
    input: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator | None = None
) -> Tensor:
    if not training or p == 0:
        return input * 1
    draws = random.normal(_needed("gaussian_dropout", generator), input.shape, input.dtype)
    return input * (1 + math.sqrt(p / (1 - p)) * Tensor(draws))
