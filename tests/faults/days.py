"""An operator's bad day: five commands in every trouble; each does its work, or says in one line why not.

What it leaves is whole, what belongs to others untouched; and when the trouble is over the same
command does its work in the same place.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from itertools import count, cycle, product
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from unittest import mock

from tests.faults.part import REFUSED, RIGHT, Outcome
from tests.faults.troubles import ENVIRONMENTS, LASTING, MINE, PASSING, Trouble
from tests.lab.command import Result, run
from tinygrad_lab import checkpoint
from tinygrad_lab.lab import parity_report
from tinygrad_lab.lab.site.build import Site
from tinygrad_lab.lab.training import CHECKPOINT

ROOT = Path(__file__).parent.parent.parent
LIMIT = 180  # seconds; what has not ended then hangs
FRESH = "from tests.faults import days; days.fresh()"
PAGES = [f"part-{number % 3}/page-{number}.html" for number in range(20)]
LINE = "a line of a page\n"
SHORT = ["--size", "tiny", "--dataset", "digits", "--batch-size", "256", "--epochs", "1"]

LOADED = ("torch", "matplotlib.figure", "sklearn.datasets")  # once, and not in every fork


@dataclass(frozen=True)
class Command:
    """A command, and what it makes.

    Attributes:
        words: the command, but for where it writes.
        option: of that place.
        output: the place, in a folder of its own.
        check: raises where what is there is not whole; all of it, or what there is of it.
    """

    words: tuple[str, ...]
    option: str
    output: str
    check: Callable[[Path], None]

    def line(self, folder: Path) -> list[str]:
        begun = (folder / self.output / CHECKPOINT).exists()
        words = [*self.words[:2], "--resume"] if begun else self.words
        return [*words, self.option, str(folder / self.output)]


def a_run(folder: Path) -> None:
    for path in folder.glob(CHECKPOINT):
        checkpoint.load(path)


def results(folder: Path) -> None:
    for path in folder.glob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    for path in folder.glob("*.png"):
        assert path.read_bytes().endswith(b"IEND\xaeB`\x82"), path.name


def a_page(path: Path) -> None:
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>"), path.name


def a_site(folder: Path) -> None:
    for path in folder.rglob("part-*/*.html"):
        assert path.read_text(encoding="utf-8") == LINE, path.name


def a_report(path: Path) -> None:
    json.loads(path.read_text(encoding="utf-8"))


COMMANDS = {
    "train": Command(("train", "dropout", *SHORT), "--out", "out", a_run),
    "claims": Command(("claims", "dropout", "--quick", "--seeds", "1"), "--out", "out", results),
    "step --html": Command(("step", "w*x + b", "w=2", "x=3", "b=1"), "--html", "page.html", a_page),
    "read": Command(("read",), "--out", "out", a_site),
    "parity --json": Command(
        ("parity", "lenet", "--variant", "modern", "--dtype", "float32", "--steps", "1"), "--json", "report.json",
        a_report,
    ),
}  # fmt: skip


# ---- running them ------------------------------------------------------------------------------


def write(site: Site) -> None:
    """A site that needs no computing."""
    for name in PAGES:
        site.file(name, LINE)


def light_site(words: list[str]) -> ExitStack:
    """A context in which ``read`` builds that one."""
    stack = ExitStack()
    if words[0] == "read":
        stack.enter_context(mock.patch.object(Site, "write", write))
        stack.enter_context(mock.patch.object(parity_report, "run", return_value=[]))
    return stack


def in_a_fork(words: list[str], trouble: Callable[[], None]) -> Result | None:
    """What a command says in a trouble; None if it does not end."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        os.close(out)
        _say(into, words, trouble)
    os.close(into)
    said, end = b"", time.monotonic() + LIMIT
    while select.select([out], [], [], max(0, end - time.monotonic()))[0]:
        piece = os.read(out, 1 << 16)
        if not piece:
            break
        said += piece
    else:
        os.kill(child, signal.SIGKILL)
    os.close(out)
    os.waitpid(child, 0)
    return Result(*json.loads(said)) if said else None


def _say(into: int, words: list[str], trouble: Callable[[], None]) -> None:
    try:
        with light_site(words):
            trouble()
            result = run(*words)
        os.write(into, json.dumps([result.code, "", result.err[-4000:]]).encode())
    finally:
        os._exit(0)


