"""Numbers read out of the result files, for verdicts, tables, sentences and pictures alike."""

from math import log

from tinygrad_lab.study import Finding, Interval, Lab, Rates

KEYS = {"dates": "exact", "kinds": "exact", "words": "PER", "verses": "BLEU"}  # what each group's looks are about
STILL_LEARNING = 1.0  # points in the last pass: who gains as many was stopped, not beaten


def ends(lab: Lab, group: str, arm: str, key: str = "", side: str = "numpy") -> list[float]:
    """What each run's model wrote after its last update: dates right, wrong phonemes, in percent; or BLEU.

    Args:
        key: of the look; without one, the group's own.
    """
    return [float(run["history"][-1][key or KEYS[group]]) for run in lab.runs(group, side, arm)]


def mean(lab: Lab, group: str, arm: str, key: str = "", side: str = "numpy") -> Interval:
    """The same as a mean with its interval."""
    return lab.interval(ends(lab, group, arm, key, side))


def by_pass(lab: Lab, group: str, arm: str) -> list[float]:
    """Means over seeds at each look, of which there is one after each pass."""
    looks = zip(*(run["history"] for run in lab.runs(group, arm=arm)), strict=True)
    return [lab.interval([float(look[KEYS[group]]) for look in found]).mean for found in looks]


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
    first, last = (of_length(lab, "dates", arm, length, side) for length in _extremes(lab, "dates"))
    return [short - long for short, long in zip(first, last, strict=True)]


def saved(lab: Lab, side: str = "numpy") -> tuple[list[float], list[float]]:
    """Points of PER that attention saves among the shortest words and among the longest, one number a seed."""
    without, with_it = (
        [of_length(lab, "words", arm, length, side) for length in _extremes(lab, "words")]
        for arm in ("none", "general")
    )
    short, long = (
        [before - after for before, after in zip(*rates, strict=True)] for rates in zip(without, with_it, strict=True)
    )
    return short, long


def _extremes(lab: Lab, group: str) -> tuple[str, str]:
    names = lengths(lab, group)
    return names[0], names[-1]


# ---- fairness --------------------------------------------------------------------------------------------------------
def rates(lab: Lab, group: str) -> Rates:
    """Every rate that was tried for the arms of a group."""
    return Rates("validation", lab.results("rates")["scores"][group])


def seconds(lab: Lab, group: str, *arms: str) -> float:
    """What a run of the slowest of some arms took."""
    return max(lab.spread(group, "seconds", arm=arm).mean for arm in arms)


def gained(lab: Lab, group: str, arm: str) -> float:
    """Points that an arm became better by in its last pass; nothing where it was looked at once."""
    means = by_pass(lab, group, arm)
    if len(means) < 2:
        return 0.0
    return means[-2] - means[-1] if group == "words" else means[-1] - means[-2]


def fair(lab: Lab, found: Finding, group: str, ours: str, theirs: str) -> Finding:
    """The finding, allowing for rates that were not bracketed, and for a claim's own side that was still learning."""
    tuned = found.tuned(rates(lab, group), ours, theirs).run_for(seconds(lab, group, ours, theirs))
    more = gained(lab, group, ours)
    if more < STILL_LEARNING:
        return tuned
    return tuned.allowing_for(ours=f"{ours} still gained {more:.1f} points in its last pass")
