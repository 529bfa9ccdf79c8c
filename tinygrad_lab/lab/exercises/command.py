"""What ``tinygrad-lab exercise`` does: list, begin, check, hint, show the solution."""

import dataclasses
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tinygrad_lab import files
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.exercises import record, trial
from tinygrad_lab.lab.exercises.catalogue import EXERCISES, find
from tinygrad_lab.lab.exercises.exercise import Exercise
from tinygrad_lab.lab.exercises.judging import Verdict, judge
from tinygrad_lab.lab.exercises.witnesses import has_torch
from tinygrad_lab.lab.report import report
from tinygrad_lab.ops.operation import OPERATIONS

COMMAND = "tinygrad-lab exercise"
LARGEST_FILE = 2**20


@dataclass(frozen=True)
class Wish:
    """What the command was asked for: at most one of these, with the name of an exercise."""

    check: bool = False
    hint: bool = False
    solution: bool = False

    def __post_init__(self) -> None:
        if self.check + self.hint + self.solution > 1:
            raise UsageError("exercise: --check, --hint and --solution exclude each other")


def run(name: str | None, file: Path | None, wish: Wish, json_file: str | None) -> bool:
    """Do what was asked for, and tell whether all is well.

    Raises:
        UsageError: there is no such exercise or file; options that do not go together.
    """
    here = Path()
    if name is None:
        if wish != Wish():
            raise UsageError(f"exercise: it needs a name with that; {COMMAND} lists them")
        entries = listing(here)
        report(entries, json_file, lambda: print_listing(entries))
        return True
    exercise = find(name)
    if file and not wish.check:
        raise UsageError("exercise: a file is for --check only")
    if wish.check:
        verdict = check(exercise, file or Path(f"{name}.py"))
        report(as_json(exercise, verdict), json_file, lambda: print_verdict(exercise, verdict))
        return verdict.solved
    if json_file:
        raise UsageError("exercise: --json is for the list and for --check")
    click.echo(hint(exercise, here) if wish.hint else solution(exercise) if wish.solution else begun(exercise, here))
    return True


# ---- the list ------------------------------------------------------------------------------------


def listing(folder: Path) -> list[dict[str, Any]]:
    """Return every exercise, and how far it is in this folder."""
    return [
        {"exercise": name, "title": exercise.title, "status": record.status(name, folder)}
        for name, exercise in EXERCISES.items()
    ]


def print_listing(rows: list[dict[str, Any]]) -> None:
    """Print one line for each exercise, and how to go on."""
    width = max(len(row["exercise"]) for row in rows)
    for number, row in enumerate(rows, 1):
        click.echo(f"{number:2}  {row['exercise']:{width}}  {row['status'] or '-':6}  {_about(row['title'])}")
    solved = sum(row["status"] == "solved" for row in rows)
    first = next((row["exercise"] for row in rows if row["status"] != "solved"), None)
    follow = f" Next: {COMMAND} {first}" if first else ""
    click.echo(f"\n{solved} of {len(rows)} solved in this folder.{follow}")


def _about(title: str) -> str:
    """Return the title without the name in front of it."""
    return title.partition(": ")[2]


# ---- one exercise --------------------------------------------------------------------------------


def begun(exercise: Exercise, folder: Path) -> str:
    """Write the student's file, and say so.

    Raises:
        UsageError: it is there already, or cannot be written.
    """
    path = folder / f"{exercise.name}.py"
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} is here already and is left alone: {COMMAND} {exercise.name} --check runs it")
    try:
        files.write(path, exercise.file())
    except OSError as error:
        raise UsageError(f"cannot write {path.name}: {error.strerror}") from error
    return f"{path}: {exercise.title}\nWrite backward in it, then: {COMMAND} {exercise.name} --check"


def check(exercise: Exercise, path: Path) -> Verdict:
    """Run a file and judge it; where it is right, note that down.

    Raises:
        UsageError: there is no such file.
    """
    if not path.is_file():
        hint = f": {COMMAND} {exercise.name} writes it" if path == Path(f"{exercise.name}.py") else ""
        raise UsageError(f"there is no file {path}{hint}")
    if path.stat().st_size > LARGEST_FILE:
        raise UsageError(f"{path} is too long for an answer: {path.stat().st_size:,} bytes")
    tried = trial.tried(exercise.name, path)
    if tried.printed:
        click.echo(f"{path.name} printed:\n{tried.printed}\n", err=True)
    verdict = judge(exercise, tried.outcome)
    if verdict.solved:
        record.solved(exercise.name, path)
    return verdict


def as_json(exercise: Exercise, verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as plain data."""
    status = "solved" if verdict.solved else "not solved"
    return {"exercise": exercise.name, "title": exercise.title, "status": status, **dataclasses.asdict(verdict)}


def print_verdict(exercise: Exercise, verdict: Verdict) -> None:
    """Print the sentences of a verdict."""
    click.echo("\n".join([f"{exercise.name}: {verdict.says[0]}", *verdict.says[1:]]))
    if verdict.solved and not has_torch():
        click.echo("(PyTorch is not installed here, and was not asked.)")


def hint(exercise: Exercise, folder: Path) -> str:
    """Return the next hint."""
    count = len(exercise.hints)
    number = record.next_hint(exercise.name, folder, count)
    last = f"\nThat was the last one; {COMMAND} {exercise.name} --solution shows the engine's own."
    return f"Hint {number + 1} of {count}: {exercise.hints[number]}{last if number == count - 1 else ''}"


def solution(exercise: Exercise) -> str:
    """Return the engine's own operation, and the same in the notation of the exercise."""
    body = inspect.unwrap(OPERATIONS[exercise.operation].body)
    place = Path(inspect.getsourcefile(body) or "").relative_to(Path(__file__).parents[3])
    own = f"# {place}: the engine's own\n{inspect.getsource(body)}"
    return f"{own}\n\n# The same in the notation of the exercise\n{exercise.source.rstrip()}"
