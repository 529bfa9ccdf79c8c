"""The pictures of Mamba's experiments, drawn from their result files; what to see in each stands in pages.py."""

from typing import Any

import numpy as np

from tinygrad_lab.study import Lab, Record, curve

from .experiment import ARMS, EVERY, SOLVED
from .verdicts import NAMES, asked_lengths, at_length, nats

COLOURS = {"selective": "C0", "time-invariant": "C3", "LLaMA": "C1", "FoX": "C2"}


def figures(lab: Lab) -> None:
    """Every picture."""
    with lab.figure("tasks", 10.0, 3.6) as figure:
        left, right = figure.subplots(1, 2)
        draw_copying(left, lab)
        draw_lengths(right, lab)
    with lab.figure("step_sizes", 11.0, 3.4) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        draw_sequence(left, lab)
        draw_since(right, lab)
    with lab.figure("text", 10.0, 3.6) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        draw_models(left, lab)
        draw_sides(right, lab)
    with lab.figure("cost", 13.0, 3.6) as figure:
        times, memory, scans = figure.subplots(1, 3)
        draw_times(times, lab)
        draw_memory(memory, lab)
        draw_scans(scans, lab)


# ---- synthetic tasks -------------------------------------------------------------------------------------------------
def draw_copying(axes: Any, lab: Lab) -> None:
    """Copying on the way, every seed a line."""
    for arm in ARMS["copying"]:
        for run in lab.runs("copying", arm=arm):
            right = [entry["accuracy"] for entry in run["history"]]
            label = NAMES[arm] if run["seed"] == 0 else None
            axes.plot(EVERY * np.arange(1, len(right) + 1), right, ".-", color=COLOURS[arm], label=label, linewidth=1)
    axes.axhline(SOLVED, color="black", linewidth=0.6, linestyle=":", label="solved")
    axes.set(title="selective copying", xlabel="updates", ylabel="validation answers right, %", ylim=(0, 104))
    axes.legend(fontsize="small")


def draw_lengths(axes: Any, lab: Lab) -> None:
    """Induction heads far beyond the length of training, every seed a dot."""
    for arm in ARMS["induction"]:
        answered = {length: at_length(lab, arm, length) for length in asked_lengths(lab, arm)}
        for length, values in answered.items():
            axes.plot([length] * len(values), values, ".", color=COLOURS[arm], alpha=0.6)
        name = "rotary attention" if arm == "LLaMA" else NAMES[arm]
        axes.plot(list(answered), [np.mean(values) for values in answered.values()], color=COLOURS[arm], label=name)
    config = lab.runs("induction", arm="selective")[0]["config"]
    axes.axhline(100 / (config["vocab_size"] - 1), color="black", linewidth=0.6, linestyle=":", label="guessing")
    axes.axvline(config["length"], color="black", linewidth=0.6, linestyle="--", label="length of training")
    axes.set(title="induction heads", xlabel="tokens", ylabel="test answers right, %", xscale="log", ylim=(0, 104))
    asked = asked_lengths(lab, "selective")
    axes.set_xticks(asked, [f"{length:,}" for length in asked])
    axes.set_xticks([], minor=True)
    axes.legend(fontsize="small")


# ---- step sizes ------------------------------------------------------------------------------------------------------
def draw_sequence(axes: Any, lab: Lab) -> None:
    """Step sizes along one sequence: one line a block, tokens to keep marked."""
    shown, config = lab.results("copying")["step_sizes"], lab.runs("copying", arm="selective")[0]["config"]
    tokens = np.array(shown["tokens"])
    kept = np.flatnonzero((tokens != 0) & (tokens != config["vocab_size"] - 1))
    for place in kept:
        label = "a token to copy" if place == kept[0] else None
        axes.axvline(place, color="C2", linewidth=5, alpha=0.25, label=label)
    axes.axvline(config["length"] - 0.5, color="black", linewidth=0.6, linestyle="--", label="the answers begin")
    for number, sizes in enumerate(shown["blocks"], 1):
        axes.plot(sizes, marker=".", label=f"block {number}")
    axes.set(xlabel="place", ylabel="Δ, mean over the channels", ylim=(0, None), title="one sequence")
    axes.legend(fontsize="small")


