"""The modes of the engine, private to each thread: the tape, anomaly detection, tracing, the modules now running."""

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, ParamSpec, TypeVar

import numpy as np

from tinygrad_lab.places import is_engine

P = ParamSpec("P")
R = TypeVar("R")


class _ThreadState(threading.local):
    """What must never leak from one thread into another."""

    def __init__(self) -> None:
        self.grad_enabled = True
        self.anomaly = False
        self.modules: list[Any] = []  # the modules whose forward is running, outermost first
        self.recorder: Any = None  # told of every operation, see tinygrad_lab.trace
        self.draws: list[np.ndarray] | None = None  # see tinygrad_lab.random.record_draws
        self.streams: dict[int, np.random.Generator] = {}  # see tinygrad_lab.random.stream
        self.ambient: np.random.Generator | None = None  # see tinygrad_lab.random.initialising


state = _ThreadState()


class no_grad:  # noqa: N801 (torch's name)
    """Record nothing on the tape inside this block, or decorated function or generator, in this thread."""

    _before: list[bool]  # what to return to: a block may stand in a block

    def __new__(cls, function: Any = None) -> Any:
        """``@no_grad`` is ``@no_grad()``."""
        made = super().__new__(cls)
        made._before = []
        return made if function is None else made(function)

    def __enter__(self) -> None:
        self._before.append(state.grad_enabled)
        state.grad_enabled = False

    def __exit__(self, *_error: object) -> None:
        state.grad_enabled = self._before.pop()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        if inspect.isgeneratorfunction(function):
            generates: Callable[P, R] = self._for_generators(function)
            return generates

        @functools.wraps(function)
        def without(*args: P.args, **kwargs: P.kwargs) -> R:
            with no_grad():
                return function(*args, **kwargs)

        return without

    def _for_generators(self, function: Any) -> Any:
        """The mode holds while the generator runs, not while its user does."""

        @functools.wraps(function)
        def without(*args: Any, **kwargs: Any) -> Any:
            items = function(*args, **kwargs)
            while True:
                with no_grad():
                    try:
                        item = next(items)
                    except StopIteration as end:
                        return end.value
                yield item

        return without


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Stop at the operation that makes the first NaN or infinity, forward or backward, and say where it is.

    Raises:
        FloatingPointError: names the operation, the path of the module that ran it and the source line that called it.
    """
    before, state.anomaly = state.anomaly, True
    try:
        yield
    finally:
        state.anomaly = before


def not_finite_from(made: Sequence[Any], given: Sequence[Any]) -> bool:
    """Tell whether a NaN or infinity was born here: it is in ``made`` and not in ``given``."""

    def worst(values: Sequence[Any]) -> int:  # 0 finite, 1 infinite, 2 NaN: an infinity may turn into a NaN later
        floats = [np.asarray(v) for v in values if isinstance(v, float | np.floating | np.ndarray)]
        floats = [v for v in floats if v.dtype.kind == "f"]
        return max((2 if np.isnan(v).any() else 1 if np.isinf(v).any() else 0 for v in floats), default=0)

    return worst(made) > worst(given)


def running_module() -> str:
    """Return the path of the module whose forward is running; "" outside of all and in the root."""
    if not state.modules:
        return ""
    names = {id(module): name for name, module in state.modules[0].named_modules()}
    return str(names.get(id(state.modules[-1]), ""))


def calling_frame() -> FrameType:
    """Return the innermost frame outside the engine: the code that called the running operation."""
    frame = sys._getframe(1)
    while frame.f_back and (is_engine(frame.f_code.co_filename) or "jaxtyp" in frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def origin() -> str:
    """Tell where the running operation was called: module, and first line outside the engine."""
    module = f" in module {running_module() or type(state.modules[-1]).__name__!r}" if state.modules else ""
    frame = calling_frame()
    return f"{module}, at {frame.f_code.co_filename}:{frame.f_lineno}"
