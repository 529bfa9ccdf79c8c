"""Questions about values, which have no gradient: what is finite, and what is equal."""

import numpy as np

from tinygrad_lab.ops.gate import gated
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


__all__ = ["allclose", "equal", "isfinite", "isinf", "isnan"]
