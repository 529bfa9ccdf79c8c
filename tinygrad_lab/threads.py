"""Work on several threads at once, for NumPy's calls on large arrays: those let other threads run meanwhile."""

import contextvars
import functools
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue


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


@functools.cache
def other_threads() -> ThreadPoolExecutor:
    """Return threads that wait for work beside the one that asks."""
    return ThreadPoolExecutor(os.cpu_count(), "tinygrad_lab")


os.register_at_fork(after_in_child=other_threads.cache_clear)  # a fork has none of them
