"""A long matrix times one vector, read by two threads at once: memory gives two cores more than one.

To ask a second thread costs about a twentieth of a millisecond, in which a core reads two megabytes:
the vocabulary of a language model is worth it, the matrices of its layers are not.
"""

import numpy as np

from tinygrad_lab.cores import cores
from tinygrad_lab.threads import share_out
from tinygrad_lab.typing import Array

WORTHWHILE = 2**22  # elements from which a second thread pays
PIECE = 2**20  # elements, about a seventh of a millisecond


def times_vector(weight: Array, x: Array) -> Array:
    """Return W x, a scalar product for each row of W.    (O, I), (I,) -> (O,)"""
    if weight.size < WORTHWHILE or cores() == 1:
        return np.vecdot(weight, x)
    y = np.empty(len(weight), weight.dtype)
    step = max(1, PIECE // weight.shape[1])

    def read(_thread: int, start: int) -> None:
        np.vecdot(weight[start : start + step], x, out=y[start : start + step])

    share_out(read, range(0, len(weight), step), 2)
    return y
