"""Commands that get Ctrl-C or SIGTERM at random instants, from their first line on: one line, and the right code."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle, product
from pathlib import Path
from random import Random

from tests.faults.part import REFUSED, RIGHT, Outcome

ROOT = Path(__file__).parent.parent.parent
# As the installed command begins, and a line when it has: before that Python itself is still on its way.
PROGRAM = "import sys, tinygrad_lab_command as command; print('begun', file=sys.stderr, flush=True); command.main()"
COMMANDS = {  # and seconds within which something happens
    "papers": (["papers"], 1.2),
    "train": (["train", "lenet", "--size", "tiny", "--dataset", "digits"], 2.0),
    "train, PyTorch": (["train", "lenet", "--size", "tiny", "--dataset", "digits", "--side", "torch"], 4.0),
}

AT_ONCE = 0.05  # seconds within which an impatient user presses Ctrl-C again
HOW = [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGINT, 2)]


def signalled(name: str, number: signal.Signals, draw: Random, times: int = 1) -> tuple[int, str]:
    """Exit code and stderr of a command that is sent a signal at some instant, or two of them."""
    words, seconds = COMMANDS[name]
    with tempfile.TemporaryDirectory() as folder:
        words = [*words, "--out", folder] if words[0] == "train" else words
        call = [sys.executable, "-c", PROGRAM, *words]
        pipe = subprocess.PIPE
        with subprocess.Popen(call, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=pipe, text=True) as child:
            assert child.stderr is not None
            assert child.stderr.readline() == "begun\n"
            wait = seconds
            for _ in range(times):
                time.sleep(draw.uniform(0, wait))
                child.send_signal(number)
                wait = AT_ONCE
            _, err = child.communicate(timeout=60)
    return child.returncode, err


def bad(number: signal.Signals, code: int, err: str, times: int = 1) -> bool:
    """Whether a command ended in any other way than the two: stopped, with a line, or done already.

    Each of several signals may have its line.
    """
    said = [line for line in err.splitlines() if "stopped" in line]
    odd = any(word in err for word in ("Traceback", "Exception", "Error"))
    stopped = code == 128 + number and 1 <= len(said) <= times
    return odd or not (stopped or (code, len(said)) == (0, 0))


def tries(draw: Random) -> Iterator[Outcome]:
    """Each signal to each command, and again."""
    for name, (number, times) in cycle(product(COMMANDS, HOW)):
        code, err = signalled(name, number, draw, times)
        kind = "bad" if bad(number, code, err, times) else REFUSED if code else RIGHT
        yield Outcome(kind, f"{name}, {times} x {number.name}: {code} {err[-600:]}")
