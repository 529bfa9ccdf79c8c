"""The pictures of the BERT experiments, drawn from their result files."""

from typing import Any

import numpy as np

from tinygrad_lab.study import Lab, Record

from .verdicts import ARMS, fine_tuned, measured, probed

COLOURS = {"bert": "C0", "no-nsp": "C2", "left-to-right": "C3", "always-mask": "C1", "none": "0.6"}
SHORT = {
    "bert": "BERT", "no-nsp": "no NSP", "left-to-right": "left to right", "always-mask": "always [MASK]",
    "none": "not pre-trained",
}  # fmt: skip


def pretraining_curve(run: Record) -> tuple[np.ndarray, list[float]]:
    """Updates, and the mean loss of the stretch that ends there."""
    losses = run["losses"]
    return np.linspace(0, run["steps"], len(losses) + 1)[1:], losses


def pretraining_figure(lab: Lab) -> None:
    """Loss curves of both sides, and hidden words found by every arm."""
    with lab.figure("pretraining", 9.5, 3.8) as picture:
        curves, bars = picture.subplots(1, 2)
        for arm in measured(lab):
            for number, run in enumerate(lab.runs(f"pretraining-{arm}")):
                curves.plot(*pretraining_curve(run), color=COLOURS[arm], lw=1, label=None if number else SHORT[arm])
            for run in lab.runs(f"pretraining-{arm}", "torch"):
                curves.plot(*pretraining_curve(run), color="black", lw=1, ls=":", label=f"{SHORT[arm]}, PyTorch")
        curves.set(xlabel="updates", ylabel="training loss (nats; with NSP 0.7 more)")
        curves.legend(fontsize=8)
        _bars(lab, bars, {arm: probed(lab, arm, "hidden") for arm in measured(lab)})
        bars.axhline(lab.results("pretraining-bert")["most frequent"], color="0.4", ls="--", lw=1)
        bars.set(title="hidden words found (dashed: the commonest one)", ylabel="percent")


def fine_tuning_figure(lab: Lab) -> None:
    """Test accuracy after fine-tuning and with frozen features."""
    with lab.figure("fine-tuning", 9.5, 3.8) as picture:
        tuned, frozen = picture.subplots(1, 2, sharey=True)
        _bars(lab, tuned, {arm: fine_tuned(lab, arm) for arm in ARMS})
        _bars(lab, frozen, {arm: probed(lab, arm, "features") for arm in measured(lab)})
        for axes in (tuned, frozen) if lab.has("fine-tuning") else ():
            axes.axhline(lab.results("fine-tuning")["naive Bayes"], color="0.4", ls="--", lw=1)
        tuned.set(title="fine-tuned (dashed: naive Bayes)", ylabel="percent of test sentences right")
        frozen.set(title="linear on frozen features")


def _bars(lab: Lab, axes: Any, values: dict[str, list[float]]) -> None:
    """The mean of each arm as a bar, its seeds as dots."""
    values = {arm: shares for arm, shares in values.items() if shares}
    for place, (arm, shares) in enumerate(values.items()):
        axes.bar(place, lab.interval(shares).mean, 0.7, color=COLOURS[arm], alpha=0.6)
        axes.plot([place] * len(shares), shares, "k.", ms=4)
    axes.set_xticks(range(len(values)), [SHORT[arm].replace(" ", "\n", 1) for arm in values], fontsize=8)


def figures(lab: Lab) -> None:
    """Every picture."""
    pretraining_figure(lab)
    fine_tuning_figure(lab)
