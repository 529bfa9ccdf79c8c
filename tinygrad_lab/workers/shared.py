"""Memory that several processes see: a model's parameters, and a gradient of each from each worker.

It has no name: Linux makes it for a descriptor (memfd), which workers are handed through a socket.
So nothing is left in /dev/shm however a process ends; the last that maps the memory frees it.
"""

import math
import mmap
import os
from collections.abc import Sequence

import numpy as np

from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array

Layout = tuple[tuple[tuple[int, ...], str], ...]  # shape and dtype of every parameter
LINE = 64  # bytes; no array begins in the middle of a cache line


def possible() -> bool:
    """Tell whether this system has such memory."""
    return hasattr(os, "memfd_create")


def layout_of(tensors: Sequence[Tensor]) -> Layout:
    """Return what must stay the same for two models to fit the same memory."""
    return tuple((tensor.shape, tensor.dtype.str) for tensor in tensors)


class SharedArrays:
    """The arrays of a model, ``1 + workers`` times one after the other.

    ``parameters`` are written by the training process and read by workers, ``gradients[k]`` are
    written by worker k and read by the training process.  Never do both write the same place.
    """

    def __init__(self, descriptor: int, layout: Layout, workers: int) -> None:
        self._bytes = mmap.mmap(descriptor, _size(layout) * (1 + workers))
        self.parameters, *self.gradients = (self._arrays(layout, _size(layout) * place) for place in range(1 + workers))

    def _arrays(self, layout: Layout, start: int) -> list[Array]:
        arrays = []
        for shape, dtype in layout:
            arrays.append(np.ndarray(shape, dtype, self._bytes, start))
            start += _room(shape, dtype)
        return arrays


def allocate(layout: Layout, workers: int) -> int:
    """Make the memory; return its descriptor, which the caller closes when all have mapped it."""
    descriptor = os.memfd_create("tinygrad_lab")
    try:
        os.ftruncate(descriptor, _size(layout) * (1 + workers))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _size(layout: Layout) -> int:
    return max(LINE, sum(_room(shape, dtype) for shape, dtype in layout))


def _room(shape: tuple[int, ...], dtype: str) -> int:
    return -(-math.prod(shape) * np.dtype(dtype).itemsize // LINE) * LINE
