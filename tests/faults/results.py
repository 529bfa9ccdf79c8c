"""Results of a study that have been damaged: drawn all the same, or refused in one line."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.faults.expressions import is_one_line
from tests.faults.files import damaged, exchanged
from tests.faults.part import REFUSED, RIGHT, Outcome
from tests.lab.command import Result, run

SLUG = "dropout"


def redrawn(folder: Path) -> Result:
    """What ``claims --redraw`` says."""
    return run("claims", SLUG, "--quick", "--redraw", "--out", str(folder))


def tries(draw: Random) -> Iterator[Outcome]:
    """One file damaged, and another."""
    with TemporaryDirectory() as place:
        folder = Path(place) / "whole"
        assert run("claims", SLUG, "--quick", "--seeds", "1", "--out", str(folder)).code == 0
        while True:
            path = draw.choice(sorted(folder.glob("*.json")))
            content = damaged(path.name, path.read_bytes(), draw)
            with exchanged(path, content):
                result = redrawn(folder)
            kind = RIGHT if result.code == 0 else REFUSED if is_one_line(result) else "unclear"
            yield Outcome(kind, f"{path.name}: {result.code} {result.err[-600:]}")
