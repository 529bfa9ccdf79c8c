"""softmax and log_softmax along one axis, and softmax over some of its places.

The maximum is subtracted first, so no exponential overflows.  A slice that is -inf throughout gives NaN, as in torch;
where places can be left out, ``masked_softmax`` has a meaning for a slice of which nothing is left.
"""

import math
from typing import Any

import numpy as np

from tinygrad_lab.ops.elementwise import where
from tinygrad_lab.ops.kernels.rows import dim_back, dim_last
from tinygrad_lab.ops.operation import Bool, Float, Num, operation
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs

SAFE_SCORE = 40.0  # exp of such a score, and of its negative, is far from float32's limits: no maximum is subtracted


def row_sums(x: np.ndarray) -> np.ndarray:
    """Sum over the last axis, which stays with size 1; as a product with ones, faster than a reduction."""
    return (x @ np.ones(x.shape[-1], x.dtype))[..., None]


def shift(x: np.ndarray) -> np.ndarray:
    """Return x minus its maximum along the last axis, in an array of our own, C-contiguous."""
    if not x.size:
        return x.copy()
    with np.errstate(invalid="ignore"):  # -inf - -inf
        shifted: np.ndarray = np.subtract(x, x.max(axis=-1, keepdims=True), order="C")
    return shifted


def largest_score(q: np.ndarray, k: np.ndarray) -> float:
    """Bound the products of rows of ``q`` and ``k``, by Cauchy and Schwarz, without computing them."""
    return math.sqrt(float(np.vecdot(q, q).max(initial=0)) * float(np.vecdot(k, k).max(initial=0)))


def _floats(name: str, input: Array, dtype: Any) -> Array:
    """Return ``input`` in the dtype asked for, which must be one of floats.

    Raises:
        TypeError: it is not.
    """
    input = input if dtype is None else input.astype(dtype, copy=False)
    if input.dtype.kind != "f":
        raise TypeError(f"{name}: input must be floating point, got {input.dtype}; dtype=... gives that of another")
    return input


@operation(rule="dinput = y * (dy - sum(dy * y, dim))")
def softmax(
    input: Num[Array, "*shape"] | Bool[Array, "*shape"], dim: int, *, dtype: Any = None
) -> tuple[Float[Array, "*shape"], Backward]:
    """y_i = exp(x_i) / Σ_j exp(x_j) along ``dim``, in ``dtype`` if given."""
    input = _floats("softmax", input, dtype)
    y = shift(dim_last(input, dim))
    np.exp(y, out=y)
    y /= row_sums(y)

    def backward(needs: Needs, dy: Array) -> Gradients:
        dy = dim_last(dy, dim)
        dx = np.multiply(dy, y, order="C")
        total = row_sums(dx)
        np.subtract(dy, total, out=dx)
        dx *= y
        return (dim_back(dx, dim, input.shape),)

    return dim_back(y, dim, input.shape), backward


@softmax.define
def softmax_definition(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    input = input if dtype is None else input.to(dtype)
    exponential = (input - input.amax(dim, keepdim=True).detach()).exp()
    return exponential / exponential.sum(dim, keepdim=True)


@operation(rule="dinput = y * (dy - sum(dy * y, dim))")
def masked_softmax(
    input: Float[Array, "*shape"], mask: Bool[Array, "..."], dim: int
) -> tuple[Float[Array, "*shape"], Backward]:
    """softmax over the places where ``mask`` is true; 0 elsewhere, and throughout a slice of which nothing is left.

    What is left out has no influence, whatever its value, and no gradient.

    Args:
        input: any shape.
        mask: broadcasts to that shape.
        dim: the axis to sum along.

    Raises:
        ValueError: a mask that does not broadcast to ``input``'s shape.
    """
    if np.broadcast_shapes(input.shape, mask.shape) != input.shape:
        raise ValueError(f"masked_softmax: mask must broadcast to {input.shape}, got shape {mask.shape}")
    kept = dim_last(np.broadcast_to(mask, input.shape), dim)
    y = np.where(kept, dim_last(input, dim), -np.inf)
    highest = y.max(axis=-1, keepdims=True, initial=-np.inf)
    highest[highest == -np.inf] = 0  # nothing is left: every exponential below is exp(-inf) = 0
    np.exp(np.subtract(y, highest, out=y), out=y)
    total = row_sums(y)
    total[total == 0] = 1
    y /= total

    def backward(needs: Needs, dy: Array) -> Gradients:
        dx = dim_last(dy, dim) * y
        dx -= y * row_sums(dx)
        return (dim_back(dx, dim, input.shape),)

    return dim_back(y, dim, input.shape), backward


@masked_softmax.define
def masked_softmax_definition(input: Tensor, mask: Any, dim: int) -> Tensor:
    """Divide the exponentials of what is left by their sum; the sum of nothing counts as 1."""
    kept = np.broadcast_to(np.asarray(mask), input.shape)
    chosen = where(kept, input, 0.0)
    exponential = (chosen - chosen.amax(dim, keepdim=True).detach()).exp() * kept
    nothing = ~kept.any(axis=dim, keepdims=True)
    return exponential / (exponential.sum(dim, keepdim=True) + nothing)


@operation(rule="dinput = dy - exp(y) * sum(dy, dim)")
def log_softmax(
    input: Num[Array, "*shape"] | Bool[Array, "*shape"], dim: int, *, dtype: Any = None
) -> tuple[Float[Array, "*shape"], Backward]:
    """y_i = x_i - log Σ_j exp(x_j) along ``dim``, in ``dtype`` if given."""
    input = _floats("log_softmax", input, dtype)
    y = shift(dim_last(input, dim))
    y -= np.log(row_sums(np.exp(y)))

    def backward(needs: Needs, dy: Array) -> Gradients:
        dy = dim_last(dy, dim)
        dx = np.exp(y)
        dx *= row_sums(dy)
        np.subtract(dy, dx, out=dx)
        return (dim_back(dx, dim, input.shape),)

    return dim_back(y, dim, input.shape), backward


@log_softmax.define
def log_softmax_definition(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    input = input if dtype is None else input.to(dtype)
    shifted = input - input.amax(dim, keepdim=True).detach()
    return shifted - shifted.exp().sum(dim, keepdim=True).log()
