"""What a paper claims and what became of it: four verdicts, and the finding that each of them rests on.

The protocol stands in ``docs/claims.md``; the tests themselves in ``tinygrad_lab/lab/study/judge.py``, which a study
gets as ``lab.judge``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, runtime_checkable

import numpy as np

Verdict = Literal["reproduced", "refuted", "inconclusive", "out of reach here"]
Kind = Literal[
    "superiority",  # the first arm has more than the second
    "equivalence",  # two arms differ by less than a margin
    "not worse",  # the first arm has at most a margin less than the second
    "against a number",  # runs against a number that the paper gives
    "share of trials",  # trials that may end unsolved, against one half
    "more trials",  # such trials of two arms
    "timed",  # a ratio of times, against a bound with room
    "counted",  # what the same code gives on any machine
    "all of",  # several findings, all of which are asked for
    "not run",
]
Split = Literal["validation", "test", "the judged runs", "one rate for every arm", "none to choose"]

SHORT_RUN = 180.0  # seconds; of shorter runs five seeds are asked, of longer ones three
SHORT_SEEDS, LONG_SEEDS = 5, 3

LEARNED = 0.01  # share of what guessing scores by which a rate has to do better, or it is not known to learn at all
QUARTER, HALF, WHOLE = 1, 2, 4  # of a budget, in quarters

AGAIN = "the same verdict"


@dataclass(frozen=True)
class Course:
    """How an arm came to what is judged of it.

    Attributes:
        arm: its name.
        looks: means over seeds, evenly apart, the last after the last update.
    """

    arm: str
    looks: Sequence[float]

    def later(self, quarters: int) -> float:
        """Where it stands so many quarters of its budget later, at the pace of the last one."""
        count = len(self.looks)
        before = float(np.interp((1 - QUARTER / WHOLE) * count, range(1, count + 1), self.looks))
        return self.looks[-1] + quarters * (self.looks[-1] - before)


@dataclass(frozen=True)
class Rates:
    """How the learning rates of a comparison were chosen, and what was found on the way.

    Attributes:
        split: the data that they were chosen on.
        scores: arm -> learning rate -> score; nothing for an arm that was not tuned.
        largest: whether the best score is the largest.
        guessing: the score of who guesses, where that is known.
    """

    split: Split
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    largest: bool = False
    guessing: float | None = None

    def handicap(self, arm: str) -> str:
        """Say why another rate could be better for the arm.

        Nothing if its best one lies between two others and is better than guessing: of scores that are all those of a
        guess, the best is one by chance.
        """
        scores = self.scores.get(arm, {})
        if len(scores) < 2:
            return f"no rate was tuned for {arm}"
        rates = sorted(scores, key=float)
        best = (max if self.largest else min)(rates, key=scores.__getitem__)
        if self.guesses(scores[best]):
            return f"with none of its rates ({', '.join(rates)}) {arm} does better than guessing"
        if best not in (rates[0], rates[-1]):
            return ""
        end = "highest" if best == rates[-1] else "lowest"
        return f"{arm} took the {end} of its rates ({', '.join(rates)})"

    def guesses(self, score: float) -> bool:
        """Whether a score is no better than that of who guesses, but for rounding and chance."""
        if self.guessing is None:
            return False
        better = score - self.guessing if self.largest else self.guessing - score
        return better < LEARNED * abs(self.guessing)


@dataclass(frozen=True)
class Finding:
    """What the runs say of one claim.

    Attributes:
        estimate: the difference, number, share or ratio that is judged, with its 95 % interval from low to high.
        margin: what was allowed, where something was.
        p: the smallest level at which the interval would no longer decide; None where nothing was drawn at random.
        adjusted_p: the same after Holm's correction over the paper's rows.
        rates: the data that learning rates were chosen on.
        held_back: why what the interval says is no verdict.
        reservations: what the protocol asks for and the runs do not have, though the verdict may stand.
        parts: the findings that this one is made of.
        witness: what the same test says of PyTorch's runs under other seeds, where there are any.
    """

    kind: Kind
    verdict: Verdict
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    seeds: int | None = None
    p: float | None = None
    adjusted_p: float | None = None
    rates: Split = "none to choose"
    held_back: str = ""
    reservations: tuple[str, ...] = ()
    parts: tuple["Finding", ...] = ()
    witness: str = ""

    def hold_back(self, reason: str) -> "Finding":
        """The finding without a verdict, and why; one that has none already stays as it is."""
        if self.verdict not in ("reproduced", "refuted"):
            return self
        return replace(self, verdict="inconclusive", held_back=reason)

    def allowing_for(self, ours: str = "", theirs: str = "") -> "Finding":
        """Hold the finding back where the side that lost had a handicap, since that may be why.

        Args:
            ours: the handicap of what the claim speaks for; it may be why the claim failed.
            theirs: that of what it is compared with; it may be why the claim held.
        """
        handicap = {"refuted": ours, "reproduced": theirs}.get(self.verdict, "")
        return self.hold_back(handicap) if handicap else self

    def allowing_for_pace(self, first: Course, second: Course, end: float | None = None) -> "Finding":
        """Hold the finding back where the side that lost was catching up as the budget ended.

        That is where the gap would close within as many updates again; or, as a share ends at the same place for both
        and the gap there with it, where who is behind would come to where the other stands within half as many.

        Args:
            first: the arm that the finding has first, by what is judged.
            second: the other one.
            end: where a share comes to in the end: 100 if it is what is right, 0 if it is what is wrong.
        """
        if min(len(first.looks), len(second.looks)) == 1:
            return self.hold_back(f"whether {first.arm} and {second.arm} were still learning was not looked at")
        now = first.later(0) - second.later(0)
        if self._overturned(now, first.later(WHOLE) - second.later(WHOLE)):
            return self.hold_back(
                f"between {first.arm} and {second.arm} the gap was changing, at a pace that undoes the verdict within "
                "as many updates again"
            )
        # two arms that are alike, or not worse, stay so where the one behind comes up
        if end is None or (self.margin is not None and self.verdict == "reproduced"):
            return self
        if abs(end - first.later(0)) > abs(end - second.later(0)):
            behind, ahead, closer = first, second, first.later(HALF) - second.later(0)
        else:
            behind, ahead, closer = second, first, first.later(0) - second.later(HALF)
        if not self._overturned(now, closer):
            return self
        return self.hold_back(
            f"{behind.arm} was catching up with where {ahead.arm} is, at a pace that undoes the verdict within half as "
            "many updates again"
        )

    def _overturned(self, now: float, later: float) -> bool:
        """Whether a difference passes an edge of what is asked."""
        margin = self.margin or 0.0
        edges = (-margin, margin) if self.kind == "equivalence" else (-margin,)
        return any((now - edge) * (later - edge) <= 0 for edge in edges)

    def confirmed_by(self, other: "Finding") -> "Finding":
        """Hold the finding back where the same test has another verdict on PyTorch's runs under other seeds."""
        said = f"PyTorch under other seeds ({other.seeds}): "
        if other.verdict == self.verdict:
            return replace(self, witness=f"{said}{AGAIN}")
        held = self.hold_back("PyTorch does not confirm it under other seeds")
        return replace(held, witness=f"{said}{other.verdict}")

    def tuned(self, rates: Rates, ours: str = "", theirs: str = "") -> "Finding":
        """Allow for a learning rate that was not bracketed for the arm that lost, and say what rates were chosen on."""
        fair = self.allowing_for(*(rates.handicap(arm) if arm else "" for arm in (ours, theirs)))
        seen = {"test": "the rates were chosen on test data", "the judged runs": "the rates were chosen on these runs"}
        said = (*fair.reservations, seen[rates.split]) if rates.split in seen else fair.reservations
        return replace(fair, rates=rates.split, reservations=said)

    def run_for(self, seconds: float) -> "Finding":
        """Say so where there are fewer seeds than the protocol asks of runs that take so long."""
        asked = SHORT_SEEDS if seconds < SHORT_RUN else LONG_SEEDS
        if self.seeds is None or self.seeds >= asked:
            return self
        plural = "" if self.seeds == 1 else "s"
        return self.but(f"{self.seeds} seed{plural} of {seconds:.0f} s, {asked} are asked for")

    def but(self, reservation: str) -> "Finding":
        """The finding with one more reservation."""
        return replace(self, reservations=(*self.reservations, reservation))


