"""The pictures of the LSTM experiments, drawn from their result files."""

from typing import Any

import numpy as np

from tinygrad_lab.study import Lab, draw_both_sides

from .verdicts import TEXTS, Trials, bits, gradient_lag, measured_lags, measured_texts, trials_of

COLOURS = {"1997": "C0", "2000": "C2", "2000, forget bias 5": "C2", "2000, forget bias 1": "C1", "rnn": "C3"}
CHECKED = 256  # strings between two looks at the Reber grammar


def _draw_trials(axes: Any, arm: str, trials: Trials, name: str, apart: float, **line: float) -> None:
    """Draw a metric on the way, a line a trial and a dot where it is solved; ``apart``: between looks, on the axis."""
    for number, trial in enumerate(trials):
        values = [entry[name] for entry in trial["history"]]
        seen = apart * np.arange(1, len(values) + 1)
        axes.plot(seen, values, color=COLOURS[arm], label=None if number else arm, **line)
        if trial["solved"]:
            axes.plot(seen[-1], values[-1], "o", color=COLOURS[arm], markersize=5)


def lags(lab: Lab) -> None:
    """The adding problem: the error on the way, one panel a lag, every seed a line."""
    shown = measured_lags(lab)
    with lab.figure("adding", 3.0 * len(shown), 3.4) as figure:
        panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
        for axes, lag in zip(panels, shown, strict=True):
            for arm, config in lab.results(f"adding-{lag}")["configs"].items():
                trials, thousands = trials_of(lab, f"adding-{lag}", arm), config["items"] / 1000
                _draw_trials(axes, arm, trials, "squared_error", thousands, linewidth=1.2, alpha=0.85)
            axes.axhline(1 / 24, color="black", linewidth=0.6, linestyle=":")
            axes.set(title=f"T = {lag}", xlabel="sequences seen, thousands", yscale="log")
        panels[0].set_ylabel("squared error, 2,560 test sequences")
        panels[0].legend(fontsize="small")
        figure.suptitle("Adding problem: a dot is a solved trial, the dotted line answering with the mean")


def reber(lab: Lab) -> None:
    """Percent of the strings of training and test set in which every prediction is legal, by strings seen."""
    with lab.figure("reber", 6.0, 3.4) as figure:
        axes = figure.subplots()
        for arm in lab.results("reber")["trials"]:
            trials = trials_of(lab, "reber", arm)
            _draw_trials(axes, arm, trials, "correct", CHECKED, linewidth=1, alpha=0.8)
        axes.axvline(8440, color="black", linewidth=0.6, linestyle=":", label="the paper's best LSTM")
        axes.set(xlabel="strings seen", ylabel="strings right, %", title="Embedded Reber grammar, one line a trial")
        axes.legend(fontsize="small")


def text(lab: Lab) -> None:
    """Held-out bits per character by pass, and the training losses of both sides from the same weights."""
    names = measured_texts(lab)
    with lab.figure("text", 4.0 * (len(names) + 1), 3.4) as figure:
        *panels, last = figure.subplots(1, len(names) + 1)
        for axes, name in zip(panels, names, strict=True):
            for arm, label in (("2000", "LSTM"), ("rnn", "plain network, as many parameters")):
                runs = lab.runs(f"text-{name}", arm=arm)
                curves = np.array([[epoch["bits"] for epoch in run["history"]] for run in runs])
                passes = np.arange(1, curves.shape[1] + 1)
                axes.plot(passes, curves.T, color=COLOURS[arm], linewidth=0.8, alpha=0.6)
                mean = f"{label}: {np.mean(bits(lab, name, arm)):.2f}"
                axes.plot(passes, curves.mean(axis=0), color=COLOURS[arm], label=mean, marker="o", markersize=3)
            axes.set(title=TEXTS[name], xlabel="pass over the text", ylabel="held out, bits per character")
            axes.legend(fontsize="small")
        draw_both_sides(last, lab.results(f"text-{names[0]}")["runs"]["2000"])
        last.set(xlabel="update", ylabel="training loss, nats", title=f"{TEXTS[names[0]]}, LSTM, seed 0")
        last.legend(title="same weights, same batches", fontsize="small")


def gradients(lab: Lab) -> None:
    """The gradient norm by time lag, before and after training, for the adding problem and for text."""
    lag, name = gradient_lag(lab), measured_texts(lab)[0]
    tasks = (
        (f"adding, T = {lag}", lab.results(f"adding-{lag}")["gradients"], "1997"),
        (TEXTS[name], lab.results(f"text-{name}")["gradients"], "2000"),
    )
    panels = [(*task, when) for task in tasks for when in ("untrained", "trained")]
    with lab.figure("gradients", 13.0, 3.4) as figure:
        for axes, (task, norms, cell, when) in zip(figure.subplots(1, 4), panels, strict=True):
            for label, colour, shown in (
                (f"LSTM of {cell}, c", COLOURS[cell], norms[cell][when]["c"]),
                (f"LSTM of {cell}, h", "C9", norms[cell][when]["h"]),
                ("plain network, h", COLOURS["rnn"], norms["rnn"][when]["h"]),
            ):
                share = np.maximum(np.array(shown[1:]) / shown[1], 1e-12)
                axes.plot(range(1, len(share) + 1), share, color=colour, label=label)
            title = f"{task}: {when}"
            axes.set(title=title, xlabel="steps before the end", yscale="log", ylim=(1e-10, 1e2))
        figure.axes[0].set_ylabel("gradient norm, 1 at one step")
        for axes in figure.axes[::2]:  # each task has an LSTM of its own
            axes.legend(fontsize="small")


def figures(lab: Lab) -> None:
    """Every picture whose results are there."""
    for draw in (lags, reber, text, gradients):
        draw(lab)
