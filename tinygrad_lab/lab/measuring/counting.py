"""What one training step of each paper does, counted without a clock: a guard against slow changes.

A clock on a busy machine says little; the number of operations, of bytes asked for and of copies is
the same on every run.  What the steps do today stands in counts.json, by paper; a test counts again
and fails where a step does ``MARGIN`` more:

    python -m tinygrad_lab.lab.measuring.counting    # counts anew (make step-counts)

Counted is the step of the default variant at size ``small`` on the whole batch, after the first:
what is made once and kept is there by then.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

from tinygrad_lab import cores, files
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.measuring.allocations import counted
from tinygrad_lab.lab.measuring.steps import training_step
from tinygrad_lab.lab.sides import NumpySide
from tinygrad_lab.paper import Paper
from tinygrad_lab.trace.record import listening

KEPT = Path(__file__).with_name("counts.json")
MARGIN = 1.15
SLACK = {
    "operations": 2,
    "bytes": 2**16,
    "large": 2,
    "copies": 2,
}  # small steps: one more is no news
COPYING = {
    "array",
    "ascontiguousarray",
    "astype",
    "copy",
    "flatten",
}  # NumPy's, as functions and methods

Counts = dict[str, int]


class Tally:
    """Listens to the engine in a recorder's place, and counts operations forwards and backwards."""

    def __init__(self) -> None:
        self.operations = 0

    def forward(self, *_about: Any) -> None:
        self.operations += 1

    def backward(self, *_about: Any) -> None:
        self.operations += 1

    def contribution(self, *_about: Any) -> None:
        """Count nothing: it belongs to the operation whose backward is running."""


def counts(paper: Paper) -> Counts:
    """Return operations, bytes, large blocks and copies of one step."""
    with mock.patch.dict(os.environ, {cores.BOUND: "1"}):
        step = training_step(NumpySide(paper), paper, registry.configuration(paper, size="small"))
        step()
        tally = Tally()
        with listening(tally):
            step()
        with counted() as allocations:
            step()
        return {
            "operations": tally.operations,
            "bytes": allocations.bytes,
            "large": allocations.large,
            "copies": copies(step),
        }


def copies(run: Callable[[], object]) -> int:
    """Return how often a call asks NumPy for a copy by name."""
    found = 0

    def watch(_frame: FrameType, event: str, function: Any) -> None:
        nonlocal found
        found += event == "c_call" and _copies(function)

    with _profiled(watch):
        run()
    return found


def _copies(function: Any) -> bool:
    owner = type(getattr(function, "__self__", None))  # of a method
    module = getattr(function, "__module__", None) or owner.__module__
    return function.__name__ in COPYING and module.partition(".")[0] == "numpy"


@contextlib.contextmanager
def _profiled(watch: Callable[[FrameType, str, Any], None]) -> Iterator[None]:
    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(before)


def kept() -> dict[str, Counts]:
    """Return what the steps did when they were counted last."""
    found: dict[str, Counts] = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


def grown(now: Counts, before: Counts) -> list[str]:
    """Say what a step does more of than it may."""
    return [
        f"{name}: {now[name]:,}, it was {before[name]:,}"
        for name in before
        if now[name] > before[name] * MARGIN and now[name] > before[name] + SLACK[name]
    ]


def main() -> None:
    """Count every paper's step and write the file."""
    found = {slug: counts(paper) for slug, paper in registry.discover().items()}
    files.write(KEPT, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
