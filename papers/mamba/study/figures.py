"""The pictures of Mamba's experiments, drawn from their result files."""

from typing import Any

import numpy as np

from papers.mamba.study.verdicts import ARMS, accuracy, asked_lengths, at_length, bits, language_models, nats, runs_of
from tinygrad_lab.study import Lab

COLOURS = {"selective": "C0", "time-invariant": "C3"}
UPDATES = 100  # between two looks at the test sequences


def tasks(lab: Lab) -> None:
    """Both synthetic tasks on the way, every seed a line; and induction heads far beyond the length of training."""
    with lab.figure("tasks", 13.0, 3.6) as figure:
        *ways, far = figure.subplots(1, 3)
        for axes, task in zip(ways, ("copying", "induction"), strict=True):
            for arm in ARMS:
                runs = runs_of(lab, task, arm)
                label = f"{arm}: {np.mean(accuracy(runs)):.0f} %"
                for run in runs:
                    right = [entry["accuracy"] for entry in run["history"]]
                    axes.plot(
                        UPDATES * np.arange(1, len(right) + 1), right, color=COLOURS[arm], label=label, marker="."
                    )
                    label = ""
            axes.set(title=f"{_TITLES[task]}", xlabel="updates", ylim=(0, 104))
            axes.legend(fontsize="small")
        ways[0].set_ylabel("test answers right, %")
        for arm in ARMS:
            lengths = [length for length in asked_lengths(lab) if at_length(lab, arm, length)]
            for length in lengths:
                values = at_length(lab, arm, length)
                far.plot([int(length)] * len(values), values, ".", color=COLOURS[arm], alpha=0.6)
            means = [np.mean(at_length(lab, arm, length)) for length in lengths]
            far.plot([int(length) for length in lengths], means, color=COLOURS[arm], label=arm)
        config = lab.results("induction")["configs"]["selective"]
        far.axhline(100 / (config["vocab_size"] - 1), color="black", linewidth=0.6, linestyle=":", label="guessing")
        far.axvline(config["length"], color="black", linewidth=0.6, linestyle="--", label="length of training")
        far.set(title="induction heads, longer and longer", xlabel="tokens", xscale="log", ylim=(0, 104))
        far.legend(fontsize="small")


_TITLES = {"copying": "selective copying", "induction": "induction heads"}


def step_sizes(lab: Lab) -> None:
    """What the network that copies does with its step sizes: one line a block, tokens to keep marked."""
    found, config = lab.results("copying")["step_sizes"], lab.results("copying")["configs"]["selective"]
    tokens = np.array(found["tokens"])
    kept = np.flatnonzero((tokens != 0) & (tokens != config["vocab_size"] - 1))
    with lab.figure("step_sizes", 9.0, 3.2) as figure:
        axes = figure.subplots()
        for place in kept:
            axes.axvline(
                place, color="C2", linewidth=5, alpha=0.25, label="a token to copy" if place == kept[0] else None
            )
        axes.axvline(config["length"] - 0.5, color="black", linewidth=0.6, linestyle="--", label="the answers begin")
        for number, sizes in enumerate(found["blocks"], 1):
            axes.plot(sizes, marker=".", label=f"block {number}")
        axes.set(
            title="Step sizes Δ along one sequence, means over the channels", xlabel="place", ylabel="Δ", yscale="log"
        )
        axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))


def text(lab: Lab) -> None:
    """Training losses of small networks with and without selection, and of the language model with its neighbours."""
    ablation, models = {arm: runs_of(lab, "ablation", arm) for arm in ARMS}, language_models(lab)
    with lab.figure("text", 10.0, 3.6) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        for arm, runs in ablation.items():
            _losses(left, runs, COLOURS[arm], f"{arm}: {np.mean(bits(runs)):.2f} held out")
        for colour, (name, runs) in zip(("C0", "C1", "C2"), models.items(), strict=True):
            _losses(right, runs, colour, f"{name}: {np.mean(nats(runs)) / np.log(2):.2f} held out")
        for axes, config in ((left, ablation["selective"][0]["config"]), (right, models["Mamba"][0]["config"])):
            title = f"{config['layers']} layers of width {config['hidden_size']}"
            axes.set(title=title, xlabel="updates", ylim=(1.5, 5))
            axes.legend(fontsize="small")
        right.set_title(f"{right.get_title()}, and as many parameters")
        left.set_ylabel("training loss, bits per character")


def _losses(axes: Any, runs: list[dict[str, Any]], colour: str, label: str) -> None:
    for run in runs:
        losses = np.array(run["losses"]) / np.log(2)
        updates = run["steps"] * np.arange(len(losses)) / len(losses)
        axes.plot(updates, losses, color=colour, linewidth=0.8, alpha=0.7, label=label)
        label = ""


def cost(lab: Lab) -> None:
    """Time and memory of a character by its position; time and memory of a scan by its length."""
    results = lab.results("text")
    found, config = results["cost"], results["runs"][0]["config"]
    positions = np.array(found["positions"])
    with lab.figure("cost", 13.0, 3.6) as figure:
        times, memory, scans = figure.subplots(1, 3)
        times.plot(positions, found["written"]["milliseconds"], marker="o", label="with its state")
        times.plot(positions, found["reread"], marker="o", color="C7", label="reading everything again")
        times.set(title="time for one character", xlabel="position", ylabel="ms", xscale="log", yscale="log")
        memory.plot(positions, found["written"]["kilobytes"], marker="o", label="Mamba's state")
        cached = 2 * 4 * config["hidden_size"] * 4 * positions / 1e3
        memory.plot(positions, cached, color="C1", linestyle="--", label="keys and values of 4 layers of attention")
        memory.set(title="kept for the next character", xlabel="position", ylabel="kB", xscale="log", yscale="log")
        steps = lab.results("scan")["steps"]
        for form, colour in (("fused", "C0"), ("step by step", "C3")):
            sizes = [found[form]["megabytes"] for found in steps.values()]
            scans.plot([int(n) for n in steps], sizes, marker="s", color=colour, label=f"{form}, MB")
            taken = [found[form]["milliseconds"] for found in steps.values()]
            scans.plot([int(n) for n in steps], taken, marker="o", linestyle="--", color=colour, label=f"{form}, ms")
        scans.set(title="a scan, forward and backward", xlabel="steps", xscale="log", yscale="log")
        for axes in (times, memory, scans):
            axes.legend(fontsize="small")


def figures(lab: Lab) -> None:
    """Every picture."""
    tasks(lab)
    step_sizes(lab)
    text(lab)
    cost(lab)
