"""Tables that a command keeps in a document, between two markers and a row at a time.

A row stays as it is until what it tells of is tried again.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

RELIABILITY = Path(__file__).parent.parent / "docs" / "reliability.md"


def markers(name: str) -> tuple[str, str]:
    """What stands before a section, and what behind it."""
    return f"<!-- {name} -->", f"<!-- /{name} -->"


def rewrite(path: Path, name: str, section: Callable[[str], str]) -> None:
    """Replace what stands between the markers of that name by what ``section`` makes of it.

    Raises:
        ValueError: the document has not both markers.
    """
    begin, end = markers(name)
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    old, found_too, after = rest.partition(end)
    if not found or not found_too:
        raise ValueError(f"{path}: the markers {begin} and {end} are not both there")
    path.write_text(f"{before}{begin}\n{section(old)}\n{end}{after}", encoding="utf-8")


def rows(section: str, head: Sequence[str]) -> dict[str, str]:
    """The rows of a section's table, by their first cells."""
    lines = [line for line in section.splitlines() if line.startswith("| ") and line not in head]
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines}


def row(cells: Sequence[str]) -> str:
    """A row, whatever stands in its cells."""
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
