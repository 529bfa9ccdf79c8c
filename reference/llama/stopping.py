"""How a long run ends early: Ctrl-C and SIGTERM wait for the end of a step; and a folder has one run at a time.

A second Ctrl-C does not wait.  The system forgets the lock of a folder with the process, however that ends.
"""

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

LOCK = ".tinygrad-lab.lock"


class StopRequest(BaseException):  # no error: nothing that handles errors may swallow it
    """Somebody has asked the run to stop.

    Attributes:
        code: what a program that ends for this reason exits with, 128 and the number of the signal.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class InUseError(Exception):
    """Another process works in a folder."""


class Asked:
    """Whether the run was asked to stop.

    Attributes:
        code: of the StopRequest; 0 before.
    """

    def __init__(self) -> None:
        self.code = 0

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Keep a signal in mind, or act on it if it is the second Ctrl-C."""
        if self.code and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.code = 128 + number


@contextmanager
def kept_back() -> Iterator[Asked]:
    """Note both signals instead of acting on them, while the block lasts."""
    asked = Asked()
    before = {number: signal.signal(number, asked.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Work in a folder, which is made if need be, as the only process that does.

    Raises:
        InUseError: another process works there.
        OSError: nothing can be written there.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    try:
        with open(path, "a+", encoding="utf-8") as file:
            if not _locked(file.fileno(), path):
                raise InUseError(f"{folder} is in use by process {_holder(path)}")
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
    finally:
        with suppress(OSError):  # not empty
            for empty in made:
                empty.rmdir()


def _locked(descriptor: int, path: Path) -> bool:
    """Whether the lock is ours now, and is still the one that others find there."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except (BlockingIOError, FileNotFoundError):
        return False


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip() or "unknown"
    except OSError:  # it has just ended
        return "unknown"
