"""How many cores a step may use, and the one thread that BLAS has while parts run."""

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

try:
    from threadpoolctl import ThreadpoolController
except ImportError:  # the engine alone needs NumPy only; then batches stay whole
    ThreadpoolController = None

BOUND = "TINYGRAD_LAB_WORKERS"


def cores() -> int:
    """Return how many parts may run at once; ``TINYGRAD_LAB_WORKERS`` says so where it is set.

    Otherwise it is the number of cores that this process may run on, or fewer if NumPy's BLAS was
    given fewer threads: whoever limits those wants the other cores left alone.

    Raises:
        ValueError: ``TINYGRAD_LAB_WORKERS`` is no number from 1.
    """
    if (bound := os.environ.get(BOUND, "")) != "":
        if not bound.isdecimal() or int(bound) < 1:
            raise ValueError(f"{BOUND} must be a whole number from 1, got {bound!r}")
        return int(bound)
    return max(1, min(_allowed(), blas_threads()))


def _allowed() -> int:
    known = hasattr(os, "sched_getaffinity")  # Linux; elsewhere all there are
    return len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1


# ---- BLAS -----------------------------------------------------------------------------------------


class _Limit:
    """BLAS's number of threads is the whole process's, so all who limit it share one limit.

    The first to come sets it, the last to go takes it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._limiter: Any = None
        self._before = 0

    def threads(self) -> int:
        """Return how many there are, or were before anybody here asked for one only."""
        with self._lock:
            return self._before if self._users else _blas_threads_now()

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """Hold BLAS to one thread inside this block."""
        with self._lock:
            if not self._users and _blas() is not None:
                self._before = _blas_threads_now()
                self._limiter = _blas().limit(limits=1)
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users and self._limiter is not None:
                    self._limiter.restore_original_limits()
                    self._limiter = None


_limit = _Limit()
one_blas_thread = _limit.one_thread
blas_threads = _limit.threads


@functools.cache
def _blas() -> Any:
    return ThreadpoolController().select(user_api="blas") if ThreadpoolController else None


def _blas_threads_now() -> int:
    """Tell how many threads NumPy's BLAS uses now; 0 where that cannot be told."""
    libraries = _blas().lib_controllers if _blas() else []
    return max((library.get_num_threads() for library in libraries), default=0)
