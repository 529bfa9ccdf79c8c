"""New tensors, with torch's names. Floats are float32 unless told otherwise; randomness needs a generator."""

from typing import Any

import numpy as np

from tinygrad_lab import random
from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.kinds import what_is
from tinygrad_lab.ops.operation import Num
from tinygrad_lab.tensor import Tensor, wrap
from tinygrad_lab.typing import Generator


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor with a copy of ``data``."""
    return Tensor(data, dtype, requires_grad)


def from_numpy(array: np.ndarray) -> Tensor:
    """Wrap ``array`` without a copy. Changes of ``array`` are not seen by the version check."""
    return wrap(np.asarray(array))


@gated
def empty(*size: Any, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    """Return whatever was in the memory, for values that are written before they are read."""
    return wrap(np.empty(_shape(size), dtype)).requires_grad_(requires_grad)


@gated
def zeros(*size: Any, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    """Return a tensor of zeros; ``zeros(2, 3)`` and ``zeros((2, 3))`` mean the same."""
    return wrap(np.zeros(_shape(size), dtype)).requires_grad_(requires_grad)


@gated
def ones(*size: Any, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    """Return a tensor of ones; ``ones(2, 3)`` and ``ones((2, 3))`` mean the same."""
    return wrap(np.ones(_shape(size), dtype)).requires_grad_(requires_grad)


@gated
def full(size: Any, fill_value: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor in which every element is ``fill_value``; without ``dtype`` it has bool,
    int64 or float32 as the value does.
    """
    value = Tensor(fill_value, dtype)
    return wrap(np.full(_shape(size), value.numpy())).requires_grad_(requires_grad)


