"""One kind of bad day: what is tried, again and again, and how it ended.

There are three good ends: it went right all the same; something damaged that nothing guards, such
as a file without a checksum, was taken with other content; or it was refused by one clear error.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from random import Random
from typing import Any

RIGHT, OTHER, REFUSED = "right", "other content", "refused"
SHOWN = 5  # of the bad ends


@dataclass(frozen=True)
class Outcome:
    """How one try ended.

    Attributes:
        kind: RIGHT, OTHER, REFUSED, or in a word what was none of them.
        about: more on that.
    """

    kind: str
    about: str = ""

    @property
    def good(self) -> bool:
        return self.kind in (RIGHT, OTHER, REFUSED)


@dataclass(frozen=True)
class Part:
    """What is tried.

    Attributes:
        name: a word for the command line.
        what: words for the report.
        count: how many tries belong to a whole run of the command.
        seconds: what those take on one core that does nothing else.
        tries: makes them, one after the other, as a random draw has it.
    """

    name: str
    what: str
    count: int
    seconds: int
    tries: Callable[[Random], Iterator[Outcome]]


@dataclass
class Tally:
    """How all tries of a part ended."""

    name: str
    right: int = 0
    other: int = 0
    refused: int = 0
    bad: int = 0
    examples: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def tried(self) -> int:
        return self.right + self.other + self.refused + self.bad

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.right += outcome.kind == RIGHT
        self.other += outcome.kind == OTHER
        self.refused += outcome.kind == REFUSED
        self.bad += not outcome.good
        if not outcome.good and len(self.examples) < SHOWN:
            self.examples.append(f"{outcome.kind}: {outcome.about}")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def tally(name: str, tries: Iterator[Outcome], count: int, limit: float) -> Tally:
    """Try so often, or until the time is over; what the tries keep open is closed then."""
    found, begin = Tally(name), time.monotonic()
    try:
        for outcome in within(islice(tries, count), begin + limit):
            found.add(outcome)
    finally:
        tries.close()  # type: ignore[attr-defined]  # a generator
    found.seconds = time.monotonic() - begin
    return found


def within(tries: Iterable[Outcome], end: float) -> Iterator[Outcome]:
    """The same ones, until it is too late to begin another."""
    for outcome in tries:
        yield outcome
        if time.monotonic() > end:
            return
