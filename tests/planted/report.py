"""The table of planted bugs and of what caught them, in docs/reliability.md.

A row stays as it is until its bug is tried again: whoever adds one bug need not try the others.
"""

from collections.abc import Sequence
from pathlib import Path

from tests import sections
from tests.planted.bug import Bug
from tests.planted.running import Result

DOCUMENT = sections.RELIABILITY
NAME = "planted"
BEGIN, END = sections.markers(NAME)
HEAD = ["| bug | file | what is wrong then | caught by |", "| --- | --- | --- | --- |"]


def update(path: Path, bugs: Sequence[Bug], results: Sequence[Result]) -> None:
    """Put results into the table between the markers of a document, in the order of ``bugs``.

    Rows of bugs that are not among these go; bugs that were never tried have none.

    Raises:
        ValueError: the document has not both markers.
    """

    def section(old: str) -> str:
        tried = rows(old) | {result.bug.id: row(result) for result in results}
        table = [*HEAD, *(tried[bug.id] for bug in bugs if bug.id in tried)]
        return "\n".join([*_words(bugs, tried), "", *table])

    sections.rewrite(path, NAME, section)


def rows(section: str) -> dict[str, str]:
    """The rows of a table by bug."""
    return sections.rows(section, HEAD)


def is_caught(line: str) -> bool:
    """Whether a row names a test."""
    return line.split(" | ")[-1].startswith("`tests/")


def row(result: Result) -> str:
    """A bug, where it was planted, and what caught it."""
    bug = result.bug
    caught = f"`{result.caught_by}`" if result.caught else f"not caught: {result.remark}"
    cells = [bug.id, ", ".join(f"`{name}`" for name, _, _ in bug.changes), bug.what, caught]
    return sections.row(cells)


def _words(bugs: Sequence[Bug], tried: dict[str, str]) -> list[str]:
    known = [bug for bug in bugs if bug.id in tried]
    caught = sum(is_caught(tried[bug.id]) for bug in known)
    shared = sum(bug.on_both_sides for bug in known)
    return [
        f"{caught} of {len(known)} are caught. {shared} of them stand in `papers/` and in",
        "`reference/` alike, where parity cannot see them.",
    ]