def draw_since(axes: Any, lab: Lab) -> None:
    """Mean step sizes by the distance from the last token, every network a line."""
    seeds = lab.results("copying")["step_sizes"]["since"]
    for seed, blocks in enumerate(seeds):
        for number, means in enumerate(blocks):
            label = f"block {number + 1}" if seed == 0 else None
            axes.plot(means, ".-", color=f"C{number}", linewidth=1, label=label)
    last = len(seeds[0][0]) - 1
    axes.set_xticks(range(last + 1), ["token", *(f"+{n}" for n in range(1, last)), "noise"])
    axes.set(xlabel="places after a token", ylim=(0, None), title="many sequences, every network a line")
    axes.legend(fontsize="small")


# ---- text ------------------------------------------------------------------------------------------------------------
def draw_models(axes: Any, lab: Lab) -> None:
    """Training losses of all language models."""
    for arm in ARMS["text"]:
        draw_runs(axes, lab.runs("text", arm=arm), COLOURS[arm], f"{NAMES[arm]}: {np.mean(nats(lab, arm)):.3f}")
    axes.set(title="NumPy engine", xlabel="updates", ylabel="training loss, nats a character")
    axes.legend(fontsize="small", title="held out")


def draw_sides(axes: Any, lab: Lab) -> None:
    """Both of Mamba's blocks, on both sides."""
    for arm in ARMS["text"][:2]:
        for side, style in (("numpy", "-"), ("torch", "--")):
            found = np.mean(nats(lab, arm, side))
            draw_runs(axes, lab.runs("text", side, arm), COLOURS[arm], f"{NAMES[arm]}, {side}: {found:.3f}", style)
    axes.set(title="both sides, other seeds", xlabel="updates")
    axes.legend(fontsize="small", title="held out")


def draw_runs(axes: Any, runs: list[Record], colour: str, label: str, style: str = "-") -> None:
    """A line a run."""
    for run in runs:
        axes.plot(*curve(run), style, color=colour, linewidth=0.8, alpha=0.7, label=label)
        label = ""


# ---- costs -----------------------------------------------------------------------------------------------------------
def draw_times(axes: Any, lab: Lab) -> None:
    """Time for a character by its position."""
    cost = lab.results("cost")
    axes.plot(cost["positions"], cost["written"]["milliseconds"], marker="o", label="with its state")
    axes.plot(cost["positions"], cost["reread"], marker="o", color="C7", label="reading everything again")
    axes.set(title="time for one character", xlabel="position", ylabel="ms", xscale="log", yscale="log")
    axes.legend(fontsize="small")


def draw_memory(axes: Any, lab: Lab) -> None:
    """What is kept of the characters before."""
    cost, transformer = lab.results("cost"), lab.runs("text", arm="LLaMA")[0]["config"]
    positions = np.array(cost["positions"])
    cached = 2 * 4 * transformer["hidden_size"] * transformer["layers"] * positions / 1e3
    axes.plot(positions, cost["written"]["kilobytes"], marker="o", label="Mamba's state")
    label = f"keys and values of {transformer['layers']} layers of attention"
    axes.plot(positions, cached, color="C1", linestyle="--", label=label)
    axes.set(title="kept for the next character", xlabel="position", ylabel="kB", xscale="log", yscale="log")
    axes.legend(fontsize="small")


def draw_scans(axes: Any, lab: Lab) -> None:
    """Time and memory of a scan by its length."""
    steps = lab.results("scan")["steps"]
    for form, colour in (("fused", "C0"), ("step by step", "C3")):
        for key, unit, line in (("megabytes", "MB", "s-"), ("milliseconds", "ms", "o--")):
            values = [cost[form][key] for cost in steps.values()]
            axes.plot([int(n) for n in steps], values, line, color=colour, label=f"{form}, {unit}")
    axes.set(title="a scan, forward and backward", xlabel="steps", xscale="log", yscale="log")
    axes.legend(fontsize="small")
