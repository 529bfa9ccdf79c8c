"""What the commands print: tables and JSON on stdout, progress on stderr."""

import contextlib
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tinygrad_lab import files
from tinygrad_lab.lab.errors import UsageError

REPORTS: dict[str, tuple[set[str], ...]] = {  # keys by which the JSON of a command is known
    "papers": ({"slug", "family", "variants"},),
    "parity": ({"paper", "check", "dtype", "max_rel", "passed"},),
    "bench": ({"paper", "numpy_ms", "torch_ms", "ratio"}, {"paper", "operation", "share"}, {"peer", "model", "ratio"}),
    "train": ({"side", "steps", "checkpoint", "history"},),
    "generate": ({"prompt", "text"},),
    "embed": ({"sentences", "vectors", "similarities"},),
    "claims": ({"statement", "verdict", "numpy", "torch"},),
    "step": ({"version", "steps", "tensors", "operations"},),
    "exercise": ({"exercise", "title", "status"},),
    "list": ({"name", "what", "licence", "checksum"},),
}
PIPED_WIDTH = 160  # columns where there is no terminal to ask

NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}  # JSON has no such numbers: these words


class Plain(Console):
    """A console to which brackets and colons are text, and which leaves it to the program how it ends."""

    def __init__(self, **about: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **about)

    def on_broken_pipe(self) -> NoReturn:
        """Let the program end as one that nobody reads any more."""
        raise BrokenPipeError


stdout = Plain(soft_wrap=True, width=None if sys.stdout.isatty() else PIPED_WIDTH)
stderr = Plain(stderr=True)
_reports: list[TextIO] = []  # where JSON goes while other output is kept away from it


def progress() -> Progress:
    """A progress bar on stderr that disappears when it is done; shows nothing where stderr is not a terminal."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=stderr,
        disable=not stderr.is_terminal,
        transient=True,
    )


def ticking(losses: Iterable[float], bar: Progress, title: str, steps: int, done: int = 0) -> Iterator[float]:
    """Yield the same losses; each is a tick of the progress bar, and shown beside it.

    Args:
        title: of the bar's task.
        steps: in all, of which ``done`` have been made before.
    """
    task = bar.add_task(title, total=steps, completed=done)
    for loss in losses:
        bar.update(task, advance=1, description=f"{title} loss {loss:.4f}")
        yield loss


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = (), prose: bool = False
) -> None:
    """Print a table; the columns named in ``right`` are aligned to the right, cells of ``prose`` are wrapped."""
    table = Table(title=title, title_justify="left", title_style="bold", show_lines=prose)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=not prose)
    for row in rows:
        table.add_row(*map(Text, row))  # brackets are text
    stdout.print(table)


@contextlib.contextmanager
def json_alone() -> Iterator[None]:
    """Keep stdout for the JSON while the block lasts: whatever else is printed goes to stderr."""
    _reports.append(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _reports.pop()


def finite(value: Any) -> Any:
    """Return the same plain data, with words in place of numbers that JSON has not got."""
    if isinstance(value, float) and not math.isfinite(value):
        return NOT_FINITE[str(float(value))]
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value


def write_json(value: Any, target: str) -> None:
    """Write JSON to a file, whole or not at all, or to stdout for ``-``.

    Raises:
        UsageError: the file cannot be written.
    """
    text = json.dumps(finite(value), indent=2, allow_nan=False)
    if target == "-":
        (_reports[-1] if _reports else sys.stdout).write(text + "\n")
        return
    try:
        files.write(target, text + "\n")
    except OSError as error:
        raise UsageError(f"--json: cannot write {target}: {error.strerror}") from error


def try_json(command: str, target: str) -> None:
    """Find out, before the work, whether a command's JSON can be written; only what the same command wrote is replaced.

    Raises:
        UsageError: another file is there, or none can be written there.
    """
    if target == "-":
        return
    path = Path(target)
    try:
        if path.is_file() and not _wrote(command, path):
            raise UsageError(f"--json: {target} is there already and was not written by {command}: choose another name")
        files.try_out(path)
    except OSError as error:
        raise UsageError(f"--json: cannot write {target}: {error.strerror}") from error


def _wrote(command: str, path: Path) -> bool:
    """Whether a file is a report of the command: one record with its keys, or a list that begins with one."""
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    record = value[0] if isinstance(value, list) and value else value
    return record == [] or (isinstance(record, dict) and any(keys <= record.keys() for keys in REPORTS[command]))
