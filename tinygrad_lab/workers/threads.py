"""Parts on two threads, where there can be no processes.

The threads take turns at the interpreter between any two operations, so operations must be large.
"""

import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from tinygrad_lab.cores import one_blas_thread
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array
from tinygrad_lab.workers.gradients import add
from tinygrad_lab.workers.step import Step, Work

WORTHWHILE = 6e6  # elements of the batch times elements of a parameter, on average over the parameters
R = TypeVar("R")


def pay(batch: Sequence[Tensor], parameters: Sequence[Tensor]) -> bool:
    """Tell whether two threads are faster than one: Transformers of the papers' size ``small``, just."""
    elements = max(tensor.numel() for tensor in batch)
    return elements * sum(p.numel() for p in parameters) >= WORTHWHILE * len(parameters)


class OnThreads(Work):
    """Two parts on two threads."""

    def __init__(self, step: Step) -> None:
        self.step = step
        step.seeds  # noqa: B018  (drawn before both threads ask)
        self._roots = both(step.value)
        self.value = np.asarray(self._roots[0]._data + self._roots[1]._data)

    def gradients(self, dy: Array) -> list[Array | None]:
        first, second = both(lambda part: self.step.gradients(self._roots[part], dy))
        for number, gradient in enumerate(second):
            if gradient is not None:
                add(first, number, gradient)
        return [first[number] for number in self.step.learning]


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


os.register_at_fork(after_in_child=_other_thread.cache_clear)  # a fork takes no threads along
