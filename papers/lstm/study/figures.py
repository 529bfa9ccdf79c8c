"""The pictures of the LSTM experiments, drawn from their result files."""

from typing import Any

import numpy as np

from tinygrad_lab.study import Lab, Record, draw_both_sides

from .grammar import NEEDED
from .lags import file_of
from .plan import LAGS, STRINGS
from .texts import LAYERS, NATS, TEXTS, measured_texts
from .texts import nats as final_nats
from .trials import Trials, trials_of

COLOURS = {"1997": "C0", "2000": "C2", "2000, forget bias 5": "C2", "2000, forget bias 1": "C1", "rnn": "C3"}
FLOOR = 1e-10  # below it nothing is drawn


def _draw_trials(axes: Any, arm: str, trials: Trials, name: str, apart: float, **line: float) -> None:
    """Draw a metric on the way, a line a trial and a dot where it is solved; ``apart``: between looks, on the axis."""
    for number, trial in enumerate(trials):
        values = [entry[name] for entry in trial["history"]]
        seen = apart * np.arange(1, len(values) + 1)
        axes.plot(seen, values, color=COLOURS[arm], label=None if number else arm, **line)
        if trial["solved"]:
            axes.plot(seen[-1], values[-1], "o", color=COLOURS[arm], markersize=4)


def lags(lab: Lab) -> None:
    """The adding problem: the error on the way, one panel a lag, every seed a line."""
    with lab.figure("adding", 2.6 * len(LAGS), 3.4) as figure:
        panels = figure.subplots(1, len(LAGS), sharey=True)
        for axes, lag in zip(panels, LAGS, strict=True):
            for arm, config in lab.results(file_of(lag))["configs"].items():
                trials, thousands = trials_of(lab, file_of(lag), arm), config["items"] / 1000
                _draw_trials(axes, arm, trials, "squared_error", thousands, linewidth=1.0, alpha=0.7)
            axes.axhline(1 / 24, color="black", linewidth=0.6, linestyle=":")
            axes.set(title=f"T = {lag:,}", xlabel="sequences seen, thousands", yscale="log")
        panels[0].set_ylabel("squared error, 2,560 test sequences")
        panels[0].legend(fontsize="small")
        figure.suptitle("Adding problem: a dot is a solved trial, the dotted line answering with the mean")


def reber(lab: Lab) -> None:
    """Percent of the strings of training and test set in which every prediction is legal, by strings seen."""
    arms = ("1997", "rnn", "2000")
    with lab.figure("reber", 4.0 * len(arms), 3.4) as figure:
        panels = figure.subplots(1, len(arms), sharex=True, sharey=True)
        for axes, arm in zip(panels, arms, strict=True):
            trials = trials_of(lab, "reber", arm)
            _draw_trials(axes, arm, trials, "correct", float(STRINGS), linewidth=0.8, alpha=0.6)
            axes.axvline(NEEDED, color="black", linewidth=0.6, linestyle=":")
            title = "plain network" if arm == "rnn" else f"cell of {arm}"
            axes.set(xlabel="strings seen", title=f"{title}, {len(trials)} trials")
        panels[0].set_ylabel("strings right, %")
        figure.suptitle("Embedded Reber grammar; dotted: the strings that the paper's best network needed")


def text(lab: Lab) -> None:
    """Held-out nats a character by pass, bits beside, and the training losses of both sides from the same weights."""
    names = measured_texts(lab)
    with lab.figure("text", 4.4 * (len(names) + 1), 3.4) as figure:
        *panels, last = figure.subplots(1, len(names) + 1)
        for axes, name in zip(panels, names, strict=True):
            for arm, label in LAYERS.items():
                _draw_passes(axes, lab.runs(f"text-{name}", arm=arm), arm, f"{label}: {_at_end(lab, name, arm)}")
            axes.set(title=TEXTS[name], xlabel="pass over the text", ylabel="held out, nats a character")
            bits = axes.secondary_yaxis("right", functions=(lambda value: value / NATS, lambda value: value * NATS))
            bits.set_ylabel("bits")
            axes.legend(fontsize="small")
        draw_both_sides(last, lab.results(f"text-{names[0]}")["runs"]["2000"])
        last.set(xlabel="update", ylabel="training loss, nats", title=f"{TEXTS[names[0]]}, LSTM, seed 0")
        last.legend(title="same weights, same batches", fontsize="small")


def _at_end(lab: Lab, name: str, arm: str) -> str:
    return f"{lab.interval(final_nats(lab, name, arm)).mean:.3f}"


def _draw_passes(axes: Any, runs: list[Record], arm: str, label: str) -> None:
    curves = NATS * np.array([[epoch["bits"] for epoch in run["history"]] for run in runs])
    done = np.arange(1, curves.shape[1] + 1)
    axes.plot(done, curves.T, color=COLOURS[arm], linewidth=0.8, alpha=0.6)
    axes.plot(done, curves.mean(axis=0), color=COLOURS[arm], label=label, marker="o", markersize=3)


def gradients(lab: Lab) -> None:
    """The gradient norm by time lag, before and after training, for the adding problem and for text."""
    adding, name = lab.results("gradients"), measured_texts(lab)[0]
    tasks = (
        (f"adding, T = {adding['lag']}", adding["gradients"], "1997"),
        (TEXTS[name], lab.results(f"text-{name}")["gradients"], "2000"),
    )
    panels = [(*task, when) for task in tasks for when in ("untrained", "trained")]
    with lab.figure("gradients", 13.0, 3.4) as figure:
        for axes, (task, norms, cell, when) in zip(figure.subplots(1, 4), panels, strict=True):
            _draw_shares(axes, norms[cell], when, "c", COLOURS[cell], f"LSTM of {cell}, c")
            _draw_shares(axes, norms[cell], when, "h", "C9", f"LSTM of {cell}, h")
            _draw_shares(axes, norms["rnn"], when, "h", COLOURS["rnn"], "plain network, h")
            axes.set(title=f"{task}: {when}", xlabel="steps before the end", yscale="log", ylim=(FLOOR, 1e2))
        figure.axes[0].set_ylabel("gradient norm, 1 at one step")
        for axes in figure.axes[::2]:  # each task has an LSTM of its own
            axes.legend(fontsize="small")


def _draw_shares(axes: Any, seeds: list[Record], when: str, part: str, colour: str, label: str) -> None:
    """Draw what is left of a gradient, a thin line a seed and a thick one for the median."""
    shares = np.array([np.array(norms[when][part][1:]) / norms[when][part][1] for norms in seeds])
    steps = range(1, shares.shape[1] + 1)
    axes.plot(steps, np.maximum(shares.T, FLOOR / 100), color=colour, linewidth=0.5, alpha=0.5)
    axes.plot(steps, np.maximum(np.median(shares, axis=0), FLOOR / 100), color=colour, label=label)


def figures(lab: Lab) -> None:
    """Every picture whose results are there."""
    for draw in (lags, reber, text, gradients):
        draw(lab)
