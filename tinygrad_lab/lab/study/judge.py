"""The judge of claims: pure functions from numbers to findings, by the protocol of ``docs/claims.md``.

Every test is two-sided at 5 %, and its p is that of its interval: below 0.05 exactly where the 95 % interval decides.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from tinygrad_lab.claim import Finding, Kind, Verdict
from tinygrad_lab.lab.study.statistics import Interval, interval, paired_difference

LEVEL = 0.05
HALF = 0.5  # share of the trials that must succeed for a task to count as one that is solved
ROOM = 1.25  # factor by which a time must keep clear of its bound, since another processor's may lie elsewhere


# ---- differences between arms ----------------------------------------------------------------------------------------
def superiority(first: Sequence[float], second: Sequence[float]) -> Finding:
    """Judge that the first arm has more than the second, run by run: the interval of the difference is above 0."""
    return _judged("superiority", paired_difference(first, second), above=0.0)


def equivalence(first: Sequence[float], second: Sequence[float], margin: float) -> Finding:
    """Judge that two arms differ by less than a margin: the interval of the difference lies inside it."""
    return _judged("equivalence", paired_difference(first, second), above=-margin, below=margin, margin=margin)


def not_worse(first: Sequence[float], second: Sequence[float], margin: float) -> Finding:
    """Judge that the first arm has at most a margin less than the second, or has more."""
    return _judged("not worse", paired_difference(first, second), above=-margin, margin=margin)


# ---- against a number ------------------------------------------------------------------------------------------------
def at_most(number: float, runs: Sequence[float], test_items: int | None = None) -> Finding:
    """Judge that runs come down to a number: the whole interval is below it.

    Args:
        number: the paper's.
        runs: one number a seed.
        test_items: of an error rate in percent, how many items it was measured on; all runs share these, so that
            their sampling error does not shrink with the number of runs.
    """
    found = interval(runs) if test_items is None else _with_sampling(runs, test_items)
    degrees = _degrees(runs, test_items)
    return _judged("against a number", found, below=number, degrees=degrees)


def near(number: float, runs: Sequence[float], margin: float) -> Finding:
    """Judge that runs have a number, give or take a margin."""
    found = interval(runs)
    return _judged("against a number", found, above=number - margin, below=number + margin, margin=margin)


def _variances(runs: Sequence[float], test_items: int) -> tuple[float, float]:
    """Variance of the mean over runs, and of an error rate in percent on so many items."""
    mean = float(np.mean(runs))
    return float(np.var(runs, ddof=1)) / len(runs), mean * (100 - mean) / test_items


def _degrees(runs: Sequence[float], test_items: int | None) -> float:
    """Degrees of freedom; of a sum of two variances those of Welch and Satterthwaite."""
    if test_items is None or len(runs) == 1:
        return float(len(runs) - 1)
    training, sampling = _variances(runs, test_items)
    return (training + sampling) ** 2 / (training**2 / (len(runs) - 1)) if training else math.inf


def _with_sampling(runs: Sequence[float], test_items: int) -> Interval:
    """Mean and 95 % interval of an error rate, for other seeds and other test items."""
    if len(runs) == 1:
        return interval(runs)
    spread = math.sqrt(sum(_variances(runs, test_items)))
    reach = float(stats.t.ppf(1 - LEVEL / 2, _degrees(runs, test_items)))
    return Interval(float(np.mean(runs)), reach * spread, len(runs))


# ---- trials that may end unsolved ------------------------------------------------------------------------------------
def succeeds(solved: Sequence[bool]) -> Finding:
    """Judge that most trials solve their task within the budget: the exact interval of their share is above one half.

    An unsolved trial counts as unsolved within the budget, and its number of steps enters no mean.
    """
    test = stats.binomtest(sum(solved), len(solved), HALF)
    low, high = test.proportion_ci(1 - LEVEL, "exact")
    verdict = _verdict(low, high, HALF, math.inf)
    share = sum(solved) / len(solved)
    return Finding("share of trials", verdict, share, float(low), float(high), HALF, len(solved), float(test.pvalue))


def succeeds_more(first: Sequence[bool], second: Sequence[bool]) -> Finding:
    """Judge that more trials of one arm solve the task than of another: Fisher's exact test and Newcombe's interval."""
    counts = [[sum(arm), len(arm) - sum(arm)] for arm in (first, second)]
    p = float(stats.fisher_exact(counts).pvalue)
    more, low, high = _difference_of_shares(first, second)
    verdict: Verdict = _verdict(low, high, 0.0, math.inf) if p < LEVEL else "inconclusive"
    return Finding("more trials", verdict, more, low, high, None, min(len(first), len(second)), p)


def _difference_of_shares(first: Sequence[bool], second: Sequence[bool]) -> tuple[float, float, float]:
    """The difference and its interval, from Wilson's intervals of both shares."""
    shares = [sum(arm) / len(arm) for arm in (first, second)]
    ends = [stats.binomtest(sum(arm), len(arm)).proportion_ci(1 - LEVEL, "wilson") for arm in (first, second)]
    more = shares[0] - shares[1]
    down = math.hypot(shares[0] - ends[0].low, ends[1].high - shares[1])
    up = math.hypot(ends[0].high - shares[0], shares[1] - ends[1].low)
    return more, more - down, more + up


