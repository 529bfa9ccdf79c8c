"""``train`` of every paper, killed again and again at any instant, ends as if it had never been.

Each victim is a fork of this process, as in ``kills``; on the engine it shares its steps with
workers, which must not outlive it.
"""

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from itertools import count, cycle
from pathlib import Path
from random import Random
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

from tests.engine.working import gone
from tests.faults.instants import differences
from tests.faults.kills import duration, remains, started
from tests.faults.part import RIGHT, Outcome
from tests.faults.short import SHORT, few_evaluated, options, workers_on
from tests.lab.command import Result, run
from tinygrad_lab import checkpoint
from tinygrad_lab.__main__ import _end_the_command
from tinygrad_lab.complaints import Terminated
from tinygrad_lab.lab.training import CHECKPOINT

LIMIT = 120  # seconds; what has not ended then hangs
MARK = "TINYGRAD_LAB_FAULT"  # names a victim to what it starts
UNCLEAR = 99  # exit code of a victim that did not say why it stopped
KEPT_BACK = {signal.SIGINT, signal.SIGTERM}
HOW = {  # signals, and the codes with which a victim of them may end
    "SIGKILL": ([signal.SIGKILL], {-signal.SIGKILL}),
    "SIGTERM": ([signal.SIGTERM], {143}),
    "Ctrl-C": ([signal.SIGINT], {130}),
    "Ctrl-C twice": ([signal.SIGINT, signal.SIGINT], {130}),
}
_numbers = count()


class Trainer:
    """A paper's run on a side, and what it ends with if nobody stops it."""

    def __init__(self, slug: str, side: str, folder: Path) -> None:
        self.folder = folder
        self.words = ["train", slug]
        self.options = ["--side", side, *options(slug)]
        assert self.go_on(folder / "whole").code == 0
        self.whole = content(folder / "whole")
        self.took = duration(partial(self.go_on, folder / "timed"))

    def go_on(self, folder: Path) -> Result:
        """Begin, or take up what is there."""
        begun = (folder / CHECKPOINT).exists()
        how = ["--resume"] if begun else self.options
        return run(*self.words, "--out", str(folder), *how)

    def killed(self, draw: Random) -> Iterator[Outcome]:
        """Kill a run up to three times, and let it end; an outcome for each kill that came in time."""
        folder = self.folder / "killed"
        ends: list[str] = []
        while not ends:
            rmtree(folder, ignore_errors=True)
            for _ in range(draw.randint(1, 3)):
                ends += self.kill(folder, draw)
        lost = self._lost(folder)
        yield from (Outcome(lost or end, f"{self.words[1:]} {ends}") for end in ends)

    def kill(self, folder: Path, draw: Random) -> list[str]:
        """How a victim ended; nothing if it was done already."""
        how = draw.choice([*HOW])
        mark = f"{MARK}={os.getpid()}-{next(_numbers)}"
        signal.pthread_sigmask(signal.SIG_BLOCK, KEPT_BACK)  # until the victim's command begins
        child = started(partial(self._victim, folder, mark))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, KEPT_BACK)
        time.sleep(draw.uniform(0, self.took))
        for number in HOW[how][0]:
            os.kill(child, number)
            time.sleep(draw.uniform(0, 0.02))
        code = ended(child)
        if not gone(marked(mark)):
            return [f"{how}: workers outlived it"]
        return [] if code == 0 else [RIGHT if code in HOW[how][1] else f"{how}: ended with {code}"]

    def _victim(self, folder: Path, mark: str) -> None:
        name, _, value = mark.partition("=")
        os.environ[name] = value
        try:
            _end_the_command()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, KEPT_BACK)
            result = self.go_on(folder)
            signal.pthread_sigmask(signal.SIG_BLOCK, KEPT_BACK)
            clear = result.code == 0 or "stopped" in result.err.splitlines()[-1]
            os._exit(result.code if clear else UNCLEAR)
        except KeyboardInterrupt:  # before the command began
            os._exit(130)
        except Terminated:
            os._exit(143)

    def _lost(self, folder: Path) -> str:
        """What is not as it would be if nobody had killed anything."""
        result = self.go_on(folder)
        if result.code:
            return f"refused: {result.err[-300:]}"
        differing = differences(self.whole, content(folder))
        return ", ".join([*differing, *remains(folder)])


def content(folder: Path) -> dict[str, Any]:
    """All that a run has left, but for the time it took."""
    tensors, about = checkpoint.load(folder / CHECKPOINT)
    (run_about,) = about.values()
    position = {**run_about["position"], "seconds": None}
    return {"tensors": tensors, "rest": {**run_about, "position": position}}


def ended(child: int) -> int | None:
    """How a process ended; None if it had to be killed, since it did not."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def marked(mark: str) -> list[int]:
    """The processes that a victim has started and that are still there."""
    found = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{mark}\0".encode() in place.read_bytes():
                found.append(int(place.parent.name))
        except OSError:  # somebody else's, or it has just ended
            continue
    return found


def tries(side: str, draw: Random) -> Iterator[Outcome]:
    """Every paper's run killed a few times, and again."""
    with TemporaryDirectory() as place, few_evaluated(), workers_on():
        trainers: dict[str, Trainer] = {}
        for slug in cycle(SHORT):
            if slug not in trainers:
                trainers[slug] = Trainer(slug, side, Path(place) / slug)
            yield from trainers[slug].killed(draw)
