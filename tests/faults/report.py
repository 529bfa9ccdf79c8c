"""The table of bad days and of how they ended, in docs/reliability.md."""

from collections.abc import Sequence
from pathlib import Path

from tests import sections
from tests.faults.part import Part, Tally

NAME = "faults"
HEAD = [
    "| part | what was done | tries | right | taken with other content | one clear error "
    "| anything else | seconds | again |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
]
COUNTS = slice(2, 7)  # of a row's cells


def update(path: Path, parts: Sequence[Part], rows: dict[str, str]) -> None:
    """Put rows into the table between the markers of a document; parts that are no longer go.

    Raises:
        ValueError: the document has not both markers.
    """

    def section(old: str) -> str:
        known = sections.rows(old, HEAD) | rows
        lines = [known[part.name] for part in parts if part.name in known]
        return "\n".join([_words(lines), "", *HEAD, *lines])

    sections.rewrite(path, NAME, section)


def row(part: Part, found: Tally, again: str) -> str:
    """A part, how its tries ended, and the command that makes them again."""
    counts = [f"{n:,}" for n in _counts(found)]
    return sections.row([part.name, part.what, *counts, f"{found.seconds:.0f}", f"`{again}`"])


def _counts(found: Tally) -> tuple[int, ...]:
    return found.tried, found.right, found.other, found.refused, found.bad


def counts(line: str) -> list[int]:
    """Tries, right, other content, refused and anything else of a row."""
    return [int(cell.replace(",", "")) for cell in line.strip("| ").split(" | ")[COUNTS]]


def _words(lines: Sequence[str]) -> str:
    tried, right, other, refused, bad = map(sum, zip(*map(counts, lines), strict=True))
    return (
        f"{tried:,} tries: {right:,} went right all the same, {other:,} were taken with other content\n"
        f"where no checksum guards it, {refused:,} were refused by one clear error, {bad:,} ended in any\n"
        f"other way."
    )
