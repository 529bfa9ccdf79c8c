"""Operations that move elements and change none of them: shapes, indexing, packing, dtypes."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


# ---- shapes ---------------------------------------------------------------------------------------------------------
def reshape(input: Tensor, shape: list[int] | tuple[int, ...]) -> Tensor:
    return input.reshape(shape)


def permute(input: Tensor, dims: list[int] | tuple[int, ...]) -> Tensor:
    return input.permute(dims)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    return input.transpose(dim0, dim1)


def expand(input: Tensor, size: list[int] | tuple[int, ...]) -> Tensor:
    return input.expand(size)


def concatenate(*tensors: Tensor, dim: int = 0) -> Tensor:
    return torch.cat(tensors, dim)


def split_at(input: Tensor, sizes: list[int], dim: int) -> tuple[Tensor, ...]:
    return input.split(sizes, dim)


def pad(input: Tensor, pad: list[int] | tuple[int, ...], mode: str = "constant", value: float | int = 0) -> Tensor:
    return F.pad(input, pad, mode, value)


def flip(input: Tensor, dims: list[int] | tuple[int, ...]) -> Tensor:
    return input.flip(dims)


def roll(
    input: Tensor, shifts: int | list[int] | tuple[int, ...], dims: int | list[int] | tuple[int, ...] = ()
) -> Tensor:
    return torch.roll(input, shifts, dims)


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    return input.tril(diagonal)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    return input.triu(diagonal)


# ---- indexing -------------------------------------------------------------------------------------------------------
def getitem(input: Tensor, key: Any) -> Tensor:
    return input[key]


def setitem(input: Tensor, value: Tensor, key: Any) -> Tensor:
    out = input.clone()
    out[key] = value
    return out


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    return input.gather(dim, index)


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    return input.index_select(dim, index)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    return input.scatter_add(dim, index, src)


def scatter(input: Tensor, dim: int, index: Tensor, src: Tensor | float) -> Tensor:
    return torch.scatter(input, dim, index, src)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    return input.index_add(dim, index, source, alpha=alpha)


def pack(input: Tensor, steps: Tensor, rows: Tensor) -> Tensor:
    return input[steps, rows]


def unpack(input: Tensor, steps: Tensor, rows: Tensor, size: tuple[int, int], padding_value: float = 0.0) -> Tensor:
    padded = input.new_full((*size, *input.shape[1:]), padding_value)
    return padded.index_put((steps, rows), input)


def cast(input: Tensor, dtype: torch.dtype) -> Tensor:
    return input.to(dtype)
