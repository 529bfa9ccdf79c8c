"""The door to the command line: ``tinygrad-lab``, and ``python -m tinygrad_lab``.

Signals are heeded from here to the end: before a command begins they end the process, within one they raise, so that
files are closed and cleared, and after it there is nothing left to stop.  An import is always let go to its end: what
is half loaded swallows an exception, takes it for a missing package, or ends the whole process.
"""

import os
import signal
import sys
from types import FrameType

from tinygrad_lab.complaints import Terminated, ended

NAME = "tinygrad-lab"
SIGNALS = (signal.SIGINT, signal.SIGTERM)
SOON = 0.02  # seconds until it is looked again whether an import has ended
IMPORTING = "<frozen importlib"  # how the files of Python's import system are called


class _Stop:
    """What a signal does while a command runs: at once, or as soon as no import is under way."""

    def __init__(self) -> None:
        self.number = 0

    def came(self, number: int, frame: FrameType | None) -> None:
        """Handle one of the two signals; the second one does not wait."""
        if self.number:
            os.write(2, f"{NAME}: stopped\n".encode())
            os._exit(128 + number)
        self.number = number
        self.look(number, frame)

    def look(self, _number: int, frame: FrameType | None) -> None:
        """End the command, or look again."""
        if _is_importing(frame):
            signal.setitimer(signal.ITIMER_REAL, SOON)
            return
        number, self.number = self.number, 0
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated


def main() -> None:
    """Run the command line; never returns. Without the packages of the extra it says how to get them."""
    code = ended(_commands, NAME)
    _are_late()
    sys.exit(code)


def _commands() -> None:
    if sys.argv[1:2] == ["bench"]:  # here, where the process is certainly this command's own
        from tinygrad_lab.lab.measuring.alike import on_equal_terms

        on_equal_terms()
    from tinygrad_lab.lab.cli import main as commands

    try:
        _end_the_command()
        commands()
    finally:
        _are_late()


def _end_the_command() -> None:
    """From here on signals raise."""
    stop = _Stop()
    signal.signal(signal.SIGALRM, stop.look)
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop.came)


def _are_late() -> None:
    """From here on they change nothing: all is written, and Python is on its way out."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in (signal.SIGALRM, *SIGNALS):
        signal.signal(number, signal.SIG_IGN)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(IMPORTING):
            return True
        frame = frame.f_back
    return False


if __name__ == "__main__":
    main()
