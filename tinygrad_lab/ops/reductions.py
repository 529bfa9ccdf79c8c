"""Reductions over one, several or all dimensions: sums, moments, extremes and norms; and the running sum.

``dim`` is an integer, a tuple of integers, or None for all dimensions; negative ones count from the end.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from tinygrad_lab.ops.elementwise import floating, maximum, minimum
from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.indexing import gather
from tinygrad_lab.ops.kernels.rows import dim_back, dim_last
from tinygrad_lab.ops.operation import Bool, Float, Num, Result, operation
from tinygrad_lab.ops.shapes import squeeze
from tinygrad_lab.ops.sorting import Sorted
from tinygrad_lab.tensor import Tensor, wrap
from tinygrad_lab.typing import Array, Backward, Gradients, Needs

Dims = int | tuple[int, ...] | list[int] | None
Floats = Float[Array, "..."]
Numbers = Num[Array, "..."] | Bool[Array, "..."]

LONG = 4096  # additions one after the other that float32 can bear
LEAST_ROOT = 1e-15  # the square of a smaller number is not a normal float32, nor that of one over it

# ---- sums and moments -----------------------------------------------------------------------------------------------


@operation(rule="dinput = spread(dy, input, dim)")
def sum(input: Numbers, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Result:
    """y = Σᵢ xᵢ, in ``dtype`` if given. Integers and booleans give int64; long float32 sums are added up in float64."""
    axes, shape = reduced(input, dim), input.shape

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (np.broadcast_to(_kept(dy, axes, keepdim), shape),)

    return _total(accumulated(input, dtype), axes, keepdim), backward


@operation(rule="n = size(input) // max(1, size(dy)); dinput = spread(dy, input, dim) / n")
def mean(input: Numbers, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Result:
    """y = Σᵢ xᵢ / n, in ``dtype`` if given.

    Raises:
        TypeError: integers or booleans, and no floating point ``dtype`` to take their mean in.
    """
    input = input if dtype is None else input.astype(dtype)
    if input.dtype.kind != "f":
        raise TypeError(f"mean: input must be floating point, got {input.dtype}; dtype=... gives the mean another")
    axes, shape = reduced(input, dim), input.shape
    count = _count(input, axes)

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (np.broadcast_to(_kept(dy, axes, keepdim) / dy.dtype.type(count), shape),)

    return _total(input, axes, keepdim) / input.dtype.type(count), backward


@operation(
    rule="""
    n = size(input) // max(1, size(dy))
    c = (1 if correction is None else correction) if unbiased is None else unbiased
    dinput = spread(dy, input, dim) * 2 * (input - mean(input, dim)) / (n - c)
    """,
)
def var(
    input: Floats,
    dim: Dims = None,
    correction: float | int | None = 1,
    keepdim: bool = False,
    *,
    unbiased: bool | None = None,
) -> Result:
    """y = Σᵢ (xᵢ - μ)² / (n - correction); correction 1 is Bessel's, and so is ``unbiased=True``."""
    axes = reduced(input, dim)
    centred, freedom = _centred(input, axes, _correction(correction, unbiased))

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (_kept(dy, axes, keepdim) * (2 / freedom) * centred,)

    return _as(input, np.square(centred).sum(axis=axes, keepdims=keepdim) / freedom), backward


@operation(
    rule="""
    n = size(input) // max(1, size(dy))
    c = (1 if correction is None else correction) if unbiased is None else unbiased
    dinput = spread(dy, input, dim) * over(input - mean(input, dim), (n - c) * spread(y, input, dim))
    """,
)
def std(
    input: Floats,
    dim: Dims = None,
    correction: float | int | None = 1,
    keepdim: bool = False,
    *,
    unbiased: bool | None = None,
) -> Result:
    """y = √var; the gradient is 0 where y is 0, as in torch."""
    axes = reduced(input, dim)
    centred, freedom = _centred(input, axes, _correction(correction, unbiased))
    y = np.sqrt(np.square(centred).sum(axis=axes, keepdims=keepdim) / freedom)

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (_over(centred, _kept(y, axes, keepdim)) * _kept(dy, axes, keepdim) / freedom,)

    return _as(input, y), backward


