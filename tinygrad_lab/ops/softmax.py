"""softmax and log_softmax along one axis.

The maximum is subtracted first, so no exponential overflows.  A slice that is -inf throughout gives NaN, as in torch.
"""

import numpy as np

from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward


def row_sums(x: np.ndarray) -> np.ndarray:
    """Sum over the last axis, which stays with size 1; as a product with ones, faster than a reduction."""
    return (x @ np.ones(x.shape[-1], x.dtype))[..., None]


def shift(x: np.ndarray) -> np.ndarray:
    """x minus its maximum along the last axis, in an array of our own, C-contiguous."""
    with np.errstate(invalid="ignore"):  # -inf - -inf
        return np.subtract(x, x.max(axis=-1, keepdims=True), order="C")


@operation(r"\bar x_i = y_i \, \big(\bar y_i - \textstyle\sum_j \bar y_j y_j\big)")
def softmax(input: Float[Array, "*shape"], dim: int) -> tuple[Float[Array, "*shape"], Backward]:
    """y_i = exp(x_i) / Σ_j exp(x_j) along ``dim``."""
    y = shift(np.moveaxis(input, dim, -1))
    np.exp(y, out=y)
    y /= row_sums(y)

    def backward(needs, dy):
        dy = np.moveaxis(dy, dim, -1)
        dx = np.multiply(dy, y, order="C")
        total = row_sums(dx)
        np.subtract(dy, total, out=dx)
        dx *= y
        return (np.moveaxis(dx, -1, dim),)

    return np.moveaxis(y, -1, dim), backward


@softmax.define
def softmax_definition(input: Tensor, dim: int) -> Tensor:
    exponential = (input - input.amax(dim, keepdim=True).detach()).exp()
    return exponential / exponential.sum(dim, keepdim=True)


@operation(r"\bar x_i = \bar y_i - e^{y_i} \textstyle\sum_j \bar y_j")
def log_softmax(input: Float[Array, "*shape"], dim: int) -> tuple[Float[Array, "*shape"], Backward]:
    """y_i = x_i - log Σ_j exp(x_j) along ``dim``."""
    y = shift(np.moveaxis(input, dim, -1))
    y -= np.log(row_sums(np.exp(y)))

    def backward(needs, dy):
        dy = np.moveaxis(dy, dim, -1)
        dx = np.exp(y)
        dx *= row_sums(dy)
        np.subtract(dy, dx, out=dx)
        return (np.moveaxis(dx, -1, dim),)

    return np.moveaxis(y, -1, dim), backward


@log_softmax.define
def log_softmax_definition(input: Tensor, dim: int) -> Tensor:
    shifted = input - input.amax(dim, keepdim=True).detach()
    return shifted - shifted.exp().sum(dim, keepdim=True).log()
