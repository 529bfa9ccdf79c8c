"""Vectors brought to length one, and the cosine of the angle between two."""

import numpy as np

from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.operation import Float
from tinygrad_lab.ops.reductions import norm
from tinygrad_lab.ops.shapes import expand
from tinygrad_lab.tensor import Tensor


@gated
def normalize(input: Float[Tensor, "..."], p: float | int = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(‖x‖, eps) along ``dim``.

    Args:
        input: any shape.
        p: which norm, 2 or 1.
        dim: along which the vectors lie.
        eps: what a shorter vector is divided by.

    Raises:
        ValueError: another ``p``.
    """
    if p not in (1, 2):
        raise ValueError(f"normalize: p must be 1 or 2, got {p}")
    length = norm(input, 2, dim, keepdim=True) if p == 2 else input.abs().sum(dim, keepdim=True)
    return input / length.clamp(min=eps)


@gated
def cosine_similarity(x1: Float[Tensor, "..."], x2: Float[Tensor, "..."], dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 · x2 / (max(‖x1‖, eps) max(‖x2‖, eps)) along ``dim``, of both broadcast together.

    Raises:
        ValueError: shapes that cannot be broadcast together.
    """
    try:
        shape = np.broadcast_shapes(x1.shape, x2.shape)
    except ValueError as error:
        raise ValueError(f"cosine_similarity: shapes {x1.shape} and {x2.shape} do not fit together") from error
    left, right = (normalize(expand(x, shape), 2, dim, eps) for x in (x1, x2))
    cosine: Tensor = (left * right).sum(dim)
    return cosine


__all__ = ["cosine_similarity", "normalize"]
