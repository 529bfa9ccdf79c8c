"""The pictures of the experiments, drawn from their result files; what to see in each stands in pages.py."""

import math
from typing import Any

import numpy as np

from tinygrad_lab.study import Lab

from .arms import LONG, LONG_LENGTH, NEEDLES, TEXT
from .needles import VALUES
from .pages import SIDES, losses, memories, of, places
from .verdicts import SOLVED

COLOURS = dict(zip(TEXT, ("C0", "C3", "C9", "C1", "C2", "C8", "C7"), strict=True))
PASSAGE = 100  # characters of the text whose gates are shown


def figures(lab: Lab) -> None:
    """Every picture."""
    for draw in (draw_losses, draw_positions, draw_needles, draw_gates, draw_decay, draw_costs):
        draw(lab)


def draw_losses(lab: Lab) -> None:
    """Held-out loss of short windows by step, and the losses by which their rates were chosen."""
    with lab.figure("losses", 11.0, 3.8) as figure:
        left, right = figure.subplots(1, 2)
        for arm in TEXT:
            draw_arm(left, lab, arm)
            scores = lab.results("rates")["losses"][f"{arm} (text)"]
            right.plot([float(rate) for rate in scores], list(scores.values()), ".-", color=COLOURS[arm])
        tried = sorted({rate for arm in TEXT for rate in lab.results("rates")["losses"][f"{arm} (text)"]}, key=float)
        left.set(xlabel="steps", ylabel="held out, nats a character")
        left.legend(fontsize="small")
        right.set(xlabel="learning rate", ylabel="validation, nats a character", xscale="log")
        right.set_xticks([float(rate) for rate in tried], tried)
        right.minorticks_off()


def draw_arm(axes: Any, lab: Lab, arm: str) -> None:
    """Every seed a line, and their mean."""
    runs = lab.runs("text", arm=arm)
    curves = np.array([[look["loss"] for look in run["history"]] for run in runs])
    steps = runs[0]["steps"] * np.arange(1, curves.shape[1] + 1) / curves.shape[1]
    axes.plot(steps, curves.T, color=COLOURS[arm], linewidth=0.7, alpha=0.5)
    axes.plot(steps, curves.mean(axis=0), color=COLOURS[arm], marker="o", markersize=3, label=arm)


def draw_positions(lab: Lab) -> None:
    """Loss by position, means over octaves; and of the same characters after more and more context."""
    with lab.figure("positions", 10.0, 3.8) as figure:
        panels = figure.subplots(1, 2, sharey=True)
        for axes, kind in zip(panels, ("at", "after"), strict=True):
            for arm in LONG:
                draw_places(axes, lab, arm, kind)
            axes.axvline(LONG_LENGTH, color="black", linewidth=0.8, linestyle=":")
            axes.set(xscale="log", ylabel="nats a character")
            axes.set_xticks(places(lab, kind), [f"{n:,}" for n in places(lab, kind)], rotation=45)
            axes.minorticks_off()
        panels[0].set(xlabel="position, from here to twice it", title="Held-out loss by position")
        panels[1].set(xlabel="characters before it", title="The same text after more and more")
        panels[0].legend(fontsize="small")


def draw_places(axes: Any, lab: Lab, arm: str, kind: str) -> None:
    """An arm's mean over seeds, and from the least to the largest."""
    at = places(lab, kind)
    values = np.array([of(lab, arm, f"{kind} {n}") for n in at])
    middle = [n * math.sqrt(2) for n in at] if kind == "at" else at
    (line,) = axes.plot(middle, values.mean(axis=1), marker="o", markersize=3, label=arm)
    axes.fill_between(middle, values.min(axis=1), values.max(axis=1), color=line.get_color(), alpha=0.2)


