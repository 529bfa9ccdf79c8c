"""Numbers read out of the result files, for verdicts, tables, sentences and pictures alike."""

from math import log

from tinygrad_lab.study import Finding, Interval, Lab, Rates

STILL_LEARNING = 1.0  # points in the last quarter of a run's updates: who gains as many was stopped, not beaten


def written(lab: Lab, group: str, arm: str, key: str = "exact", side: str = "numpy") -> list[float]:
    """What each run's model wrote after its last update: dates right, or wrong phonemes or words, in percent."""
    return [float(run["history"][-1][key]) for run in lab.runs(group, side, arm)]


def share(lab: Lab, arm: str, group: str = "dates", key: str = "exact", side: str = "numpy") -> str:
    """The same as a mean with its interval."""
    return f"{lab.interval(written(lab, group, arm, key, side)):.1f %}"


def by_look(lab: Lab, arm: str, group: str = "dates", key: str = "exact") -> list[float]:
    """Means over seeds at each look."""
    looks = zip(*(run["history"] for run in lab.runs(group, arm=arm)), strict=True)
    return [lab.interval([float(look[key]) for look in found]).mean for found in looks]


def gained(lab: Lab, group: str, arm: str) -> float:
    """Points that an arm became better by in the last quarter of its updates."""
    key = "PER" if group == "words" else "exact"
    means = by_look(lab, arm, group, key)
    change = means[-1] - means[-2]
    return -change if group == "words" else change


def nats(lab: Lab, group: str, arm: str, side: str = "numpy") -> list[float]:
    """Test loss of each run in nats a token, each token after the true ones before it."""
    return [log(perplexity) for perplexity in lab.values(group, "metrics", "perplexity", side=side, arm=arm)]


def seconds(lab: Lab, group: str, *arms: str) -> float:
    """What a run of the slowest of some arms took."""
    return max(lab.spread(group, "seconds", arm=arm).mean for arm in arms)


def rates(lab: Lab, group: str) -> Rates:
    """Every rate that was tried for the arms of a group."""
    return Rates("validation", lab.results("rates")["scores"][group])


def fair(lab: Lab, found: Finding, group: str, ours: str, theirs: str) -> Finding:
    """The finding, allowing for rates that were not bracketed, and for a claim's own side that was still learning."""
    tuned = found.tuned(rates(lab, group), ours, theirs).run_for(seconds(lab, group, ours, theirs))
    more = gained(lab, group, ours)
    if more < STILL_LEARNING:
        return tuned
    return tuned.allowing_for(ours=f"{ours} still gained {more:.1f} points in the last quarter of its updates")


def gap(lab: Lab, arm: str) -> Interval:
    """Points of accuracy, token by token, by which training pairs are ahead of test pairs where they are few."""
    train, test = (lab.values("few-dates", split, "forced accuracy", arm=arm) for split in ("train_metrics", "metrics"))
    return lab.paired_difference(train, test)
