"""An update block by block, and that of a large parameter on several threads at once.

An update touches four or five arrays as large as the model.  Written over whole arrays, each of its
dozen elementary operations would stream them through main memory; written over blocks that stay in
the cache, memory is read once.  NumPy lets other threads run while it is at work on a block, so the
blocks of one parameter are shared among the cores.  No element depends on another: the result has
the same bits, whoever changes them and when.

The rule on sizes: a thread for each ``SHARE`` elements, at most one for each core.  Adam changes
``SHARE`` elements in 150 µs; to wake a thread takes about 20.
"""

import contextvars
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue

import numpy as np

from tinygrad_lab.typing import Array
from tinygrad_lab.workers.cores import cores
from tinygrad_lab.workers.threads import other_threads

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


def share_out(work: Callable[[int, int], None], items: Sequence[int], threads: int) -> None:
    """Call ``work(thread, item)`` on all items: thread 0 is this one, the others take what is left.

    Nobody waits for a thread that has taken nothing, because its core has other work, or because there
    are no more threads: then this one does it all.  NumPy's error settings hold on each of them.

    Raises:
        BaseException: the first error of any item, once all others are done.
    """
    left, ended = deque(items), SimpleQueue[BaseException | None]()

    def take(thread: int) -> None:
        with suppress(IndexError):  # nothing left
            while True:
                ended.put(_error_of(work, thread, left.popleft()))

    with suppress(RuntimeError):  # the interpreter is about to end
        for thread in range(1, threads):
            other_threads().submit(contextvars.copy_context().run, take, thread)
    try:
        take(0)
        errors = [ended.get() for _ in items]
    finally:
        left.clear()
    for error in errors:
        if error is not None:
            raise error


def _error_of(work: Callable[[int, int], None], thread: int, item: int) -> BaseException | None:
    try:
        work(thread, item)
    except BaseException as error:  # raised where all of it was asked for
        return error
    return None