def draw_needles(lab: Lab) -> None:
    """A row for each arm of both tasks, a mark for each trial: filled the engine's, hollow PyTorch's."""
    rows = [(task, arm) for task, arms in NEEDLES.items() for arm in arms]
    with lab.figure("needles", 8.0, 2.8) as figure:
        axes = figure.subplots()
        for place, (task, arm) in enumerate(rows):
            for side, fill in zip(SIDES, ("full", "none"), strict=True):
                nats = losses(lab, task, arm, side)
                lifted = place + 0.15 * (1 if side == "torch" else -1)
                axes.plot(nats, [lifted] * len(nats), "o", color=f"C{place}", fillstyle=fill, alpha=0.7)
        for edge, style in ((math.log(VALUES), ":"), (SOLVED, "--")):
            axes.axvline(edge, color="black", linewidth=0.8, linestyle=style)
        axes.set_yticks(range(len(rows)), [f"{task}: {arm}" for task, arm in rows])
        axes.set(xlabel="nats a question", xlim=(0, None), ylim=(len(rows) - 0.5, -0.5))


def draw_gates(lab: Lab) -> None:
    """The gates of every head along a passage, dark where they close."""
    results = lab.results("long")["gates"]
    passage = np.array(results["passage"])[..., :PASSAGE]  # (L, H, T)
    layers, heads, length = passage.shape
    with lab.figure("gates", 14.0, 0.9 + 0.22 * layers * heads) as figure:
        axes = figure.subplots()
        image = axes.imshow(np.exp(passage.reshape(-1, length)), aspect="auto", cmap="magma", vmin=0, vmax=1)
        text = [{"\n": "⏎", " ": "·"}.get(character, character) for character in results["text"][:length]]
        axes.set_xticks(range(len(text)), text, fontsize=7, family="monospace")
        named = [f"{n // heads}, {n % heads}: {memory:,.0f}" for n, memory in enumerate(memories(results))]
        axes.set_yticks(range(layers * heads), named, fontsize=8)
        axes.set(ylabel="layer, head: memory", title="Forget gates on held-out text")
        figure.colorbar(image, ax=axes, label="f")


def draw_decay(lab: Lab) -> None:
    """F_ij, what the gates between key and query leave, for heads of the shortest, a middle and the longest memory."""
    results = lab.results("long")["gates"]
    passage = np.array(results["passage"])
    flat, order = passage.reshape(-1, passage.shape[2]), np.argsort(memories(results))
    with lab.figure("decay", 11.0, 3.6) as figure:
        panels = figure.subplots(1, 3)
        for axes, row in zip(panels, (order[0], order[len(order) // 2], order[-1]), strict=True):
            c = flat[row][:PASSAGE].cumsum()
            weights = np.where(np.tri(len(c), dtype=bool), np.exp(np.minimum(c[:, None] - c, 0)), np.nan)
            image = axes.imshow(weights, cmap="viridis", vmin=0, vmax=1)
            layer, head = divmod(int(row), passage.shape[1])
            axes.set(title=f"layer {layer}, head {head}", xlabel="key", ylabel="query")
        figure.colorbar(image, ax=panels, label="what gates leave of a weight")


COSTS = (
    ("attention", "length", "seconds", "attention, both ways: seconds"),
    ("attention", "length", "megabytes", "attention, both ways: MB"),
    ("writing", "position", "milliseconds", "writing: ms a token"),
    ("writing", "position", "kilobytes", "writing: kB kept"),
)
WIDTHS = {"in blocks": 4.0}  # in points, as the pruned line lies on this one where both need as much


def draw_costs(lab: Lab) -> None:
    """Attention's time and memory by length; time and memory of writing a token by its position."""
    with lab.figure("costs", 13.0, 3.4) as figure:
        for axes, (task, place, cost, title) in zip(figure.subplots(1, 4), COSTS, strict=True):
            for name, entries in lab.results("costs")[task].items():
                at, values = ([entry[key] for entry in entries] for key in (place, cost))
                axes.plot(at, values, marker="o", markersize=3, label=name, linewidth=WIDTHS.get(name, 1.5))
            axes.set(title=title, xlabel=place, xscale="log", yscale="linear" if cost == "milliseconds" else "log")
            axes.set_xticks(at, [f"{x:,}" for x in at], rotation=45)
            axes.minorticks_off()
            axes.legend(fontsize="small")