@dataclass(frozen=True)
class Claim:
    """One statement of a paper, and what became of it here."""

    statement: str
    source: str  # table, figure or section of the paper
    ran: str  # what we ran, with every reduction named
    numpy: str  # the numbers, with 95 % intervals over seeds
    finding: Finding
    why: str = ""  # what the verdict rests on
    torch: str = "-"  # the witness's numbers

    @property
    def verdict(self) -> Verdict:
        """The verdict of the finding."""
        return self.finding.verdict


def out_of_reach(
    statement: str, source: str, lacks: Literal["data", "compute", "hardware"], estimate: str, ran: str = "not run"
) -> Claim:
    """A claim that cannot be tried here: what is lacking, and the estimate that says so."""
    finding = Finding("not run", "out of reach here")
    return Claim(statement, source, ran, numpy="-", finding=finding, why=f"{lacks}: {estimate}")


def not_run(statement: str, source: str, why: str) -> Claim:
    """A claim that could be tried here and was not."""
    return Claim(statement, source, "not run", numpy="-", finding=Finding("not run", "inconclusive"), why=why)


@runtime_checkable
class Judge(Protocol):
    """The tests that findings come from; what each asks stands where it is written out."""

    def superiority(self, first: Sequence[float], second: Sequence[float]) -> Finding: ...
    def equivalence(self, first: Sequence[float], second: Sequence[float], margin: float) -> Finding: ...
    def not_worse(self, first: Sequence[float], second: Sequence[float], margin: float) -> Finding: ...
    def at_most(self, number: float, runs: Sequence[float], test_items: int | None = None) -> Finding: ...
    def near(self, number: float, runs: Sequence[float], margin: float) -> Finding: ...
    def succeeds(self, solved: Sequence[bool]) -> Finding: ...
    def succeeds_more(self, first: Sequence[bool], second: Sequence[bool]) -> Finding: ...
    def timed(self, ratio: float, bound: float) -> Finding: ...
    def counted(self, holds: bool) -> Finding: ...
    def all_of(self, *parts: Finding) -> Finding: ...
