"""Pictures of BERT's runs; what to see in each stands in pages.py."""

from statistics import mean
from typing import Any

from tinygrad_lab.study import Lab

from .arms import ARMS, LEFT, LONGER, SCRATCH, WITNESSED
from .pages import by_labels, curve, probed, tuned, words_counted

COLOURS = {"bert": "C0", "no-nsp": "C2", "always-mask": "C1", LEFT: "C3", LONGER: "C4", SCRATCH: "0.6"}
SHORT = {
    "bert": "BERT", "no-nsp": "masked", "always-mask": "always\n[MASK]", LEFT: "left to\nright",
    LONGER: "left, as\nmuch text", SCRATCH: "from\nnothing",
}  # fmt: skip


def figures(lab: Lab) -> None:
    """Both."""
    with lab.figure("pretraining", 9.5, 3.8) as picture:
        curves, bars = picture.subplots(1, 2)
        draw_losses(curves, lab)
        draw_bars(bars, {arm: probed(lab, arm, "hidden") for arm in ARMS})
        bars.axhline(lab.results("pretraining")["most frequent"], color="0.4", ls="--", lw=1)
        bars.set(title="hidden words found", ylabel="percent")
    with lab.figure("fine-tuning", 9.5, 3.8) as picture:
        bars, lines = picture.subplots(1, 2, width_ratios=(3, 2))
        draw_bars(bars, {arm: tuned(lab, arm) for arm in (*ARMS, SCRATCH)})
        bars.axhline(mean(words_counted(lab, SCRATCH)), color="0.4", ls="--", lw=1)
        bars.set(title="fine-tuned (dashed: naive Bayes)", ylabel="percent of test sentences right")
        draw_labels(lines, lab)


def draw_losses(axes: Any, lab: Lab) -> None:
    """Losses by predicted tokens of the arms that have no second task; each line is a run."""
    asked = lab.results("pretraining")["predicted"]
    for arm in (LONGER, "no-nsp", LEFT):
        for number, run in enumerate(lab.runs("pretraining", arm=arm)):
            name = None if number else SHORT[arm].replace("\n", " ")
            axes.plot(*curve(run, asked[arm]), color=COLOURS[arm], lw=0.7, alpha=0.8, label=name)
    for arm in WITNESSED:
        for run in lab.runs("pretraining", "torch", arm):
            axes.plot(*curve(run, asked[arm]), color=COLOURS[arm], lw=0.7, ls=":")
    axes.set(xscale="log", xlabel="predicted tokens", ylabel="training loss, nats a token")
    axes.legend(fontsize="small")


def draw_bars(axes: Any, values: dict[str, list[float]]) -> None:
    """The mean of each arm as a bar, its seeds as dots."""
    for place, (arm, shares) in enumerate(values.items()):
        axes.bar(place, mean(shares), 0.7, color=COLOURS[arm], alpha=0.6)
        axes.plot([place] * len(shares), shares, "k.", ms=4)
    axes.set_xticks(range(len(values)), [SHORT[arm] for arm in values], fontsize="small")


def draw_labels(axes: Any, lab: Lab) -> None:
    """Accuracy by labelled sentences, with intervals over seeds."""
    found = by_labels(lab)
    items = [count for count, _ in found]
    for number, (name, colour) in enumerate((("masked", "C2"), ("from nothing", "0.6"), ("naive Bayes", "C5"))):
        spreads = [spread[number] for _, spread in found]
        reach = [spread.half_width if spread.count > 1 else 0.0 for spread in spreads]
        axes.errorbar(
            items, [spread.mean for spread in spreads], yerr=reach, fmt="o-", capsize=3, label=name, color=colour
        )
    axes.set(xscale="log", xlabel="labelled sentences", ylim=(0, None), title="by labelled sentences")
    axes.set_xticks(items, [f"{count:,}" for count in items])
    axes.set_xticks([], minor=True)
    axes.legend(fontsize="small")
