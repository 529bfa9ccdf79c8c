"""A tensor as matrices: one index of all but two of its dimensions is seen at a time.

In the plane lie the last two dimensions that have more than one index.  A small matrix stays what it is, also one of a
single row or column.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tinygrad_lab.trace.axes import Axis
from tinygrad_lab.trace.tensors import FULL


def _long(shape: Sequence[int]) -> list[int]:
    if len(shape) == 2 and math.prod(shape) <= FULL:
        return [0, 1]
    return [axis for axis, size in enumerate(shape) if size > 1]


def plane(shape: Sequence[int]) -> list[int]:
    """The dimensions that lie in the plane."""
    return _long(shape)[-2:]


def leading(shape: Sequence[int]) -> list[int]:
    """The dimensions before those, that have more than one index."""
    return _long(shape)[:-2]


def count(shape: Sequence[int]) -> int:
    """How many matrices a tensor is."""
    return math.prod(shape[axis] for axis in leading(shape))


def matrix(array: np.ndarray, number: int) -> np.ndarray:
    """Return one matrix, by its place among all; a vector is one line."""
    flat = array.reshape(count(array.shape), *(array.shape[axis] for axis in plane(array.shape)))
    return np.atleast_2d(flat[number])


def labels(shape: Sequence[int], number: int, axes: Sequence[Axis]) -> list[Sequence[str]]:
    """The texts along each dimension in the plane; none where nothing is known."""
    places = leading(shape)
    indices = np.unravel_index(number, [shape[axis] for axis in places]) if places else ()
    at = {axes[place].name: int(index) for place, index in zip(places, indices, strict=True)} if axes else {}
    return [_along(axes[axis], at, shape[axis]) if axes else () for axis in plane(shape)]


def _along(axis: Axis, at: Mapping[str, int], size: int) -> Sequence[str]:
    """Return the texts of one dimension; where it has a list for each index of another one, that list."""
    found = axis.labels
    if axis.by:
        found = axis.labels[at[axis.by]] if axis.by in at else ()
    return found if len(found) == size else ()


def title(shape: Sequence[int], number: int, axes: Sequence[Axis] = ()) -> str:
    """Where in the tensor it is: "image 0, channel 2"; nothing for a tensor that is one matrix."""
    places = leading(shape)
    indices = np.unravel_index(number, [shape[axis] for axis in places]) if places else ()
    names = [axes[axis].name if axes else "" for axis in places]
    parts = zip(places, names, indices, strict=True)
    return ", ".join(f"{name or f'axis {axis}'} {index}" for axis, name, index in parts)
