"""A tensor as matrices: one index of all but two of its dimensions is seen at a time.

In the plane lie the last two dimensions that have more than one index.  A small matrix stays what it is, also one of a
single row or column.
"""

import math
from collections.abc import Sequence

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
    """One of them, by its place among them; a vector is one line."""
    flat = array.reshape(count(array.shape), *(array.shape[axis] for axis in plane(array.shape)))
    return np.atleast_2d(flat[number])


def title(shape: Sequence[int], number: int, axes: Sequence[Axis] = ()) -> str:
    """Where in the tensor it is: "image 0, channel 2"; nothing for a tensor that is one matrix."""
    places = leading(shape)
    indices = np.unravel_index(number, [shape[axis] for axis in places]) if places else ()
    names = [axes[axis].name if axes else "" for axis in places]
    parts = zip(places, names, indices, strict=True)
    return ", ".join(f"{name or f'axis {axis}'} {index}" for axis, name, index in parts)
