"""The affine map y = x Wᵀ + b: one matrix product forward, two backward."""

import numpy as np

from tinygrad_lab.cores import blas_threads
from tinygrad_lab.ops.kernels.rows import rows
from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs

FEW_ROWS = 64
READ_TOGETHER = 2**19  # elements of a matrix from which several threads read it faster than one


@operation(
    rule="""
    dinput = dy @ weight
    dweight = dy.T @ input if ndim(input) == 2 else rows(dy).T @ rows(input)
    dbias = sum_like(dy, bias)
    """,
)
def linear(
    input: Float[Array, "*n i"], weight: Float[Array, "o i"], bias: Float[Array, " o"] | None = None
) -> tuple[Float[Array, "*n o"], Backward]:
    """y = x Wᵀ + b.    (*, in), (out, in), (out,) -> (*, out)"""
    features_out, features_in = weight.shape
    if input.shape[-1:] != (features_in,):
        raise ValueError(
            f"linear: input has shape {input.shape}, weight {weight.shape} needs a last axis {features_in}"
        )
    if bias is not None and bias.shape != (features_out,):
        raise ValueError(f"linear: bias has shape {bias.shape}, weight {weight.shape} needs ({features_out},)")
    x = rows(input)  # (N, in): all leading axes are rows of one product
    y = _rows_times(x, weight)
    if bias is not None:
        y += bias

    def backward(needs: Needs, dy: Array) -> Gradients:
        dy = rows(dy)
        dx = (dy @ weight).reshape(input.shape) if needs.input else None
        dweight = dy.T @ x if needs.weight else None
        dbias = np.ones(len(dy), dy.dtype) @ dy if needs.bias else None
        return dx, dweight, dbias

    return y.reshape(*input.shape[:-1], features_out), backward


def _rows_times(x: Array, weight: Array) -> Array:
    """x Wᵀ.  BLAS is up to twice as fast with the large matrix on the left, while x has few rows to turn around.

    With a single row, all that a product costs is to read W from memory.
    """
    if len(x) == 1:
        return _read(weight, x[0])[None]
    return x @ weight.T if len(x) > FEW_ROWS else np.ascontiguousarray((weight @ x.T).T)


def _read(weight: Array, x: Array) -> Array:
    """W x, the quickest way to read W once.

    On one core scalar products with its rows do it twice as fast as BLAS's product of a matrix and a vector. Two cores
    get more out of the memory than one, and BLAS has threads that wait for work.
    """
    if weight.size >= READ_TOGETHER and blas_threads() > 1:
        return weight @ x
    return np.vecdot(weight, x)


@linear.define
def linear_definition(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    product = input @ weight.T
    return product if bias is None else product + bias
