"""The pictures of the AlexNet experiments, drawn from their result files; what to see in each stands in pages.py."""

from typing import Any

import numpy as np

from tinygrad_lab.study import Lab

from .experiment import ARMS
from .pages import STARTS, last, pixels

LOOKS = {"relu": ("C0", "-"), "tanh": ("C1", "--")}  # solid and dashed as in the paper


def figures(lab: Lab) -> None:
    """Every picture."""
    speed(lab)
    arms(lab)
    kernels(lab)


def speed(lab: Lab) -> None:
    """Figure 1: training error by step, a line a seed, ReLU solid and tanh dashed."""
    results = lab.results("speed")
    with lab.figure("speed", 9.0, 4.0) as figure:
        for axes, comparison in zip(figure.subplots(1, 2, sharey=True), STARTS, strict=True):
            for unit, sides in results["curves"][comparison].items():
                draw_curves(axes, unit, sides["numpy"], results["every"])
            axes.axhline(results["level"], color="black", linewidth=0.5)
            axes.set(xlabel="step", title=STARTS[comparison], xlim=(0, results["steps"]), ylim=(0, 100))
            axes.legend(fontsize="small")
        figure.axes[0].set_ylabel("training error, %")


def draw_curves(axes: Any, unit: str, curves: list[list[float]], every: int) -> None:
    """The curves of one unit, each up to where it ended."""
    colour, line = LOOKS[unit]
    for number, curve in enumerate(curves):
        steps = every * np.arange(1, len(curve) + 1)
        axes.plot(steps, curve, line, color=colour, linewidth=1, label=None if number else unit)


def arms(lab: Lab) -> None:
    """Training and test error of every network, one bar each with its 95 % interval, and a point a seed."""
    with lab.figure("arms", 8.0, 4.0) as figure:
        axes = figure.subplots()
        for shift, split, colour in ((-0.2, "train", "C7"), (0.2, "test", "C0")):
            for position, arm in enumerate(ARMS):
                label = None if position else {"train": "training", "test": "test"}[split]
                draw_bar(axes, lab, position + shift, last(lab, arm, split), colour, label)
        axes.set_xticks(range(len(ARMS)), ARMS, fontsize="small")
        axes.set(ylabel="error, %", title="with 95 % intervals over seeds")
        axes.margins(y=0.2)
        axes.legend(loc="upper right", ncols=2)


def draw_bar(axes: Any, lab: Lab, place: float, errors: list[float], colour: str, label: str | None) -> None:
    """One bar."""
    whole = lab.interval(errors)
    axes.bar(place, whole.mean, 0.36, color=colour, alpha=0.6, label=label)
    axes.errorbar(
        place, whole.mean, whole.half_width if whole.count > 1 else 0.0, color="black", capsize=4, linewidth=1
    )
    axes.plot([place] * len(errors), errors, "k.", markersize=4)


def kernels(lab: Lab) -> None:
    """Figure 3: the kernels of conv1, a row for each seed; blue is negative, red positive."""
    pictures = lab.results("arms")["kernels"]
    with lab.figure("kernels", 8.0, 1.0 + 0.7 * len(pictures)) as figure:
        axes = figure.subplots()
        tiles = [row(pixels(picture)) for picture in pictures]
        axes.imshow(np.concatenate(tiles), cmap="RdBu_r", vmin=1, vmax=255, interpolation="nearest")
        axes.set(title="kernels of the first layer, one row a seed", xticks=[], yticks=[])


def row(maps: np.ndarray) -> np.ndarray:
    """The kernels of one network beside each other, each with a border of NaN, which is drawn as nothing."""
    framed = np.pad(maps.astype(np.float32), ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    return np.concatenate(list(framed), axis=1)
