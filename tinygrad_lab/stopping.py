"""Ctrl-C and SIGTERM, kept until somebody looks: a run stops between two steps, never in one.

with kept_back() as asked:
    for batch in batches:
        step(batch)
        asked.look()  # StopRequest, if a signal has come
"""

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class StopRequest(BaseException):  # no error: nothing that handles errors may swallow it
    """Somebody has asked the run to stop.

    Attributes:
        code: what a program that ends for this reason exits with, 128 and the number of the signal.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Asked:
    """Whether the run was asked to stop; a second Ctrl-C does not wait for an answer."""

    def __init__(self) -> None:
        self.code = 0

    def look(self) -> None:
        """Raise StopRequest if a signal has come."""
        if self.code:
            raise StopRequest(self.code)

    def between(self, items: Iterable[T]) -> Iterator[T]:
        """The same items, with a look before each."""
        for item in items:
            self.look()
            yield item

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.code and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.code = 128 + number


@contextmanager
def kept_back() -> Iterator[Asked]:
    """Note both signals instead of acting on them, while the block lasts.

    Only a program's main thread receives signals; in another one nothing changes.
    """
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, asked._note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
