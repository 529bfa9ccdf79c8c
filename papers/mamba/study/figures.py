"""The pictures of Mamba's experiments, drawn from their result files."""

from typing import Any

import numpy as np

from tinygrad_lab.study import Lab, Record, steps_of

from .verdicts import ARMS, accuracy, asked_lengths, at_length, language_models

COLOURS = {"selective": "C0", "time-invariant": "C3"}
TITLES = {"copying": "selective copying", "induction": "induction heads"}
UPDATES = 100  # between two looks at the test sequences


def tasks(lab: Lab) -> None:
    """Both synthetic tasks on the way, every seed a line; and induction heads far beyond the length of training."""
    with lab.figure("tasks", 13.0, 3.6) as figure:
        *ways, far = figure.subplots(1, 3)
        for axes, task in zip(ways, TITLES, strict=True):
            for arm in ARMS:
                label = f"{arm}: {np.mean(accuracy(lab, task, arm)):.0f} %"
                for run in lab.runs(task, arm=arm):
                    right = [entry["accuracy"] for entry in run["history"]]
                    updates = UPDATES * np.arange(1, len(right) + 1)
                    axes.plot(updates, right, color=COLOURS[arm], label=label, marker=".")
                    label = ""
            axes.set(title=TITLES[task], xlabel="updates", ylim=(0, 104))
        ways[0].set_ylabel("test answers right, %")
        for arm in ARMS:
            answered = {length: at_length(lab, arm, length) for length in asked_lengths(lab, arm)}
            for length, values in answered.items():
                far.plot([length] * len(values), values, ".", color=COLOURS[arm], alpha=0.6)
            means = [np.mean(values) for values in answered.values()]
            far.plot(list(answered), means, color=COLOURS[arm], label=arm)
        config = lab.results("induction")["configs"]["selective"]
        far.axhline(100 / (config["vocab_size"] - 1), color="black", linewidth=0.6, linestyle=":", label="guessing")
        far.axvline(config["length"], color="black", linewidth=0.6, linestyle="--", label="length of training")
        far.set(title="induction heads, longer and longer", xlabel="tokens", xscale="log", ylim=(0, 104))
        for axes in figure.axes:
            axes.legend(fontsize="small")


def step_sizes(lab: Lab) -> None:
    """What the network that copies does with its step sizes: one line a block, tokens to keep marked."""
    shown, config = lab.results("copying")["step_sizes"], lab.results("copying")["configs"]["selective"]
    tokens = np.array(shown["tokens"])
    kept = np.flatnonzero((tokens != 0) & (tokens != config["vocab_size"] - 1))
    with lab.figure("step_sizes", 9.0, 3.2) as figure:
        axes = figure.subplots()
        for place in kept:
            label = "a token to copy" if place == kept[0] else None
            axes.axvline(place, color="C2", linewidth=5, alpha=0.25, label=label)
        axes.axvline(config["length"] - 0.5, color="black", linewidth=0.6, linestyle="--", label="the answers begin")
        for number, sizes in enumerate(shown["blocks"], 1):
            axes.plot(sizes, marker=".", label=f"block {number}")
        axes.set(xlabel="place", ylabel="Δ", yscale="log")
        axes.set_title("Step sizes Δ along one sequence, means over the channels")
        axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))


def text(lab: Lab) -> None:
    """Training losses of small networks with and without selection, and of the language model with its neighbours."""
    ablation, models = {arm: lab.runs("ablation", arm=arm) for arm in ARMS}, language_models(lab)
    with lab.figure("text", 10.0, 3.6) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        for arm, runs in ablation.items():
            held_out = np.mean([run["metrics"]["bits"] for run in runs])
            _losses(left, runs, COLOURS[arm], f"{arm}: {held_out:.2f} held out")
        for colour, (name, runs) in zip(("C0", "C1", "C2"), models.items(), strict=True):
            held_out = np.mean([run["nats"] for run in runs]) / np.log(2)
            _losses(right, runs, colour, f"{name}: {held_out:.2f} held out")
        shown = ((left, ablation["selective"], ""), (right, models["Mamba"], ", and as many parameters"))
        for axes, runs, more in shown:
            config = runs[0]["config"]
            title = f"{config['layers']} layers of width {config['hidden_size']}{more}"
            axes.set(title=title, xlabel="updates", ylim=(1.5, 5))
            axes.legend(fontsize="small")
        left.set_ylabel("training loss, bits per character")


def _losses(axes: Any, runs: list[Record], colour: str, label: str) -> None:
    """Draw a line a run, in bits."""
    for run in runs:
        losses = np.array(run["losses"]) / np.log(2)
        axes.plot(steps_of(run), losses, color=colour, linewidth=0.8, alpha=0.7, label=label)
        label = ""


def cost(lab: Lab) -> None:
    """Time and memory of a character by its position; time and memory of a scan by its length."""
    results = lab.results("text")
    measured, config = results["cost"], results["runs"][0]["config"]
    positions = np.array(measured["positions"])
    with lab.figure("cost", 13.0, 3.6) as figure:
        times, memory, scans = figure.subplots(1, 3)
        times.plot(positions, measured["written"]["milliseconds"], marker="o", label="with its state")
        times.plot(positions, measured["reread"], marker="o", color="C7", label="reading everything again")
        times.set(title="time for one character", xlabel="position", ylabel="ms", xscale="log", yscale="log")
        memory.plot(positions, measured["written"]["kilobytes"], marker="o", label="Mamba's state")
        cached = 2 * 4 * config["hidden_size"] * 4 * positions / 1e3
        memory.plot(positions, cached, color="C1", linestyle="--", label="keys and values of 4 layers of attention")
        memory.set(title="kept for the next character", xlabel="position", ylabel="kB", xscale="log", yscale="log")
        steps = lab.results("scan")["steps"]
        for form, colour in (("fused", "C0"), ("step by step", "C3")):
            for key, unit, line in (("megabytes", "MB", "s-"), ("milliseconds", "ms", "o--")):
                values = [cost[form][key] for cost in steps.values()]
                scans.plot([int(n) for n in steps], values, line, color=colour, label=f"{form}, {unit}")
        scans.set(title="a scan, forward and backward", xlabel="steps", xscale="log", yscale="log")
        for axes in (times, memory, scans):
            axes.legend(fontsize="small")


def figures(lab: Lab) -> None:
    """Every picture."""
    for draw in (tasks, step_sizes, text, cost):
        draw(lab)
