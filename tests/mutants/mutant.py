"""A mutant: one place of one file, and what stands there instead."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """Other bytes for those of a source from ``start`` to ``end``; ``operator`` is the kind of change."""

    start: int
    end: int
    text: bytes
    operator: str


@dataclass(frozen=True)
class Mutant:
    """A change of a file, named by what its line says before and after, which stays when lines move.

    Attributes:
        file: the file's path in the tree.
        line: the number of the first changed line.
        before: that line without its indentation.
        after: the changed line.
        time: 1, and more where the same line is changed in the same way further down the file.
    """

    file: str
    line: int
    before: str
    after: str
    time: int
    change: Change

    @property
    def name(self) -> str:
        again = f" ({self.time})" if self.time > 1 else ""
        return f"{self.file}{again}: {self.before} -> {self.after}"

    def applied(self, source: bytes) -> bytes:
        return source[: self.change.start] + self.change.text + source[self.change.end :]


def mutants_of(file: str, source: bytes, changes: list[Change]) -> list[Mutant]:
    """The changes of a file with their names."""
    times: dict[tuple[str, str], int] = {}
    found = []
    for change in sorted(set(changes), key=lambda change: (change.start, change.end, change.text)):
        before, after = _lines(source, change)
        times[before, after] = times.get((before, after), 0) + 1
        line = source.count(b"\n", 0, change.start) + 1
        found.append(Mutant(file, line, before, after, times[before, after], change))
    return found


def _lines(source: bytes, change: Change) -> tuple[str, str]:
    """The first changed line, before and after; of a change over several lines, the new text's first line."""
    start = source.rfind(b"\n", 0, change.start) + 1
    old_end = source.find(b"\n", change.start)
    end = source.find(b"\n", change.end)
    before = source[start:old_end]
    after = source[start : change.start] + change.text + source[change.end : end]
    return before.decode().strip(), after.decode().strip().partition("\n")[0]
