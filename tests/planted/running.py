"""Running tests in a copy of the tree, where a bug may stand."""

import os
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.planted.bug import Bug, planted

LIMIT = 300  # seconds for the tests of one bug: what hangs is no answer
PYTEST = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=no", "-o", "junit_family=xunit1")
PASSED, FAILED, INTERRUPTED = 0, 1, 2  # exit codes of pytest; interrupted by a file that cannot be imported


@dataclass(frozen=True)
class Result:
    """What the tests said to a bug.

    Attributes:
        caught_by: the test that failed first, and passes without the bug.
        remark: why nothing caught it.
    """

    bug: Bug
    caught_by: str
    remark: str
    seconds: float

    @property
    def caught(self) -> bool:
        return bool(self.caught_by)

    def __str__(self) -> str:
        return f"{self.seconds:6.1f} s  {self.bug.id}: {self.caught_by or f'NOT CAUGHT, {self.remark}'}"


def copy_tree(root: Path, tree: Path) -> Path:
    """Copy what git knows of, and what it would not ignore, from ``root`` to ``tree``; returns ``tree``."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=root, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (root / name).is_file():  # one that has been deleted is listed until the next commit
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, tree / name)
    return tree


def check_imports(tree: Path) -> None:
    """Make sure that Python imports the copy, whatever is installed.

    Raises:
        RuntimeError: it imports another tree.
    """
    code = "import papers, reference, tinygrad_lab as t; print(papers.__file__, reference.__file__, t.__file__)"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=tree, env=_environment(tree), check=True, capture_output=True, text=True)
    if strangers := [path for path in found.stdout.split() if not Path(path).is_relative_to(tree.resolve())]:
        raise RuntimeError(f"the copy {tree} is not what is imported, but {', '.join(strangers)}")


def try_bug(bug: Bug, tree: Path) -> Result:
    """Plant a bug, run its area's tests up to the first failure, and run that test once more without the bug."""
    start = time.perf_counter()
    only = ("-k", bug.only) if bug.only else ()
    with planted(bug, tree):
        code, test = _run(tree, [*bug.tests, *only])
    seconds = time.perf_counter() - start
    if code == PASSED:
        return Result(bug, "", "all tests pass", seconds)
    if code not in (FAILED, INTERRUPTED) or not test:
        return Result(bug, "", f"pytest gave no answer (exit code {code})", seconds)
    if _run(tree, [test])[0] != PASSED:
        return Result(bug, "", f"{test} fails without the bug too", seconds)
    return Result(bug, test, "", seconds)


def _run(tree: Path, arguments: Sequence[str]) -> tuple[int | None, str]:
    """Run pytest in ``tree``; returns its exit code, None for a run that was cut off, and the failed test."""
    report = tree.with_suffix(".xml")
    report.unlink(missing_ok=True)
    command = [sys.executable, *PYTEST, f"--junitxml={report}", *arguments]
    process = subprocess.Popen(
        command, cwd=tree, env=_environment(tree), start_new_session=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        return process.wait(LIMIT), _failed(report)
    except subprocess.TimeoutExpired:
        return None, ""
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # the tests' own processes too
            process.wait()


def _failed(report: Path) -> str:
    """The first failed test in pytest's report, as pytest is given it; of a file without tests the file."""
    if not report.exists():
        return ""
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            return _node(case)
    return ""


def _node(case: ElementTree.Element) -> str:
    if "file" not in case.attrib:  # it could not be imported: the name is the file's, with dots
        return case.get("name", "").replace(".", "/") + ".py"
    file = case.get("file", "")
    inside = case.get("classname", "").removeprefix(file.removesuffix(".py").replace("/", ".")).strip(".")
    return "::".join(filter(None, [file, inside, case.get("name", "")]))


def _environment(tree: Path) -> dict[str, str]:
    """The copy's own packages, one thread, the same draws each time; no compiled files, which are told
    apart by size and second: too coarse for changes like these."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    own = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_PROFILE": "ci"}
    return {**os.environ, **threads, **own}
