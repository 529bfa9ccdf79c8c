"""An update block by block, and that of a large parameter on several threads at once.

An update touches four or five arrays as large as the model.  Written over whole arrays, each of its
dozen elementary operations would stream them through main memory; written over blocks that stay in
the cache, memory is read once.  NumPy lets other threads run while it is at work on a block, so the
blocks of one parameter are shared among the cores.  No element depends on another: the result has
the same bits, whoever changes them and when.

The rule on sizes: a thread for each ``SHARE`` elements, at most one for each core.  Adam changes
``SHARE`` elements in 150 µs; to wake a thread takes about 20.
"""

from collections.abc import Callable, Sequence

import numpy as np

from tinygrad_lab.cores import cores
from tinygrad_lab.threads import share_out
from tinygrad_lab.typing import Array

SHARE = 1 << 17


def in_blocks(change: Callable[..., None], arrays: Sequence[Array], block: int) -> None:
    """Call ``change(thread, *pieces)`` on arrays of one shape: whole if small, else in flat blocks.

    The first array may be changed, whatever its layout; ``thread`` is the number of the one at work.
    """
    first = arrays[0]
    if first.size <= block:
        change(0, *arrays)
        return
    flat = [array.reshape(-1) for array in arrays]  # views, or copies where the layout is unusual

    def change_from(thread: int, start: int) -> None:
        change(thread, *[array[start : start + block] for array in flat])

    share_out(change_from, range(0, first.size, block), threads_for(first.size))
    if not np.may_share_memory(flat[0], first):
        first[...] = flat[0].reshape(first.shape)


def threads_for(size: int) -> int:
    """Return how many threads change so many elements."""
    pay = size // SHARE
    return min(pay, cores()) if pay > 1 else 1
