"""The pictures of the LSTM experiments, drawn from their result files."""

from typing import Any

import numpy as np

from papers.lstm.study.verdicts import (
    TEXTS,
    adding_trials,
    bits,
    gradient_lag,
    measured_lags,
    measured_texts,
    reber_trials,
    text_runs,
)
from tinygrad_lab.study import Lab

COLOURS = {"1997": "C0", "2000": "C2", "2000, forget bias 5": "C2", "2000, forget bias 1": "C1", "rnn": "C3"}
CHECKED = 256  # strings between two looks at the Reber grammar


def lags(lab: Lab) -> None:
    """The adding problem: the error on the way, one panel a lag, every seed a line."""
    shown = measured_lags(lab)
    with lab.figure("adding", 3.0 * len(shown), 3.4) as figure:
        panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
        for axes, lag in zip(panels, shown, strict=True):
            results = lab.results(f"adding-{lag}")
            for arm in results["trials"]:
                for trial in adding_trials(lab, lag, arm):
                    config = results["configs"][arm]
                    errors = [entry["squared_error"] for entry in trial["history"]]
                    seen = config["items"] / 1000 * np.arange(1, len(errors) + 1)
                    label = _once(axes, arm)
                    axes.plot(seen, errors, color=COLOURS[arm], label=label, linewidth=1.2, alpha=0.85)
                    if trial["solved"]:
                        axes.plot(seen[-1], errors[-1], "o", color=COLOURS[arm], markersize=5)
            axes.axhline(1 / 24, color="black", linewidth=0.6, linestyle=":")
            axes.set(title=f"T = {lag}", xlabel="sequences seen, thousands", yscale="log")
        panels[0].set_ylabel("squared error, 2,560 test sequences")
        panels[0].legend(fontsize="small")
        figure.suptitle("Adding problem: a dot is a solved trial, the dotted line answering with the mean")


def _once(axes: Any, label: str) -> str | None:
    """The label for the first line that has it."""
    return label if label not in axes.get_legend_handles_labels()[1] else None


def reber(lab: Lab) -> None:
    """Percent of the strings of training and test set in which every prediction is legal, by strings seen."""
    results = lab.results("reber")
    with lab.figure("reber", 6.0, 3.4) as figure:
        axes = figure.subplots()
        for arm in results["trials"]:
            for trial in reber_trials(lab, arm):
                correct = [entry["correct"] for entry in trial["history"]]
                seen = CHECKED * np.arange(1, len(correct) + 1)
                axes.plot(seen, correct, color=COLOURS[arm], label=_once(axes, arm), linewidth=1, alpha=0.8)
                if trial["solved"]:
                    axes.plot(seen[-1], 100, "o", color=COLOURS[arm], markersize=5)
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
                runs = text_runs(lab, name, arm)
                curves = np.array([[epoch["bits"] for epoch in run["history"]] for run in runs])
                passes = np.arange(1, curves.shape[1] + 1)
                axes.plot(passes, curves.T, color=COLOURS[arm], linewidth=0.8, alpha=0.6)
                mean = f"{label}: {np.mean(bits(runs)):.2f}"
                axes.plot(passes, curves.mean(axis=0), color=COLOURS[arm], label=mean, marker="o", markersize=3)
            axes.set(title=TEXTS[name], xlabel="pass over the text", ylabel="held out, bits per character")
            axes.legend(fontsize="small")
        for side, style in (("numpy", "-"), ("torch", "--")):
            run = next(run for run in text_runs(lab, names[0], "2000", side) if run["seed"] == 0)
            steps = run["steps"] * np.arange(len(run["losses"])) / len(run["losses"])
            last.plot(steps, run["losses"], style, label=side, linewidth=1)
        last.set(xlabel="update", ylabel="training loss, nats", title=f"{TEXTS[names[0]]}, LSTM, seed 0")
        last.legend(title="same weights, same batches", fontsize="small")


def gradients(lab: Lab) -> None:
    """The gradient norm by time lag, before and after training, for the adding problem and for text."""
    lag = gradient_lag(lab)
    adding, name = lab.results(f"adding-{lag}")["gradients"], measured_texts(lab)[0]
    written = lab.results(f"text-{name}")["gradients"]
    panels = (
        (f"adding, T = {lag}: untrained", "untrained", adding, "1997"),
        (f"adding, T = {lag}: trained", "trained", adding, "1997"),
        (f"{TEXTS[name]}: untrained", "untrained", written, "2000"),
        (f"{TEXTS[name]}: trained", "trained", written, "2000"),
    )
    with lab.figure("gradients", 13.0, 3.4) as figure:
        for axes, (title, when, found, cell) in zip(figure.subplots(1, 4), panels, strict=True):
            curves = {f"LSTM of {cell}, c": found[cell][when]["c"], f"LSTM of {cell}, h": found[cell][when]["h"]}
            curves["plain network, h"] = found["rnn"][when]["h"]
            for (label, norms), colour in zip(curves.items(), (COLOURS[cell], "C9", COLOURS["rnn"]), strict=True):
                share = np.maximum(np.array(norms[1:]) / norms[1], 1e-12)
                axes.plot(range(1, len(share) + 1), share, color=colour, label=label)
            axes.set(title=title, xlabel="steps before the end", yscale="log", ylim=(1e-10, 1e2))
        figure.axes[0].set_ylabel("gradient norm, 1 at one step")
        figure.axes[0].legend(fontsize="small")


def figures(lab: Lab) -> None:
    """Every picture whose results are there."""
    lags(lab)
    reber(lab)
    text(lab)
    gradients(lab)
