"""Sums, maxima and products along axes; softmax; products of matrices."""

import torch
import torch.nn.functional as F
from torch import Tensor

Axes = int | tuple[int, ...] | list[int]
Dim = Axes | None


# ---- reductions -----------------------------------------------------------------------------------------------------
def sum(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Tensor:
    return input.sum(dim, keepdim, dtype=dtype)


def mean(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Tensor:
    return input.mean(dim, keepdim, dtype=dtype)


def var(input: Tensor, dim: Dim = None, correction: float | int = 1, keepdim: bool = False) -> Tensor:
    return input.var(dim, correction=correction, keepdim=keepdim)


def std(input: Tensor, dim: Dim = None, correction: float | int = 1, keepdim: bool = False) -> Tensor:
    return input.std(dim, correction=correction, keepdim=keepdim)


def prod(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    return input.prod() if dim is None else input.prod(dim, keepdim)


def norm(input: Tensor, p: float | int = 2, dim: Dim = None, keepdim: bool = False) -> Tensor:
    return torch.linalg.vector_norm(input, p, dim, keepdim)


def logsumexp(input: Tensor, dim: int | tuple[int, ...], keepdim: bool = False) -> Tensor:
    return input.logsumexp(dim, keepdim)


def cumsum(input: Tensor, dim: int) -> Tensor:
    return input.cumsum(dim)


def amax(input: Tensor, dim: Axes = (), keepdim: bool = False) -> Tensor:
    return input.amax(dim, keepdim)


def amin(input: Tensor, dim: Axes = (), keepdim: bool = False) -> Tensor:
    return input.amin(dim, keepdim)


# ---- softmax --------------------------------------------------------------------------------------------------------
def softmax(input: Tensor, dim: int) -> Tensor:
    return F.softmax(input, dim)


def log_softmax(input: Tensor, dim: int) -> Tensor:
    return F.log_softmax(input, dim)


def masked_softmax(input: Tensor, mask: Tensor, dim: int) -> Tensor:
    kept = input.masked_fill(~mask, -torch.inf)
    return kept.softmax(dim).nan_to_num()  # where nothing is left, torch's is NaN and ours 0


# ---- products -------------------------------------------------------------------------------------------------------
def matmul(input: Tensor, other: Tensor) -> Tensor:
    return input @ other


def contract(equation: str, *operands: Tensor) -> Tensor:
    return torch.einsum(equation, *operands)
