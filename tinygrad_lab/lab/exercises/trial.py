"""A student's file in a process of its own: whatever it does, it ends soon, and there is one sentence for it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tinygrad_lab

SECONDS, CLOCK_SECONDS = 5, 20  # of processor time, and of the clock, which a busy machine may take
MEGABYTES = 2048  # of address space, of which NumPy alone takes a good part
SHOWN_LINES, SHOWN_CHARACTERS = 10, 1000
TOO_LONG = "the file was stopped, for it took far too long: is there a loop that never ends?"
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Trial:
    """What a file did: a fault or the runs of all cases, and what it printed."""

    outcome: dict[str, Any]
    printed: str


def tried(name: str, path: Path) -> Trial:
    """Run a file at all cases of an exercise."""
    with tempfile.TemporaryDirectory() as folder:
        outcome, output = Path(folder, "outcome.json"), Path(folder, "output.txt")
        with output.open("wb") as stream:
            fault = _run([name, str(path), str(outcome), str(SECONDS), str(MEGABYTES)], stream)
        printed = _beginning(output.read_bytes())
        if fault is None:
            return Trial(_read(outcome, path), printed)
        return Trial({"fault": fault}, printed)


def _run(words: list[str], stream: Any) -> str | None:
    """Run the process to its end, end whatever it has started, and say what is wrong, if anything."""
    house = str(Path(tinygrad_lab.__file__).parent.parent)
    paths = [house, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-P", "-W", "ignore", "-m", f"{__package__}.running", *words]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment, start_new_session=True
    )
    try:
        return _ended(process.wait(CLOCK_SECONDS))
    except subprocess.TimeoutExpired:
        return TOO_LONG
    finally:
        with suppress(ProcessLookupError, PermissionError):  # nobody is left in it
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _ended(code: int) -> str | None:
    """Say what is wrong with how a process ended."""
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return TOO_LONG
    if code < 0:
        return f"the file ended its process by the signal {signal.Signals(-code).name}."
    return f"the file ended its process by itself, with the code {code}, before it was checked." if code else None


def _read(outcome: Path, path: Path) -> dict[str, Any]:
    """Read what the process wrote down."""
    try:
        found = json.loads(outcome.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"fault": f"{path.name} ended its process by itself, unchecked."}


def _beginning(output: bytes) -> str:
    """Return the first lines of what was printed."""
    text = output.decode("utf-8", errors="replace")
    lines = text[:SHOWN_CHARACTERS].splitlines()
    more = ["..."] if len(lines) > SHOWN_LINES or len(text) > SHOWN_CHARACTERS else []
    safe = ["".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in line) for line in lines[:SHOWN_LINES]]
    return "\n".join(safe + more)
