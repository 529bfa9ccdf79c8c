"""Results of a study that have been damaged: drawn as before, drawn otherwise, or refused in one line.

They are JSON without a checksum: a number that has become another one is drawn and judged as it is.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.faults.expressions import is_one_line
from tests.faults.files import damaged, exchanged
from tests.faults.part import OTHER, REFUSED, RIGHT, Outcome
from tests.lab.command import Result, run

SLUG = "dropout"


def redrawn(folder: Path) -> Result:
    """What ``claims --redraw`` says."""
    return run("claims", SLUG, "--quick", "--redraw", "--out", str(folder))


def drawn(folder: Path, result: Result) -> tuple[str, dict[str, bytes]]:
    """What a redrawing has shown: its verdicts, and every picture."""
    return result.out, {path.name: path.read_bytes() for path in folder.glob("*.png")}


def kind(folder: Path, whole: tuple[str, dict[str, bytes]]) -> tuple[str, Result]:
    """How a redrawing ends, beside what the undamaged results give; and what it said."""
    for path in folder.glob("*.png"):
        path.unlink()  # or one that was not drawn would be taken for one that was
    result = redrawn(folder)
    if result.code:
        return REFUSED if is_one_line(result) else "unclear", result
    return RIGHT if drawn(folder, result) == whole else OTHER, result


def tries(draw: Random) -> Iterator[Outcome]:
    """One file damaged, and another."""
    with TemporaryDirectory() as place:
        folder = Path(place) / "whole"
        assert run("claims", SLUG, "--quick", "--seeds", "1", "--out", str(folder)).code == 0
        whole = drawn(folder, redrawn(folder))
        while True:
            path = draw.choice(sorted(folder.glob("*.json")))
            content = damaged(path.name, path.read_bytes(), draw)
            with exchanged(path, content):
                end, result = kind(folder, whole)
            yield Outcome(end, f"{path.name}: {result.code} {result.err[-600:]}")
