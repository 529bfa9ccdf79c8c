"""Numbers where a mask holds, 0 elsewhere: a choice, not a product, which would make NaN of 0 times infinity."""

import numpy as np

BITS = {4: np.uint32, 8: np.uint64}  # of a float of so many bytes


def selected(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return x where ``mask`` holds and 0 elsewhere, whatever x is there.

    The product of a float's bits and 0 or 1 is as fast as a product of floats, and many times faster than
    ``np.where``.
    """
    bits = mask.astype(BITS[x.itemsize])
    bits *= x.view(bits.dtype)
    chosen: np.ndarray = bits.view(x.dtype)
    return chosen