@gated
def zeros_like(input: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return zeros in the shape of ``input``, and in its dtype unless another is given."""
    return wrap(np.zeros(input.shape, dtype or input.dtype)).requires_grad_(requires_grad)


@gated
def ones_like(input: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return ones in the shape of ``input``, and in its dtype unless another is given."""
    return wrap(np.ones(input.shape, dtype or input.dtype)).requires_grad_(requires_grad)


@gated
def full_like(input: Tensor, fill_value: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return one value in the shape of ``input``, and in its dtype unless another is given."""
    return wrap(np.full(input.shape, fill_value, dtype or input.dtype)).requires_grad_(requires_grad)


@gated
def arange(start: float | int, end: float | int | None = None, step: float | int = 1, dtype: Any = None) -> Tensor:
    """Return start (0 if left out), start + step, ... below end: int64 of integers, else float32.

    Raises:
        ValueError: a ``step`` that is 0 or leads away from the end; a negative number in an unsigned ``dtype``.
        TypeError: booleans as ``dtype``.
    """
    start, end = (0, start) if end is None else (start, end)
    if step == 0 or (end - start) * step < 0:
        raise ValueError(f"arange: step {step} does not lead from start {start} to end {end}")
    dtype = np.dtype(dtype or (np.float32 if any(isinstance(v, float) for v in (start, end, step)) else np.int64))
    if dtype.kind == "b":
        raise TypeError("arange: dtype must be a number's, got bool")
    if dtype == np.int64:  # as in torch, each is made one first
        start, end, step = int(start), int(end), int(step)
    if dtype.kind == "u" and min(start, end) < 0:
        raise ValueError(f"arange: dtype {dtype} has no number between start {start} and end {end}")
    return wrap(np.arange(start, end, step).astype(dtype))


@gated
def linspace(
    start: float | int | Num[Tensor, ""],
    end: float | int | Num[Tensor, ""],
    steps: int,
    dtype: Any = np.float32,
    requires_grad: bool = False,
) -> Tensor:
    """Return ``steps`` numbers at equal distances from start to end, both included.

    Raises:
        ValueError: a negative number of steps.
        TypeError: an end that needs a gradient, a ``dtype`` of integers.
    """
    for name, given in (("start", start), ("end", end)):
        if isinstance(given, Tensor) and given.requires_grad:
            raise TypeError(f"linspace: {name} has no gradient here, but this tensor needs one: detach() it")
    _check_floating("linspace", dtype)
    if steps < 0:
        raise ValueError(f"linspace: steps must be at least 0, got {steps}")
    return wrap(np.linspace(float(start), float(end), steps).astype(dtype)).requires_grad_(requires_grad)


@gated
def eye(n: int, m: int | None = None, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    """Return an (n, m) tensor with ones on the diagonal, square by default."""
    return wrap(np.eye(n, m, dtype=dtype)).requires_grad_(requires_grad)


@gated
def randn(*size: Any, generator: Generator, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    """Return standard normal draws.

    Raises:
        TypeError: a ``dtype`` that is not floating point.
    """
    _check_floating("randn", dtype)
    return wrap(random.normal(generator, _shape(size), np.dtype(dtype))).requires_grad_(requires_grad)


@gated
def rand(*size: Any, generator: Generator, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    """Return uniform draws from [0, 1).

    Raises:
        TypeError: a ``dtype`` that is not floating point.
    """
    _check_floating("rand", dtype)
    return wrap(np.asarray(generator.random(_shape(size), dtype))).requires_grad_(requires_grad)


@gated
def randn_like(input: Tensor, *, generator: Generator, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return standard normal draws in the shape and dtype of ``input``."""
    return randn(input.shape, generator=generator, dtype=dtype or input.dtype, requires_grad=requires_grad)


@gated
def rand_like(input: Tensor, *, generator: Generator, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Return uniform draws from [0, 1) in the shape and dtype of ``input``."""
    return rand(input.shape, generator=generator, dtype=dtype or input.dtype, requires_grad=requires_grad)


@gated
def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator) -> Tensor:
    """Draw indices by their weights.    (C,) or (N, C) -> (num_samples,) or (N, num_samples), int64

    Without replacement the draws are the largest of weight / e, with exponential e: one after the other, each by what
    is left (Efraimidis & Spirakis 2006).

    Args:
        input: weights from 0 up; they need not add up to 1.
        num_samples: draws from each row.
        replacement: whether an index can be drawn again.
        generator: where the draws come from.

    Raises:
        ValueError: a weight that is negative or not finite, a row of zeros, more draws than there are weights above 0.
    """
    if input.dtype.kind != "f":
        raise TypeError(f"multinomial: input must be floating point weights, got {input.dtype}")
    weights = np.asarray(input._data, np.float64)
    drawable = (weights > 0).sum(axis=-1) if weights.ndim in (1, 2) else np.zeros(1)
    least = 1 if replacement else num_samples
    if num_samples < 1 or not np.isfinite(weights).all() or (weights < 0).any() or (drawable < max(least, 1)).any():
        raise ValueError(
            f"multinomial: needs (C,) or (N, C) finite weights from 0 up, at least {max(least, 1)} of a row above 0, "
            f"for {num_samples} draws; input has shape {input.shape}"
        )
    if not replacement:
        keys = np.where(weights > 0, weights / generator.standard_exponential(weights.shape), -1)
        return wrap(np.argsort(-keys, axis=-1, kind="stable")[..., :num_samples].copy())
    rows = np.atleast_2d(weights)
    drawn = np.stack([_draw(row, generator.random(num_samples)) for row in rows])
    return wrap(drawn.reshape(*weights.shape[:-1], num_samples))


def _draw(weights: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Where each uniform number falls among the cumulated weights, (C,) and (S,) -> (S,)."""
    cumulated = weights.cumsum()
    places = np.searchsorted(cumulated, uniform * cumulated[-1], side="right")
    last: int = np.flatnonzero(weights)[-1]
    return np.asarray(np.minimum(places, last))  # rounding must not go past the last that can be drawn


def _check_floating(name: str, dtype: Any) -> None:
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"{name}: dtype must be floating point, got {np.dtype(dtype)}")


def _shape(size: Any) -> tuple[int, ...]:
    """``zeros(2, 3)`` and ``zeros((2, 3))`` mean the same."""
    if isinstance(size, int):
        return (size,)
    sizes = size[0] if len(size) == 1 and isinstance(size[0], tuple | list) else size
    for one in sizes:
        if not isinstance(one, int | np.integer):
            raise TypeError(f"size must be ints, got {what_is(one)}")
    return tuple(sizes)
