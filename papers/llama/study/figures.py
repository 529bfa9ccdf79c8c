"""The pictures of the case study, drawn from its result files."""

import math
from itertools import zip_longest
from typing import Any

from tinygrad_lab.study import Lab, steps_of

from .blocks import apart
from .numbers import at_size, nats, seconds, sizes, text, tokens
from .verdicts import NANOGPT

LABELS = {
    "gpt": "all of GPT's block",
    "layer-norm": "LayerNorm for RMSNorm",
    "gelu": "GELU for SwiGLU",
    "learned": "learned positions for rotary",
    "grouped queries": "grouped queries for full",
}
MILLISECONDS = (20, 50, 100, 200, 500, 1000, 2000)  # that are named where they lie inside the picture


def losses(lab: Lab) -> None:
    """Training losses of both sides on top of each other, how far apart they are, and the held-out loss by step."""
    with lab.figure("losses", 13.0, 3.6) as figure:
        left, middle, right = figure.subplots(1, 3)
        ours, theirs = (lab.runs("characters", side)[0] for side in ("numpy", "torch"))
        steps = steps_of(ours)
        left.plot(steps, ours["losses"], label="NumPy", linewidth=1.6)
        left.plot(steps, theirs["losses"], "--", label="PyTorch", linewidth=1)
        left.set(xlabel="step", ylabel="training loss, nats", title="Same weights, same batches")
        left.legend()
        middle.plot(steps, [max(value, 1e-8) for value in apart(lab)], linewidth=1)
        middle.set(xlabel="step", yscale="log", title="how far the two losses are apart")
        _held_out(lab, right)


def _held_out(lab: Lab, axes: Any) -> None:
    """The held-out loss of both sides on their way, and where nanoGPT's recipe ends."""
    for side, style in (("numpy", "o-"), ("torch", "x--")):
        run = lab.runs("characters", side)[0]
        seen = [epoch["loss"] for epoch in run["history"]]
        places = [run["steps"] * (i + 1) / len(seen) for i in range(len(seen))]
        axes.plot(places, seen, style, markersize=4, linewidth=1, label=f"our recipe, {side}")
    ends = lab.values("yardstick", "metrics", "loss")
    last = lab.runs("yardstick")[0]["steps"]
    axes.plot([last] * len(ends), ends, "s", markersize=4, alpha=0.7, label="nanoGPT's recipe")
    axes.axhline(NANOGPT, color="black", linewidth=0.8, linestyle=":", label=f"nanoGPT, {NANOGPT}")
    axes.set(xlabel="step", ylabel="held out, nats a character", title=text(lab))
    axes.legend(fontsize="small")
    _bits_beside(axes)


def _bits_beside(axes: Any) -> None:
    """A second scale at the right."""
    beside = axes.secondary_yaxis("right", functions=(lambda nats: nats / math.log(2), lambda bits: bits * math.log(2)))
    beside.set_ylabel("bits")


def parts(lab: Lab) -> None:
    """What exchanging each part costs, a dot a seed, and the interval of the mean."""
    base = nats(lab, "llama")
    with lab.figure("parts", 7.5, 3.2) as figure:
        axes = figure.subplots()
        for place, name in enumerate(LABELS):
            more = [b - a for a, b in zip(base, nats(lab, name), strict=True)]
            mean = lab.interval(more)
            axes.plot(more, [place] * len(more), "o", color=f"C{place}", markersize=4, alpha=0.7)
            if mean.count > 1:
                axes.errorbar(mean.mean, place, xerr=mean.half_width, color=f"C{place}", capsize=4, linewidth=1.4)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_yticks(range(len(LABELS)), list(LABELS.values()))
        axes.invert_yaxis()
        axes.set(xlabel="nats a character more than LLaMA (right: LLaMA is better)")


def by_size(lab: Lab) -> None:
    """Held-out loss by tokens, a line a size; a dotted line joins networks that cost about the same arithmetic."""
    found = sizes(lab)
    points = {width: [_point(lab, width, steps) for steps in some] for width, some in found.items()}
    with lab.figure("sizes", 7.0, 4.0) as figure:
        axes = figure.subplots()
        for width, line in points.items():
            parameters = lab.runs("sizes", arm=f"{width}, {found[width][0]}")[0]["parameters"]
            axes.errorbar(
                *zip(*line, strict=True), fmt="o-", label=f"width {width}, {parameters:,} parameters", capsize=3
            )
        for column in zip_longest(*(reversed(line) for line in points.values())):
            alike = [point[:2] for point in column if point]
            axes.plot(*zip(*alike, strict=True), ":", color="grey", linewidth=1, zorder=0)
        axes.set(xscale="log", xlabel="characters trained on", ylabel="held out, nats a character", title=text(lab))
        axes.legend(fontsize="small")
        _bits_beside(axes)


def _point(lab: Lab, width: int, steps: int) -> tuple[float, float, float]:
    """Tokens, mean loss, and half the width of its interval; nothing where there is one run."""
    loss = lab.interval(at_size(lab, width, steps))
    read = tokens(lab.runs("sizes", arm=f"{width}, {steps}")[0])
    return float(read), loss.mean, loss.half_width if loss.count > 1 else 0.0


def speed(lab: Lab) -> None:
    """Milliseconds of a token by how many were before it."""
    with lab.figure("speed", 6.0, 3.4) as figure:
        axes = figure.subplots()
        lengths: set[int] = set()
        for side, label, colour in (("numpy", "NumPy", "C0"), ("torch", "PyTorch", "C1")):
            for how, style in (("cached", "-o"), ("read anew", ":s")):
                times = seconds(lab, side, how)
                lengths |= set(times)
                shown = [1e3 * value for value in times.values()]
                axes.plot(list(times), shown, style, color=colour, label=f"{label}, {how}", markersize=4)
        axes.set(xscale="log", yscale="log", title="135 million parameters")
        axes.set(xlabel="tokens before", ylabel="ms a token")
        _named(axes, sorted(lengths))
        axes.legend(fontsize="small")


def _named(axes: Any, lengths: list[int]) -> None:
    """The measured lengths and round times at the axes, and nothing between them that would print over them."""
    axes.minorticks_off()
    axes.set_xticks(lengths, [str(length) for length in lengths])
    low, high = axes.get_ylim()
    inside = [value for value in MILLISECONDS if low <= value <= high]
    if len(inside) > 1:
        axes.set_yticks(inside, [str(value) for value in inside])


def figures(lab: Lab) -> None:
    """Every picture."""
    losses(lab)
    parts(lab)
    by_size(lab)
    speed(lab)
