"""A bug that can be planted: a few characters of a file, and the wrong ones in their place."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

AREAS = ("tensor", "ops", "nn", "optim", "checkpoint", "data", "papers", "trace", "lab")


@dataclass(frozen=True)
class Bug:
    """One mistake, and where a test should notice it.

    Attributes:
        id: its area, a hyphen, and its name.
        files: where it stands; more than one where a paper is wrong on both sides, so that parity cannot see it.
        right: the text as it stands in each of the files, exactly once.
        wrong: what is planted in its place.
        what: what is wrong then.
        tests: files of tests in its area.
        only: an expression of pytest's -k, where those files test much else.
        elsewhere: other files, wrong in the same way in words of their own: (file, right, wrong).
    """

    id: str
    files: tuple[str, ...]
    right: str
    wrong: str
    what: str
    tests: tuple[str, ...]
    only: str = ""
    elsewhere: tuple[tuple[str, str, str], ...] = ()

    @property
    def area(self) -> str:
        return self.id.partition("-")[0]

    @property
    def on_both_sides(self) -> bool:
        """Whether the engine's paper and PyTorch's are wrong in the same way."""
        return {"papers", "reference"} <= {name.partition("/")[0] for name, _, _ in self.changes}

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        """Every file with what stands there and what is planted in its place."""
        return [*((name, self.right, self.wrong) for name in self.files), *self.elsewhere]

    def misplaced(self, root: Path) -> list[str]:
        """Say for each file in which the text does not stand exactly once how often it stands there."""
        found = [(right, name, _text(root / name).count(right)) for name, right, _ in self.changes]
        return [f"{self.id}: {right!r} stands {n} times in {name}" for right, name, n in found if n != 1]


def on_both_sides(file: str) -> tuple[str, str]:
    """A file of a paper, as the engine and as PyTorch has it."""
    return f"papers/{file}", f"reference/{file}"


@contextmanager
def planted(bug: Bug, root: Path) -> Iterator[None]:
    """Plant the bug in the tree below ``root``, and take it out again after the block."""
    texts = {root / name: _text(root / name) for name, _, _ in bug.changes}
    try:
        for name, right, wrong in bug.changes:
            (root / name).write_text(texts[root / name].replace(right, wrong), encoding="utf-8")
        yield
    finally:
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
