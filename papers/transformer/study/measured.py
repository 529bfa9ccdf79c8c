"""Numbers read out of the result files, for verdicts, tables, sentences and pictures alike."""

from math import log

from tinygrad_lab.study import Course, Finding, Interval, Lab, Rates

# What each group's looks are about, and where that ends.
KEYS = {"dates": "exact", "few-dates": "exact", "words": "PER"}
ENDS = {"dates": 100.0, "few-dates": 100.0, "words": 0.0}


def written(lab: Lab, group: str, arm: str, key: str = "exact", side: str = "numpy") -> list[float]:
    """What each run's model wrote after its last update: dates right, or wrong phonemes or words, in percent."""
    return [float(run["history"][-1][key]) for run in lab.runs(group, side, arm)]


def share(lab: Lab, arm: str, group: str = "dates", key: str = "exact", side: str = "numpy") -> str:
    """The same as a mean with its interval."""
    return f"{lab.interval(written(lab, group, arm, key, side)):.1f %}"


def by_look(lab: Lab, arm: str, group: str = "dates", side: str = "numpy") -> list[float]:
    """Means over seeds at each look."""
    looks = zip(*(run["history"] for run in lab.runs(group, side, arm)), strict=True)
    return [lab.interval([float(look[KEYS[group]]) for look in found]).mean for found in looks]


def course(lab: Lab, group: str, arm: str, side: str = "numpy", part: float = 1.0) -> Course:
    """How an arm came to what it ends with, or to a part of that."""
    return Course(arm, [part * mean for mean in by_look(lab, arm, group, side)])


def nats(lab: Lab, group: str, arm: str, side: str = "numpy") -> list[float]:
    """Test loss of each run in nats a token, each token after the true ones before it."""
    return [log(perplexity) for perplexity in lab.values(group, "metrics", "perplexity", side=side, arm=arm)]


def seconds(lab: Lab, group: str, *arms: str) -> float:
    """What a run of the slowest of some arms took."""
    return max(lab.spread(group, "seconds", arm=arm).mean for arm in arms)


def rates(lab: Lab, group: str) -> Rates:
    """Every rate that was tried for the arms of a group."""
    return Rates("validation", lab.results("rates")["scores"][group])


def fair(
    lab: Lab, found: Finding, group: str, ours: str, theirs: str, side: str = "numpy", part: float = 1.0
) -> Finding:
    """The finding, allowing for rates that were not bracketed, and for a side that was catching up.

    Args:
        ours, theirs: the arms that are compared, of a group.
        side: whose runs the finding is about.
        part: of ours, that is compared with theirs.
    """
    tuned = found.tuned(rates(lab, group), ours, theirs).run_for(seconds(lab, group, ours, theirs))
    first, second = course(lab, group, ours, side, part), course(lab, group, theirs, side)
    return tuned.allowing_for_pace(first, second, ENDS[group])


def gap(lab: Lab, arm: str) -> Interval:
    """Points of accuracy, token by token, by which training pairs are ahead of test pairs where they are few."""
    train, test = (lab.values("few-dates", split, "forced accuracy", arm=arm) for split in ("train_metrics", "metrics"))
    return lab.paired_difference(train, test)