@operation(rule="dinput = spread(dy, input, dim) * others(input, dim)")
def prod(input: Numbers, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Result:
    """y = Πᵢ xᵢ, in ``dtype`` if given. Integers and booleans give int64.

    The gradient of a factor that is not finite is the product of the others (in torch NaN).
    """
    axes, input = reduced(input, dim), accumulated(input, dtype)
    dim = dim if input.ndim else None

    def backward(needs: Needs, dy: Array) -> Gradients:
        # The product of all others is (product before) · (product after): no division, so zeros are no exception.
        lines = input.reshape(1, -1) if dim is None else dim_last(input, dim)
        before, after = np.ones_like(lines), np.ones_like(lines)
        np.cumprod(lines[..., :-1], axis=-1, out=before[..., 1:])
        np.cumprod(lines[..., :0:-1], axis=-1, out=after[..., -2::-1])
        others = before * after
        others = others.reshape(input.shape) if dim is None else dim_back(others, dim, input.shape)
        return (_kept(dy, axes, keepdim) * others,)

    return np.prod(input, axis=axes, keepdims=keepdim, dtype=input.dtype), backward


@operation(rule="dinput = spread(dy, input, dim) * over(input, spread(y, input, dim))")
def norm(input: Floats, p: float | int = 2, dim: Dims = None, keepdim: bool = False) -> Result:
    """y = √Σᵢ xᵢ², the Euclidean norm; where it is 0 the subgradient 0 is taken.

    Raises:
        ValueError: another ``p`` than 2.
    """
    if p != 2:
        raise ValueError(f"norm: p must be 2 (the Euclidean norm is the only one here), got {p!r}")
    axes = reduced(input, dim)
    with np.errstate(over="ignore"):
        y = np.sqrt(np.square(input).sum(axis=axes, keepdims=keepdim))
    if not ((y > LEAST_ROOT) & (y < 1 / LEAST_ROOT)).all():  # squares that overflow or vanish in float32
        y = _as(input, np.sqrt(np.square(input, dtype=np.float64).sum(axis=axes, keepdims=keepdim)))

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (_over(input, _kept(y, axes, keepdim)) * _kept(dy, axes, keepdim),)

    return y, backward


@operation(rule="dinput = spread(dy, input, dim) * exp(input - spread(y, input, dim))")
def logsumexp(input: Numbers, dim: Dims, keepdim: bool = False) -> Result:
    """y = ln Σᵢ exp xᵢ, with the largest xᵢ taken out so that nothing overflows."""
    x: Any = floating(input)
    axes = reduced(x, dim)
    largest = x.max(axis=axes, keepdims=True, initial=-np.inf)
    largest = np.where(np.isfinite(largest), largest, x.dtype.type(0))
    y = np.log(np.exp(x - largest).sum(axis=axes, keepdims=True)) + largest

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (_kept(dy, axes, keepdim) * np.exp(x - y),)

    return y if keepdim else y.squeeze(axes), backward


@operation(rule="dinput = flip(cumsum(flip(dy, dim), dim), dim)")
def cumsum(input: Numbers, dim: int, *, dtype: Any = None) -> Result:
    """yⱼ = Σ_{i ≤ j} xᵢ along one dimension, added up in float64, and in ``dtype`` if given.

    Integers and booleans give int64.
    """
    (dim,) = reduced(input, dim) or (0,)

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (np.flip(np.cumsum(np.flip(dy, dim), axis=dim, dtype=np.float64), dim) if dy.ndim else dy,)

    terms = accumulated(input, dtype)
    sums = np.cumsum(terms, axis=dim, dtype=np.float64 if terms.dtype == np.float32 else terms.dtype)
    return _as(terms, sums.reshape(input.shape)), backward


# ---- extremes -------------------------------------------------------------------------------------------------------


@operation(
    rule="e = input == spread(y, input, dim); dinput = spread(dy, input, dim) * e / sum(e, dim)",
)
def amax(input: Numbers, dim: Dims = None, keepdim: bool = False) -> Result:
    """y = maxᵢ xᵢ; equal maxima share the gradient evenly, and so do several NaN, as in torch.max (not in torch.amax).

    Raises:
        IndexError: there is nothing to choose from.
    """
    axes = reduced(input, dim)
    _check_something("amax", input, axes)
    y = np.asarray(input.max(axis=axes, keepdims=True))
    return y if keepdim else y.squeeze(axes), _shared_among_equals(input, y, axes, keepdim)


@operation(
    rule="e = input == spread(y, input, dim); dinput = spread(dy, input, dim) * e / sum(e, dim)",
)
def amin(input: Numbers, dim: Dims = None, keepdim: bool = False) -> Result:
    """y = minᵢ xᵢ; equal minima share the gradient evenly, and so do several NaN, as in torch.min (not in torch.amin).

    Raises:
        IndexError: there is nothing to choose from.
    """
    axes = reduced(input, dim)
    _check_something("amin", input, axes)
    y = np.asarray(input.min(axis=axes, keepdims=True))
    return y if keepdim else y.squeeze(axes), _shared_among_equals(input, y, axes, keepdim)


@gated
def max(input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False) -> Tensor | Sorted:
    """Return the largest element of all; with ``dim``, (values, indices) along it, the first index
    among equals; of two tensors, their ``maximum``.

    With ``dim`` the whole gradient goes to the element at the index, without it equal maxima share it, as in torch.
    """
    if isinstance(dim, Tensor):
        return maximum(input, dim)
    return amax(input) if dim is None else _at(input, _position("max", np.argmax, input, dim, True), dim, keepdim)


@gated
def min(input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False) -> Tensor | Sorted:
    """Return the smallest element of all; with ``dim``, (values, indices) along it, the first index
    among equals; of two tensors, their ``minimum``.
    """
    if isinstance(dim, Tensor):
        return minimum(input, dim)
    return amin(input) if dim is None else _at(input, _position("min", np.argmin, input, dim, True), dim, keepdim)


@gated
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return where the largest element is, the first of equals; without ``dim`` in the flat tensor."""
    if input.dtype.kind == "b":
        raise TypeError("argmax: input must be numbers, got booleans")
    return _position("argmax", np.argmax, input, dim, keepdim)


@gated
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return where the smallest element is, the first of equals; without ``dim`` in the flat tensor."""
    if input.dtype.kind == "b":
        raise TypeError("argmin: input must be numbers, got booleans")
    return _position("argmin", np.argmin, input, dim, keepdim)


def _position(name: str, of: Callable[..., Any], input: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    array = input._data
    _check_something(name, array, reduced(array, dim))
    axis = reduced(array, dim)[0] if dim is not None and array.ndim else None
    return wrap(np.asarray(of(array, axis=axis, keepdims=keepdim)))


def _at(input: Tensor, indices: Tensor, dim: int, keepdim: bool) -> Sorted:
    values = gather(input, dim, indices)
    return Sorted(values, indices) if keepdim else Sorted(squeeze(values, dim), squeeze(indices, dim))


def _shared_among_equals(input: Array, extreme: Array, axes: tuple[int, ...], keepdim: bool) -> Backward:
    def backward(needs: Needs, dy: Array) -> Gradients:
        equal = (input == extreme) | (np.isnan(input) & np.isnan(extreme))
        share = _kept(dy, axes, keepdim) / equal.sum(axis=axes, keepdims=True, dtype=dy.dtype)
        return (np.where(equal, share, dy.dtype.type(0)),)

    return backward


def _check_something(name: str, input: Array, axes: tuple[int, ...]) -> None:
    if input.size == 0 and _count(input, axes) == 0:
        over = f"dim {axes[0]}" if len(axes) == 1 else f"dims {axes}"
        raise IndexError(f"{name}: input of shape {input.shape} has nothing along {over} to choose from")


# ---- dimensions -----------------------------------------------------------------------------------------------------


def reduced(input: Array, dim: Dims) -> tuple[int, ...]:
    """Return ``dim`` as a tuple of non-negative axes; None and the empty tuple mean all of them."""
    if dim is None or (isinstance(dim, tuple | list) and not dim):
        return tuple(range(input.ndim))
    if input.ndim == 0:  # torch lets a number be reduced over dimension 0 or -1
        normalize_axis_index(dim[0] if isinstance(dim, tuple | list) else dim, 1)
        return ()
    return normalize_axis_tuple(tuple(dim) if isinstance(dim, list) else dim, input.ndim)


def accumulated(input: Array, dtype: Any = None) -> Array:
    """Return ``input`` in the dtype that its sums and products have: integers and booleans in int64."""
    if dtype is None:
        return input if input.dtype.kind == "f" else input.astype(np.int64, copy=False)
    return input.astype(dtype, copy=False)


def _correction(correction: float | int | None, unbiased: bool | None) -> float | int:
    """Two spellings of the same: Bessel's is 1, and ``unbiased``."""
    if unbiased is not None:
        return int(unbiased)
    return 1 if correction is None else correction


def _kept(reduced: Array | np.floating, axes: tuple[int, ...], keepdim: bool) -> Array | np.floating:
    """A reduced array with the reduced axes back in place, of length one."""
    return reduced if keepdim or not axes else np.expand_dims(reduced, axes)


def _count(input: Array, axes: tuple[int, ...]) -> int:
    return math.prod(input.shape[axis] for axis in axes)


def _total(input: Array, axes: tuple[int, ...], keepdim: bool) -> Any:
    """The sum.  NumPy adds up pairwise along the last axis, and one by one along the others: then float32 forgets what
    is small beside a long sum.
    """
    added: Any = np.add.reduce  # as sum() calls it; a type checker wants keepdims to be one literal
    if input.size <= LONG or input.dtype != np.float32 or _steps(input, axes) <= LONG:
        return added(input, axis=axes, keepdims=keepdim)
    return _as(input, added(input, axis=axes, keepdims=keepdim, dtype=np.float64))


def _steps(input: Array, axes: tuple[int, ...]) -> int:
    return math.prod(input.shape[axis] for axis in axes if axis != input.ndim - 1)


def _as(input: Array, result: Any) -> Any:
    """A result in the dtype of floats; of integers and booleans as it is."""
    return result.astype(input.dtype, copy=False) if input.dtype.kind == "f" else result


def _centred(input: Array, axes: tuple[int, ...], correction: float | int) -> tuple[Any, np.floating]:
    """Distances from the mean in float64, and the degrees of freedom (never below 0: then NaN comes out, as in torch).

    They are counted from the first element, so that equal elements are at a distance of exactly 0.
    """
    count = _count(input, axes)
    distance = input.astype(np.float64)
    distance -= input[tuple(slice(0, 1) if axis in axes else slice(None) for axis in range(input.ndim))]
    distance -= distance.sum(axis=axes, keepdims=True) / np.float64(count)
    freedom = count - correction
    return distance, np.float64(freedom if freedom > 0 else 0)


def _over(x: Array, y: Array | np.floating) -> Array:
    """x / y, and 0 where y is 0."""
    return np.divide(x, y, out=np.zeros_like(x), where=y != 0)
