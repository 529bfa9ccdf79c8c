"""A copy of the tree in which one mutant at a time stands, with the child that runs its tests."""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.areas import Area
from tests.mutants.child import FAILED_IMPORT, SETTINGS, Chooser, started
from tests.mutants.functions import function_of
from tests.mutants.mutant import Mutant
from tests.mutants.plan import Record, plan
from tests.mutants.record import Recorder

NOTHING_FAILED = (0, 5)  # pytest's exit codes: all passed, no test at all
FAILED = (1, 2)  # a test, an import of tests; 3 and 4 are pytest's own errors and those in how it was called


@dataclass(frozen=True)
class Verdict:
    """What the tests said to a mutant; ``test`` is the one that caught it, or hung.

    ``first`` is what they said when it was first tried, in the run with that ``seed``: before it had a test of its own.
    """

    mutant: str
    area: str
    verdict: str  # caught | survived | timed out
    test: str
    seconds: float
    first: str = ""  # not known of the oldest
    seed: int | None = None


class Slot:
    """Runs children one after the other in a tree of its own."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree.resolve()
        self._note = tree.parent / f"{tree.name}.note"
        self._output = tree.parent / f"{tree.name}.txt"
        self._process = 0
        self._job: tuple[Area, Mutant, bytes] | None = None
        self._start = 0.0

    @property
    def busy(self) -> bool:
        return bool(self._process)

    def record(self, area: Area, path: Path) -> None:
        """Run an area's tests without a mutant, and write what they call.

        Raises:
            RuntimeError: a test fails.
        """
        arguments = _arguments(area, area.test_files(self.tree))
        os.environ["HYPOTHESIS_PROFILE"] = "dev"  # a third of the examples, which call the same functions
        self._process = started(self.tree, arguments, Recorder(self.tree, path), self._output)
        os.environ.update(SETTINGS)
        try:
            failed = os.waitpid(self._process, 0)[1]
        finally:
            self.stop()
        if failed:
            raise RuntimeError(f"{area.name}: its tests fail without a mutant\n{self._output.read_text()}")

    def plant(self, area: Area, mutant: Mutant, record: Record) -> None:
        """Write a mutant into the tree and start its tests."""
        path = self.tree / mutant.file
        source = path.read_bytes()
        chosen = plan(record, area.test_files(self.tree), mutant.file, function_of(source, mutant.line))
        path.write_bytes(mutant.applied(source))
        self._note.write_text("its import", encoding="utf-8")
        self._job, self._start = (area, mutant, source), time.perf_counter()
        arguments = _arguments(area, chosen.files)
        self._process = started(self.tree, arguments, Chooser(chosen, self._note), self._output)

    def verdict(self) -> Verdict | None:
        """What the tests said, once they have ended; the tree is then as it was.

        Raises:
            RuntimeError: pytest itself failed, which says nothing of the mutant.
        """
        process, status = os.waitpid(self._process, os.WNOHANG)
        if not process or self._job is None:
            return None
        area, mutant, _ = self._job
        self.stop()
        note = self._note.read_text(encoding="utf-8")
        said = _said(status, note)
        if not said:
            raise RuntimeError(f"{mutant.name}: pytest ended with {os.WEXITSTATUS(status)}\n{self._output.read_text()}")
        seconds = round(time.perf_counter() - self._start, 1)
        return Verdict(mutant.name, area.name, said, "" if said == "survived" else note, seconds)

    def stop(self) -> None:
        """End the tests and what they started, and take the mutant out."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._process, 0)
        if self._job:
            (self.tree / self._job[1].file).write_bytes(self._job[2])
        self._process, self._job = 0, None


def _arguments(area: Area, files: list[str]) -> list[str]:
    return [*files, *(("-k", area.only) if area.only else ())]


def _said(status: int, note: str) -> str:
    """The verdict that a child's end stands for; none where pytest failed and no import did."""
    if os.WIFSIGNALED(status):
        return "timed out" if os.WTERMSIG(status) == signal.SIGALRM else "caught"
    code = os.WEXITSTATUS(status)
    if code in NOTHING_FAILED:
        return "survived"
    return "caught" if code in FAILED or note.startswith(FAILED_IMPORT) else ""
