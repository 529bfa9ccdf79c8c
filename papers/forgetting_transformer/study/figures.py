"""The pictures of the experiments, drawn from their result files."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lab.study import Lab, draw_both_sides

from .verdicts import (
    FILES,
    contexts_of,
    octaves,
    positions_of,
    runs_of,
    training_length,
)

COLOURS = {
    "FoX (LLaMA)": "C0", "Transformer (LLaMA)": "C3", "FoX (Pro)": "C9", "Transformer (Pro)": "C1",
    "learned constant gates": "C2", "fixed gates": "C8", "no gates, no positions": "C7",
}  # fmt: skip
PASSAGE = 100  # characters of the text whose gates are shown


def losses(lab: Lab) -> None:
    """Held-out loss by pass, every seed a line, and the training losses of both sides from the same weights."""
    with lab.figure("losses", 11.0, 3.8) as figure:
        left, right = figure.subplots(1, 2)
        for arm in FILES:
            runs = runs_of(lab, arm)
            curves = np.array([[epoch["loss"] for epoch in run["history"]] for run in runs])
            steps = runs[0]["steps"] * np.arange(1, curves.shape[1] + 1) / curves.shape[1]
            left.plot(steps, curves.T, color=COLOURS[arm], linewidth=0.7, alpha=0.5)
            left.plot(steps, curves.mean(axis=0), color=COLOURS[arm], marker="o", markersize=3, label=arm)
        left.set(xlabel="steps", ylabel="held out, nats a character")
        left.legend(fontsize="small")
        draw_both_sides(right, lab.results(FILES["FoX (LLaMA)"])["runs"])
        right.set(xlabel="steps", ylabel="training loss, nats", title="FoX (LLaMA), seed 0")
        right.legend(title="same weights, same batches", fontsize="small")


def positions(lab: Lab) -> None:
    """Loss by position, means over octaves; and of the same characters after more and more context."""
    length = training_length(lab)
    with lab.figure("positions", 12.0, 4.2) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        for arm in FILES:
            nats = positions_of(lab, arm)
            shown = octaves(nats.shape[1])
            middle = [math.sqrt(a * b) for a, b in shown]
            _curve(left, middle, [nats[:, a:b].mean(axis=1) for a, b in shown], arm)
            contexts = contexts_of(lab, arm)
            _curve(right, list(contexts), list(contexts.values()), arm)
        left.axvline(length, color="black", linewidth=0.8, linestyle=":", label="training ends here")
        right.axvline(length / 2, color="black", linewidth=0.8, linestyle=":")
        left.set(xscale="log", xlabel="position", ylabel="nats a character", title="Held-out loss by position")
        right.set(xscale="log", xlabel="characters before them")
        right.set_title(f"The same {length // 2} characters, read after others")
        left.legend(fontsize="small")


def _curve(axes: Any, at: Sequence[float | int], seeds: list[Any], arm: str) -> None:
    """The mean over seeds, and from the least to the largest.    ``seeds``: their losses at each place"""
    values = np.array(seeds)
    axes.plot(at, values.mean(axis=1), color=COLOURS[arm], marker="o", markersize=3, label=arm)
    axes.fill_between(at, values.min(axis=1), values.max(axis=1), color=COLOURS[arm], alpha=0.2)


def gates(lab: Lab) -> None:
    """The gates of every head along a passage, dark where they close."""
    results = lab.results(FILES["FoX (LLaMA)"])["gates"]
    passage = np.array(results["passage"])[..., :PASSAGE]  # (L, H, T)
    layers, heads = passage.shape[:2]
    with lab.figure("gates", 14.0, 0.9 + 0.22 * layers * heads) as figure:
        axes = figure.subplots()
        image = axes.imshow(np.exp(passage.reshape(layers * heads, -1)), aspect="auto", cmap="magma", vmin=0, vmax=1)
        text = [{"\n": "⏎", " ": "·"}.get(character, character) for character in results["text"][: passage.shape[2]]]
        axes.set_xticks(range(len(text)), text, fontsize=7, family="monospace")
        memories = [-1 / mean for layer in results["mean"] for mean in layer]
        names = [f"{layer}, {head}" for layer in range(layers) for head in range(heads)]
        labels = [f"{name}: {memory:,.0f}" for name, memory in zip(names, memories, strict=True)]
        axes.set_yticks(range(layers * heads), labels, fontsize=8)
        axes.set(ylabel="layer, head: memory", title="Forget gates of FoX (LLaMA) on held-out text")
        figure.colorbar(image, ax=axes, label="f")


def decay(lab: Lab) -> None:
    """F_ij, what the gates between key and query leave, for heads of the shortest, a middle and the longest memory."""
    results = lab.results(FILES["FoX (LLaMA)"])["gates"]
    passage = np.array(results["passage"])
    flat = passage.reshape(-1, passage.shape[2])
    order = np.argsort([-1 / mean for layer in results["mean"] for mean in layer])
    with lab.figure("decay", 11.0, 3.6) as figure:
        panels = figure.subplots(1, 3)
        for axes, row in zip(panels, (order[0], order[len(order) // 2], order[-1]), strict=True):
            c = flat[row][:PASSAGE].cumsum()
            weights = np.where(np.tri(len(c), dtype=bool), np.exp(np.minimum(c[:, None] - c, 0)), np.nan)
            image = axes.imshow(weights, cmap="viridis", vmin=0, vmax=1)
            layer, head = divmod(int(row), passage.shape[1])
            axes.set(title=f"layer {layer}, head {head}", xlabel="key", ylabel="query")
        figure.colorbar(image, ax=panels, label="what gates leave of a weight")


def costs(lab: Lab) -> None:
    """Attention's time and memory by length; time and memory of writing a token by its position."""
    results = lab.results("costs")
    with lab.figure("costs", 13.0, 3.4) as figure:
        seconds, megabytes, milliseconds, kilobytes = figure.subplots(1, 4)
        for axes, task, place, cost in (
            (seconds, "attention", "length", "seconds"),
            (megabytes, "attention", "length", "megabytes"),
            (milliseconds, "writing", "position", "milliseconds"),
            (kilobytes, "writing", "position", "kilobytes"),
        ):
            for name, entries in results[task].items():
                values = [entry[cost] for entry in entries]
                axes.plot([entry[place] for entry in entries], values, marker="o", markersize=3, label=name)
        seconds.set(title="attention, both ways: seconds", xlabel="length")
        megabytes.set(title="attention, both ways: MB", xlabel="length")
        milliseconds.set(title="writing: ms a token", xlabel="position", ylim=(0, None))
        kilobytes.set(title="writing: kB kept", xlabel="position")
        for axes in (seconds, megabytes, kilobytes):
            axes.set_yscale("log")
        for axes in figure.axes:
            axes.set_xscale("log")
            at = [int(x) for x in axes.lines[-1].get_xdata()]
            axes.set_xticks(at, [f"{x:,}" for x in at], rotation=45)
            axes.minorticks_off()
        for axes in (seconds, kilobytes):
            axes.legend(fontsize="small")


def figures(lab: Lab) -> None:
    """Every picture."""
    for draw in (losses, positions, gates, decay, costs):
        draw(lab)
