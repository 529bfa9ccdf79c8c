"""The door to the command line: ``tinygrad-lab``, and ``python -m tinygrad_lab``."""

import signal
import sys

from tinygrad_lab.complaints import ended, terminated

NAME = "tinygrad-lab"
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    """Run the command line; never returns. Without the packages of the extra it says how to get them."""
    code = ended(_commands, NAME)
    _are_late()
    sys.exit(code)


def _commands() -> None:
    from tinygrad_lab.lab.cli import main as commands

    try:
        _end_the_command()
        commands()
    finally:
        _are_late()


def _end_the_command() -> None:
    """From here on signals raise, so that files are closed and cleared."""
    for number, handler in zip(SIGNALS, (signal.default_int_handler, terminated), strict=True):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def _are_late() -> None:
    """From here on signals change nothing: all is written, and Python is on its way out."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    main()
