"""Leading and trailing axes flattened, or one axis brought to the end; also where there is nothing, or one number."""

import math

import numpy as np


def rows(x: np.ndarray, trailing: int = 1) -> np.ndarray:
    """(*, n) -> (N, n), n the product of the trailing axes.  (From ``reshape(-1, 0)`` NumPy cannot tell N.)"""
    end = x.ndim - trailing
    return x.reshape(math.prod(x.shape[:end]), math.prod(x.shape[end:]))


def dim_last(x: np.ndarray, dim: int) -> np.ndarray:
    """A view with ``dim`` as the last axis; a single number has one axis of length 1, 0 or -1, as in torch."""
    return np.moveaxis(x if x.ndim else x.reshape(1), dim, -1)


def dim_back(y: np.ndarray, dim: int, shape: tuple[int, ...]) -> np.ndarray:
    """The way back, to ``shape``."""
    back = np.moveaxis(y, -1, dim)
    return back if shape else back.reshape(())
