"""Numbers read out of the result files, for verdicts, tables, sentences and pictures alike."""

from math import log

from tinygrad_lab.study import Course, Finding, Interval, Lab, Rates

KEYS = {"dates": "exact", "kinds": "exact", "words": "PER", "verses": "BLEU"}  # what each group's looks are about
ENDS = {"dates": 100.0, "kinds": 100.0, "words": 0.0}  # where that ends; BLEU ends nowhere that is known


def ends(lab: Lab, group: str, arm: str, key: str = "", side: str = "numpy") -> list[float]:
    """What each run's model wrote after its last update: dates right, wrong phonemes, in percent; or BLEU.

    Args:
        key: of the look; without one, the group's own.
    """
    return [float(run["history"][-1][key or KEYS[group]]) for run in lab.runs(group, side, arm)]


def mean(lab: Lab, group: str, arm: str, key: str = "", side: str = "numpy") -> Interval:
    """The same as a mean with its interval."""
    return lab.interval(ends(lab, group, arm, key, side))


def by_pass(lab: Lab, group: str, arm: str, side: str = "numpy", length: str = "") -> list[float]:
    """Means over seeds at each look, of which there is one after each pass; of all sources, or of one length."""
    key = f"{KEYS[group]}, {length}" if length else KEYS[group]
    looks = zip(*(run["history"] for run in lab.runs(group, side, arm)), strict=True)
    return [lab.interval([float(look[key]) for look in found]).mean for found in looks]


def nats(lab: Lab, group: str, arm: str, side: str = "numpy") -> list[float]:
    """Test loss of each run in nats a token, each token after the true ones before it."""
    return [log(perplexity) for perplexity in lab.values(group, "metrics", "perplexity", side=side, arm=arm)]


def lengths(lab: Lab, group: str) -> list[str]:
    """The groups of lengths that were told apart, the shortest first."""
    key = f"{KEYS[group]}, "
    looked = lab.runs(group, arm="general")[0]["history"][-1]
    return [name.removeprefix(key) for name in looked if name.startswith(key)]


def of_length(lab: Lab, group: str, arm: str, length: str, side: str = "numpy") -> list[float]:
    """What each run has among sources of such lengths."""
    return ends(lab, group, arm, f"{KEYS[group]}, {length}", side)


def lost(lab: Lab, arm: str, side: str = "numpy") -> list[float]:
    """Points of dates right that each run has fewer among the longest dates than among the shortest."""
    first, last = (of_length(lab, "dates", arm, length, side) for length in extremes(lab, "dates"))
    return less(first, last)


def saved(lab: Lab, side: str = "numpy") -> tuple[list[float], list[float]]:
    """Points of PER that attention saves among the shortest words and among the longest, one number a seed."""
    without, with_it = (
        [of_length(lab, "words", arm, length, side) for length in extremes(lab, "words")] for arm in ("none", "general")
    )
    short, long = (less(*rates) for rates in zip(without, with_it, strict=True))
    return short, long


def extremes(lab: Lab, group: str) -> tuple[str, str]:
    """The shortest and the longest of a group's lengths."""
    names = lengths(lab, group)
    return names[0], names[-1]


def less(first: list[float], second: list[float]) -> list[float]:
    """What each of the first has more than the second at its place."""
    return [one - other for one, other in zip(first, second, strict=True)]


# ---- fairness --------------------------------------------------------------------------------------------------------
def rates(lab: Lab, group: str) -> Rates:
    """Every rate that was tried for the arms of a group."""
    return Rates("validation", lab.results("rates")["scores"][group])


def seconds(lab: Lab, group: str, *arms: str) -> float:
    """What a run of the slowest of some arms took."""
    return max(lab.spread(group, "seconds", arm=arm).mean for arm in arms)


def fair(lab: Lab, found: Finding, group: str, ours: str, theirs: str, side: str = "numpy") -> Finding:
    """The finding, allowing for rates that were not bracketed, and for a side that was catching up."""
    tuned = found.tuned(rates(lab, group), ours, theirs).run_for(seconds(lab, group, ours, theirs))
    first, second = (Course(arm, by_pass(lab, group, arm, side)) for arm in (ours, theirs))
    return tuned.allowing_for_pace(first, second, ENDS.get(group))


def by_length_too(lab: Lab, found: Finding, group: str, side: str) -> Finding:
    """A finding on what general attention and none differ by from the shortest sources to the longest, made fair.

    Not only what both write may come closer with more updates: what is compared here may, too.
    """
    short, long = (
        less(*(by_pass(lab, group, arm, side, length) for arm in ("none", "general")))
        for length in extremes(lab, group)
    )
    gaps = Course("gains on the longest sources", long), Course("on the shortest", short)
    return fair(lab, found, group, "general", "none", side).allowing_for_pace(*gaps)
