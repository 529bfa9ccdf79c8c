"""Parts on threads, where there can be no processes: as before there were any.

The threads take turns at the interpreter between any two operations, so operations must be large.
"""

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from tinygrad_lab.tensor import Tensor
from tinygrad_lab.workers.cores import one_blas_thread

WORTHWHILE = 6e6  # elements of the batch times elements of a parameter, on average over the parameters
R = TypeVar("R")


def pay(batch: Sequence[Tensor], parameters: Sequence[Tensor]) -> bool:
    """Tell whether two threads are faster than one: Transformers of the papers' size ``small``, just."""
    elements = max(tensor.numel() for tensor in batch)
    return elements * sum(p.numel() for p in parameters) >= WORTHWHILE * len(parameters)


def both(work: Callable[[int], R]) -> list[R]:
    """work(0) here and work(1) on the other thread, one core each for matrix products."""
    with one_blas_thread(), _frequent_turns():
        other = _other_thread().submit(work, 1)
        try:
            mine = work(0)
        finally:
            other.exception()  # never leave while the other part is at work
        return [mine, other.result()]


@contextmanager
def _frequent_turns() -> Iterator[None]:
    """A thread asks for the interpreter after a tenth of a millisecond, not after five: a few percent of a step."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@functools.cache
def _other_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "half of a batch")
