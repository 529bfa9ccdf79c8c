"""The pictures of the AlexNet experiments, drawn from their result files."""

import base64
from typing import Any

import numpy as np

from tinygrad_lab.study import Lab

from .verdicts import ARMS

TITLES = {"paper": "the paper's initial values", "best": "initial values tuned for each"}
LOOKS = {"relu": ("C0", "-"), "tanh": ("C1", "--")}  # solid and dashed as in the paper


def speed(lab: Lab) -> None:
    """Figure 1: training error by step, mean and range over seeds, ReLU solid and tanh dashed."""
    results = lab.results("speed")
    with lab.figure("speed", 9.0, 4.0) as figure:
        for axes, comparison in zip(figure.subplots(1, 2, sharey=True), TITLES, strict=True):
            for row in (row for row in results["curves"] if row["comparison"] == comparison):
                curves = np.array(row["curves"])
                steps = results["every"] * np.arange(1, curves.shape[1] + 1)
                colour, line = LOOKS[row["unit"]]
                label = f"{row['unit']}: {row['start']}, rate {row['rate']:g}"
                axes.plot(steps, curves.mean(axis=0), line, color=colour, label=label)
                axes.fill_between(steps, curves.min(axis=0), curves.max(axis=0), color=colour, alpha=0.2, linewidth=0)
            axes.axhline(results["level"], color="black", linewidth=0.5)
            axes.set(xlabel="step", title=TITLES[comparison], ylim=(0, 100))
            axes.legend(fontsize="small")
        figure.axes[0].set_ylabel("training error, %")


def arms(lab: Lab) -> None:
    """Training and test error of every network, one bar each with its 95 % interval, and a point a seed."""
    with lab.figure("arms", 8.0, 4.0) as figure:
        axes = figure.subplots()
        for shift, part, label in ((-0.2, "train_metrics", "training"), (0.2, "metrics", "test")):
            for position, arm in enumerate(ARMS):
                errors = lab.values(arm, part, "error")
                whole = lab.interval(errors)
                place, colour = position + shift, "C0" if label == "test" else "C7"
                width = whole.half_width if whole.count > 1 else 0.0
                axes.bar(place, whole.mean, 0.36, color=colour, alpha=0.6, label=None if position else label)
                axes.errorbar(place, whole.mean, width, color="black", capsize=4, linewidth=1)
                axes.plot([place] * len(errors), errors, "k.", markersize=4)
        axes.set_xticks(range(len(ARMS)), ARMS)
        axes.set(ylabel="error, %", title="with 95 % intervals over seeds")
        axes.margins(y=0.2)
        axes.legend(loc="upper right", ncols=2)


def kernels(lab: Lab) -> None:
    """Figure 3: the kernels of conv1, a row for each seed; blue is negative, red positive."""
    pictures = lab.results("standard")["kernels"]
    with lab.figure("kernels", 8.0, 1.0 + 0.7 * len(pictures)) as figure:
        axes = figure.subplots()
        tiles = [_row(picture) for picture in pictures]
        axes.imshow(np.concatenate(tiles), cmap="RdBu_r", vmin=1, vmax=255, interpolation="nearest")
        axes.set(title="kernels of the first layer, one row a seed", xticks=[], yticks=[])


def _row(picture: dict[str, Any]) -> np.ndarray:
    """The kernels of one network beside each other, each with a border of NaN, which is drawn as nothing."""
    pixels = np.frombuffer(base64.b64decode(picture["pixels"]), np.uint8).reshape(picture["shape"])[:, 0]
    framed = np.pad(pixels.astype(np.float32), ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    return np.concatenate(list(framed), axis=1)


def figures(lab: Lab) -> None:
    """Every picture."""
    speed(lab)
    arms(lab)
    kernels(lab)
