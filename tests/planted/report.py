"""The table of planted bugs and of what caught them, in docs/reliability.md.

A row stays as it is until its bug is tried again: whoever adds one bug need not try the others.
"""

from collections.abc import Sequence
from pathlib import Path

from tests.planted.bug import Bug
from tests.planted.running import Result

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "reliability.md"
BEGIN, END = "<!-- planted -->", "<!-- /planted -->"
HEAD = ["| bug | file | what is wrong then | caught by |", "| --- | --- | --- | --- |"]


def update(path: Path, bugs: Sequence[Bug], results: Sequence[Result]) -> None:
    """Put results into the table between the markers of a document, in the order of ``bugs``.

    Rows of bugs that are not among these go; bugs that were never tried have none.

    Raises:
        ValueError: the document has not both markers.
    """
    document = path.read_text(encoding="utf-8")
    before, begin, rest = document.partition(BEGIN)
    section, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path}: the markers {BEGIN} and {END} are not both there")
    tried = rows(section) | {result.bug.id: row(result) for result in results}
    table = [*HEAD, *(tried[bug.id] for bug in bugs if bug.id in tried)]
    text = "\n".join([*_words(bugs, tried), "", *table])
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def rows(section: str) -> dict[str, str]:
    """The rows of a table by bug."""
    lines = [line for line in section.splitlines() if line.startswith("| ") and line not in HEAD]
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines}


def is_caught(line: str) -> bool:
    """Whether a row names a test."""
    return line.split(" | ")[-1].startswith("`tests/")


def row(result: Result) -> str:
    """A bug, where it was planted, and what caught it."""
    bug = result.bug
    caught = f"`{result.caught_by}`" if result.caught else f"not caught: {result.remark}"
    cells = [bug.id, ", ".join(f"`{name}`" for name, _, _ in bug.changes), bug.what, caught]
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _words(bugs: Sequence[Bug], tried: dict[str, str]) -> list[str]:
    known = [bug for bug in bugs if bug.id in tried]
    caught = sum(is_caught(tried[bug.id]) for bug in known)
    shared = sum(bug.on_both_sides for bug in known)
    return [
        f"{caught} of {len(known)} are caught. {shared} of them stand in `papers/` and in",
        "`reference/` alike, where parity cannot see them.",
    ]