def fresh() -> None:
    """The command of a new process."""
    from tinygrad_lab.__main__ import main

    with light_site(sys.argv[1:]):
        main()


def anew(words: list[str], environment: dict[str, str | None]) -> Result | None:
    """What a command says that has been started in another environment; None if it does not end."""
    changed = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    env = {name: value for name, value in changed.items() if value is not None}
    call = [sys.executable, "-c", FRESH, *words]
    try:
        done = subprocess.run(call, cwd=ROOT, env=env, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return None
    return Result(done.returncode, done.stdout, done.stderr)


# ---- what became of them -----------------------------------------------------------------------


def kind(result: Result | None) -> str:
    """Of what a command said: RIGHT, REFUSED, or neither."""
    if result is None:
        return "no end"
    if "Traceback" in result.err:
        return "traceback"
    if result.code == 0:
        return RIGHT
    lines = result.err.splitlines()
    said = [line for line in lines if line.startswith("tinygrad-lab: ")]
    clear = len(said) == 1 and said[0] == lines[-1] and "TINYGRAD_LAB_DEBUG" not in said[0]
    return REFUSED if clear and result.code in (1, 2) else "unclear"


def left(command: Command, folder: Path, done: bool) -> str:
    """What is wrong with what a command has left."""
    place = folder / command.output
    if done and not os.path.lexists(place):
        return "nothing there"
    try:
        if place.exists() and not place.is_fifo():
            command.check(place)
    except (AssertionError, ValueError, OSError) as error:
        return f"torn: {error}"
    return ""


def passing(command: Command, folder: Path, trouble: Trouble, draw: Random) -> tuple[str, Result | None]:
    """How a command ends in a trouble, or after it, if that is not well."""
    output = folder / command.output
    result = in_a_fork(command.line(folder), lambda: trouble(folder, output, draw))
    folder.chmod(0o755)
    found = kind(result)
    if found not in (RIGHT, REFUSED):
        return found, result
    if wrong := left(command, folder, found == RIGHT):
        return wrong, result
    again = in_a_fork(command.line(folder), lambda: None)
    wrong = left(command, folder, True)
    return (found, result) if kind(again) == RIGHT and not wrong else (f"afterwards {wrong or 'refused'}", again)


def lasting(command: Command, folder: Path, trouble: Trouble, draw: Random) -> tuple[str, Result | None]:
    """How a command ends whose place is none."""
    output = folder / command.output
    trouble(folder, output, draw)
    before = others(folder)
    result = in_a_fork(command.line(folder), lambda: None)
    return kind(result) if others(folder) == before else "not left alone", result


def others(folder: Path) -> list[str]:
    """The files that are not ours."""
    return [path.name for path in folder.rglob("*") if path.is_file() and path.read_bytes() == MINE.encode()]


def inherited(command: Command, folder: Path, environment: dict[str, str | None]) -> tuple[str, Result | None]:
    """How a command ends that is started without what it is used to."""
    result = anew(command.line(folder), environment)
    found = kind(result)
    return (left(command, folder, found == RIGHT) or found), result


def tries(draw: Random) -> Iterator[Outcome]:
    """Each command in each trouble, in any order, and again."""
    pairs = [*product(COMMANDS, [*ENVIRONMENTS, *PASSING, *LASTING])]
    draw.shuffle(pairs)
    for name in LOADED:
        import_module(name)
    with TemporaryDirectory() as place:
        for number, (name, trouble) in zip(count(), cycle(pairs)):
            folder = Path(place) / str(number)
            folder.mkdir()
            yield tried(COMMANDS[name], trouble, folder, draw, name)


def tried(command: Command, trouble: str, folder: Path, draw: Random, name: str) -> Outcome:
    """How a command ended in the trouble of that name."""
    if trouble in ENVIRONMENTS:
        found, result = inherited(command, folder, ENVIRONMENTS[trouble])
    elif trouble in PASSING:
        found, result = passing(command, folder, PASSING[trouble], draw)
    else:
        found, result = lasting(command, folder, LASTING[trouble], draw)
    said = f"{result.code} {result.err[-600:]}" if result else ""
    return Outcome(found, f"{name}, {trouble}: {said}")
