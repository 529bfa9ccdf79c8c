"""New tensors, with torch's names. Floats are float32 unless told otherwise; randomness needs a generator."""

from typing import Any

import numpy as np

from tinygrad_lab import random
from tinygrad_lab.ops.gate import gated
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
    """Whatever was in the memory: for values that are written before anything reads them."""
    return wrap(np.empty(_shape(size), dtype)).requires_grad_(requires_grad)


@gated
def zeros(*size: Any, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    return wrap(np.zeros(_shape(size), dtype)).requires_grad_(requires_grad)


@gated
def ones(*size: Any, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
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
    return wrap(np.zeros(input.shape, dtype or input.dtype)).requires_grad_(requires_grad)


@gated
def ones_like(input: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    return wrap(np.ones(input.shape, dtype or input.dtype)).requires_grad_(requires_grad)


@gated
def full_like(input: Tensor, fill_value: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    return wrap(np.full(input.shape, fill_value, dtype or input.dtype)).requires_grad_(requires_grad)


@gated
def arange(start: float | int, end: float | int | None = None, step: float | int = 1, dtype: Any = None) -> Tensor:
    """Return start, start + step, ... below end; ``arange(end)`` starts at 0. Integers give int64,
    floats float32.
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
def eye(n: int, m: int | None = None, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    """Return an (n, m) tensor with ones on the diagonal, square by default."""
    return wrap(np.eye(n, m, dtype=dtype)).requires_grad_(requires_grad)


@gated
def randn(*size: Any, generator: Generator, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    """Return standard normal draws."""
    _check_floating("randn", dtype)
    return wrap(random.normal(generator, _shape(size), np.dtype(dtype))).requires_grad_(requires_grad)


@gated
def rand(*size: Any, generator: Generator, dtype: Any = np.float32, requires_grad: bool = False) -> Tensor:
    """Return uniform draws from [0, 1)."""
    _check_floating("rand", dtype)
    return wrap(np.asarray(generator.random(_shape(size), dtype))).requires_grad_(requires_grad)


def _check_floating(name: str, dtype: Any) -> None:
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"{name}: dtype must be floating point, got {np.dtype(dtype)}")


def _shape(size: Any) -> tuple[int, ...]:
    """``zeros(2, 3)`` and ``zeros((2, 3))`` mean the same."""
    if isinstance(size, int):
        return (size,)
    return tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int | np.integer) else tuple(size)
