"""A long matrix times one vector, read by two threads at once: memory gives two cores more than one.

Whoever is free takes the next piece, so a thread that the machine keeps waiting holds nobody up; in
halves, as BLAS cuts such a product, both wait for the slower.  To ask a second thread costs about a
twentieth of a millisecond, in which a core reads two megabytes: the vocabulary of a language model
is worth it, the matrices of its layers are not.
"""

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import numpy as np

from tinygrad_lab.cores import cores
from tinygrad_lab.typing import Array

WORTHWHILE = 2**22  # elements from which a second thread pays
PIECE = 2**20  # elements, about a seventh of a millisecond


def times_vector(weight: Array, x: Array) -> Array:
    """Return W x, a scalar product for each row of W.    (O, I), (I,) -> (O,)"""
    if weight.size < WORTHWHILE or cores() == 1:
        return np.vecdot(weight, x)
    y = np.empty(len(weight), weight.dtype)
    step = max(1, PIECE // weight.shape[1])
    pieces = iter(range(0, len(weight), step))  # both threads take from it

    def read() -> None:
        for start in pieces:
            np.vecdot(weight[start : start + step], x, out=y[start : start + step])

    other = _other_thread(os.getpid()).submit(copy_context().run, read)  # with errstate as it is here
    try:
        read()
    finally:
        if not other.cancel():  # it has begun: never leave while it writes
            other.result()
    return y


@functools.cache
def _other_thread(process: int) -> ThreadPoolExecutor:
    """One for each process: a fork takes no threads along."""
    return ThreadPoolExecutor(1, "part of a matrix")
