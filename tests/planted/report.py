"""The table of planted bugs and of what caught them, in docs/reliability.md."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.planted.running import Result

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "reliability.md"
BEGIN, END = "<!-- planted -->", "<!-- /planted -->"
HEAD = ["| bug | file | what is wrong then | caught by |", "| --- | --- | --- | --- |"]


def section(results: Sequence[Result]) -> str:
    """The results in words and as a table, with the commit they belong to."""
    caught = sum(result.caught for result in results)
    shared = sum(result.bug.on_both_sides for result in results)
    minutes = sum(result.seconds for result in results) / 60
    total = (
        f"{caught} of {len(results)} caught, at commit {_commit()}; {shared} stand on both sides, where "
        f"parity cannot see them. The tests ran for {minutes:.0f} minutes in all, two bugs at a time."
    )
    return "\n".join([total, "", *HEAD, *map(_row, results)])


def write(path: Path, text: str) -> None:
    """Put a text between the markers of a document.

    Raises:
        ValueError: the document has not both markers.
    """
    document = path.read_text(encoding="utf-8")
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path}: the markers {BEGIN} and {END} are not both there")
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=DOCUMENT.parent, check=True, capture_output=True, text=True).stdout.strip()


def _row(result: Result) -> str:
    bug = result.bug
    caught = f"`{result.caught_by}`" if result.caught else f"not caught: {result.remark}"
    cells = [bug.id, ", ".join(f"`{name}`" for name, _, _ in bug.changes), bug.what, caught]
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
