"""Sorting along one dimension, with gradients to where each value came from. NaN counts as the largest, as in torch."""

from typing import NamedTuple

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.indexing import gather
from tinygrad_lab.tensor import Tensor, wrap
from tinygrad_lab.typing import Array


class Sorted(NamedTuple):
    """Values, and where along the dimension they stood."""

    values: Tensor
    indices: Tensor


@gated
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Sorted:
    """Return the values in order along ``dim``, and their indices; equal ones stay in order, ``stable`` or not."""
    indices = argsort(input, dim, descending)
    return Sorted(gather(input, dim, indices), indices)


@gated
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """Return the indices that put the values in order along ``dim``; equal ones stay in order, ``stable`` or not."""
    return wrap(_order(input._data, dim, descending))


@gated
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Sorted:
    """Return the ``k`` largest (or smallest) values along ``dim``, the most extreme first, and their indices.

    Of equal values the first is taken.  ``sorted=False`` allows any order, so this one too.

    Raises:
        ValueError: ``k`` is not from 0 to the length of the dimension.
    """
    if input.dtype.kind == "b":
        raise TypeError("topk: input must be numbers, got booleans")
    length = input.shape[dim] if input.ndim else 1
    if not 0 <= k <= length:
        raise ValueError(f"topk: k must be from 0 to {length}, the length of dim {dim}, got {k}")
    order = _order(input._data, dim, descending=largest)
    indices = wrap(np.ascontiguousarray(order.take(np.arange(k), axis=dim)) if input.ndim else order)
    return Sorted(gather(input, dim, indices), indices)


def _order(values: Array, dim: int, descending: bool) -> Array:
    axis = normalize_axis_index(dim, values.ndim or 1)
    if not values.ndim:
        return np.zeros((), np.int64)
    if not descending:
        return np.argsort(values, axis=axis, kind="stable")
    # Backwards twice: a stable rising order of the mirrored values, mirrored, is a stable falling order.
    mirrored = np.argsort(np.flip(values, axis), axis=axis, kind="stable")
    return np.flip(values.shape[axis] - 1 - mirrored, axis)


__all__ = ["Sorted", "argsort", "sort", "topk"]