# ---- times and counts ------------------------------------------------------------------------------------------------
def timed(ratio: float, bound: float) -> Finding:
    """Judge that a ratio of times is at most a bound, with room for another processor on either side of it."""
    verdict: Verdict = "reproduced" if ratio * ROOM <= bound else "refuted" if ratio >= bound * ROOM else "inconclusive"
    return Finding("timed", verdict, ratio, margin=ROOM)


def counted(holds: bool) -> Finding:
    """Judge what is counted or computed without chance."""
    return Finding("counted", "reproduced" if holds else "refuted")


# ---- several at once -------------------------------------------------------------------------------------------------
def all_of(*parts: Finding) -> Finding:
    """Judge that all of several findings hold: refuted by one that is refuted, inconclusive by one that is.

    Where all hold the largest p is that of the whole; where any one may refute, the smallest counts as often as there
    are parts.
    """
    refuted = [part for part in parts if part.verdict == "refuted"]
    undecided = [part for part in parts if part.verdict == "inconclusive"]
    candidates = refuted or undecided or list(parts)
    order = min if refuted else max
    deciding = order(candidates, key=lambda part: -1.0 if part.p is None else part.p)
    p = deciding.p if not refuted or deciding.p is None else min(1.0, deciding.p * len(parts))
    rates = next((part.rates for part in parts if part.rates != "none to choose"), deciding.rates)
    whole = replace(deciding, kind="all of", p=p, rates=rates, parts=parts, reservations=_gathered(parts))
    return whole.hold_back("with several parts it could be chance") if p is not None and p >= LEVEL else whole


def _gathered(parts: Sequence[Finding]) -> tuple[str, ...]:
    """The reservations of all parts, each once."""
    return tuple(dict.fromkeys(reservation for part in parts for reservation in part.reservations))


def holm(findings: Sequence[Finding]) -> list[Finding]:
    """Adjust the p of all findings of a paper by Holm's method; what is not below 5 % any more is inconclusive."""
    tested = sorted((finding.p, place) for place, finding in enumerate(findings) if finding.p is not None)
    adjusted, largest = list(findings), 0.0
    for rank, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        adjusted[place] = _corrected(findings[place], largest)
    return adjusted


def _corrected(finding: Finding, adjusted_p: float) -> Finding:
    finding = replace(finding, adjusted_p=adjusted_p)
    return finding if adjusted_p < LEVEL else finding.hold_back("among this paper's claims it could be chance")


# ---- intervals and regions -------------------------------------------------------------------------------------------
def _judged(
    kind: Kind, found: Interval, above: float = -math.inf, below: float = math.inf,
    margin: float | None = None, degrees: float | None = None,
) -> Finding:  # fmt: skip
    """Judge that a mean lies between two edges."""
    single = found.count == 1
    verdict = _verdict(found.low, found.high, above, below)
    p = None if single else _p(found, above, below, float(found.count - 1) if degrees is None else degrees)
    low, high = (None, None) if single else (found.low, found.high)
    return Finding(kind, verdict, found.mean, low, high, margin, found.count, p)


def _verdict(low: float, high: float, above: float, below: float) -> Verdict:
    """Reproduced if the whole interval lies between the edges, refuted if it lies outside."""
    if above < low and high < below:
        return "reproduced"
    return "refuted" if high < above or low > below else "inconclusive"


def _p(found: Interval, above: float, below: float, degrees: float) -> float:
    """The level at which the interval would reach the nearest edge."""
    distance = min(abs(found.mean - above), abs(found.mean - below))
    if found.half_width == 0:
        return 0.0 if distance > 0 else 1.0
    spread = found.half_width / stats.t.ppf(1 - LEVEL / 2, degrees)
    return float(2 * stats.t.sf(distance / spread, degrees))
