"""Questions about values, which have no gradient: what is finite, equal, larger or not zero."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.kinds import what_is
from tinygrad_lab.ops.promotion import promote
from tinygrad_lab.ops.reductions import reduced
from tinygrad_lab.tensor import Tensor, wrap


@gated
def isnan(input: Tensor) -> Tensor:
    """Tell of each element whether it is not a number."""
    return wrap(np.asarray(np.isnan(input._data)))


@gated
def isinf(input: Tensor) -> Tensor:
    """Tell of each element whether it is infinite, of either sign."""
    return wrap(np.asarray(np.isinf(input._data)))


@gated
def isfinite(input: Tensor) -> Tensor:
    """Tell of each element whether it is neither infinite nor NaN."""
    return wrap(np.asarray(np.isfinite(input._data)))


@gated
def allclose(
    input: Tensor, other: Tensor, rtol: float | int = 1e-5, atol: float | int = 1e-8, equal_nan: bool = False
) -> bool:
    """Tell whether |input - other| <= atol + rtol |other| everywhere.

    Raises:
        TypeError: dtypes that differ.
        ValueError: shapes that cannot be broadcast together.
    """
    if input.dtype != other.dtype:
        raise TypeError(f"allclose: input is {input.dtype}, other is {other.dtype}; they must agree")
    try:
        return bool(np.allclose(input._data, other._data, rtol, atol, equal_nan))
    except ValueError as error:
        raise ValueError(f"allclose: shapes {input.shape} and {other.shape} do not fit together") from error


@gated
def equal(input: Tensor, other: Tensor) -> bool:
    """Tell whether both have one shape and the same elements; NaN equals nothing."""
    return np.array_equal(input._data, other._data)


# ---- what operators and methods are made of --------------------------------------------------------------------------


def comparison(compare: Callable[[Any, Any], Any], sign: str) -> Callable[[Tensor, Any], Tensor]:
    """Make an operator that gives booleans (or, bit by bit, integers)."""

    def compared(self: Tensor, other: Any) -> Tensor:
        pair = [self._data, other._data if isinstance(other, Tensor) else other]
        if isinstance(pair[1], np.ndarray | np.generic | float | int):
            promote(pair, (0, 1))
        try:
            return wrap(np.asarray(compare(*pair)))
        except (TypeError, ValueError) as error:
            name, what = compare.__name__.strip("_"), f"input {what_is(self)}, other {what_is(other)}"
            if isinstance(error, TypeError):
                raise TypeError(f"{name}: cannot be computed of {what}") from None
            raise ValueError(f"{name}: {error} (given {what})") from None

    compared.__doc__ = f"Return ``self {sign} other``, element by element, for tensors or numbers; no gradient."
    return compared


def logical(name: str, combine: Callable[[Any, Any], Any]) -> Callable[[Tensor, Tensor], Tensor]:
    """Make a function of two truths."""

    def combined(self: Tensor, other: Tensor) -> Tensor:
        if not isinstance(other, Tensor):
            raise TypeError(f"{name}: other must be a Tensor, got {type(other).__name__}")
        try:
            return wrap(np.asarray(combine(self._data, other._data)))
        except ValueError:
            shapes_given = f"{self._data.shape} and other of shape {other._data.shape}"
            raise ValueError(f"{name}: input of shape {shapes_given} do not fit together") from None

    combined.__doc__ = f"Return NumPy's ``{name}``, element by element; what is not zero is true."
    return combined


def truth(of: Callable[..., Any], tensor: Any, dim: Any, keepdim: bool) -> Tensor:
    """Ask ``any`` or ``all`` of the elements along ``dim``; as in torch uint8 gets its answer in uint8."""
    axes = reduced(tensor._data, dim)
    answer = np.asarray(of(tensor._data, axis=axes, keepdims=keepdim))
    return wrap(answer.astype(np.uint8) if tensor._data.dtype == np.uint8 else answer)


__all__ = ["allclose", "equal", "isfinite", "isinf", "isnan"]
