"""The very first that ``tinygrad-lab`` loads: it heeds signals from here on, the engine takes a while to come.

It stands outside of the package since whatever stands inside loads NumPy first.
"""

import os
import signal
from types import FrameType


def main() -> None:
    """Run the command line; never returns."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # whoever started this wants it to be left alone
            signal.signal(number, _leave)
    from tinygrad_lab.__main__ import main as run

    run()


def _leave(number: int, _frame: FrameType | None) -> None:
    """End at once; nothing has begun."""
    os.write(2, b"tinygrad-lab: stopped\n")
    os._exit(128 + number)
