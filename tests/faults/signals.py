"""Commands that get Ctrl-C or SIGTERM at random instants, from their first line on: one line, and the right code.

python -m tests.faults.signals 20        # of each signal, to each command
"""

import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

ROOT = Path(__file__).parent.parent.parent
# As the installed command begins, and a line when it has: before that Python itself is still on its way.
PROGRAM = "import sys, tinygrad_lab_command as command; print('begun', file=sys.stderr, flush=True); command.main()"
COMMANDS = {  # and seconds within which something happens
    "papers": (["papers"], 1.2),
    "train": (["train", "lenet", "--size", "tiny", "--dataset", "digits"], 2.0),
    "train, PyTorch": (["train", "lenet", "--size", "tiny", "--dataset", "digits", "--side", "torch"], 4.0),
}


def signalled(name: str, number: signal.Signals, draw: Random) -> tuple[int, str]:
    """Exit code and stderr of a command that is sent a signal, at some instant."""
    words, seconds = COMMANDS[name]
    with tempfile.TemporaryDirectory() as folder:
        words = [*words, "--out", folder] if words[0] == "train" else words
        call = [sys.executable, "-c", PROGRAM, *words]
        pipe = subprocess.PIPE
        with subprocess.Popen(call, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=pipe, text=True) as child:
            assert child.stderr is not None
            assert child.stderr.readline() == "begun\n"
            time.sleep(draw.uniform(0, seconds))
            child.send_signal(number)
            _, err = child.communicate(timeout=60)
    return child.returncode, err


def bad(number: signal.Signals, code: int, err: str) -> bool:
    """Whether a command ended in any other way than the two: stopped, with a line, or done already."""
    said = [line for line in err.splitlines() if "stopped" in line]
    odd = any(word in err for word in ("Traceback", "Exception", "Error"))
    return odd or (code, len(said)) not in ((0, 0), (128 + number, 1))


def main() -> None:
    """Print how they ended."""
    draw, lost = Random(0), 0
    for name in COMMANDS:
        for number in (signal.SIGINT, signal.SIGTERM):
            ends = [signalled(name, number, draw) for _ in range(int(sys.argv[1]))]
            wrong = [end for end in ends if bad(number, *end)]
            print(
                f"{name:15} {number.name}: codes {dict(Counter(code for code, _ in ends))}, {len(wrong)} bad",
                flush=True,
            )
            print(*wrong, sep="\n")
            lost += len(wrong)
    sys.exit(bool(lost))


if __name__ == "__main__":
    main()
