"""The pictures of the dropout experiments, drawn from their result files."""

import base64
from typing import Any

import numpy as np

from tinygrad_lab.study import Lab

from .settings import ITEMS, LOOKS, PAIR, SETTINGS
from .verdicts import blob_accuracies, size_errors, size_gains

STYLES = {"standard": "-", "dropout": "-", "max-norm": "--", "gaussian": ":"}  # one that lies on another shows both


def errors(lab: Lab) -> None:
    """Test error by update, mean over seeds, and the gap between test and training loss at the end."""
    with lab.figure("errors", 9.0) as figure:
        curves, losses = figure.subplots(1, 2)
        for position, name in enumerate(SETTINGS):
            _curve(curves, lab, name)
            for part, marker in (("metrics", "o"), ("train_metrics", "x")):
                values = lab.values(name, part, "loss")
                losses.plot([position] * len(values), values, f"C{position}{marker}", label=_label(part, position))
        title = f"MNIST, {ITEMS:,} images, mean over seeds"
        curves.set(xlabel="update", ylabel="test error, %", yscale="log", title=title)
        curves.legend()
        losses.set(ylabel="loss in evaluation mode, nats", yscale="log", title="test against training loss")
        losses.set_xticks(range(len(SETTINGS)), SETTINGS)
        losses.legend()
        _plain(curves.yaxis)
        _plain(losses.yaxis, (1.0, 3.0))


def _curve(axes: Any, lab: Lab, name: str) -> None:
    """Draw an arm's mean test error, from the second look on: the first is far above all others."""
    found = np.array([[look["error"] for look in run["history"]] for run in lab.runs(name)])
    steps = lab.runs(name)[0]["steps"]
    updates = np.minimum(np.arange(1, found.shape[1] + 1) * max(1, steps // LOOKS), steps)
    axes.plot(updates[1:], found.mean(axis=0)[1:], STYLES[name], label=name)


def _plain(axis: Any, digits: tuple[float, ...] = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)) -> None:
    """Write the ticks of a logarithmic axis as plain numbers, at these digits of every decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=digits))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _label(part: str, position: int) -> str | None:
    return {"metrics": "test", "train_metrics": "training"}[part] if position == 0 else None


def monte_carlo(lab: Lab) -> None:
    """Figure 11: error of the average over k thinned networks, against the network with scaled weights."""
    results = lab.results("monte_carlo")
    samples, averaged = results["samples"], np.array(results["errors"])
    scaled = lab.spread("dropout", "metrics", "error").mean
    with lab.figure("monte_carlo", 5.0, 3.5) as figure:
        axes = figure.subplots()
        axes.plot(samples, averaged.T, "C0.", alpha=0.5)
        axes.plot(samples, averaged.mean(axis=0), "C0-", label="average of k thinned networks")
        axes.axhline(scaled, color="C1", label="all units, scaled weights")
        axes.set(xlabel="k", ylabel="test error, %", xscale="log", title="Monte-Carlo averaging, MNIST")
        _plain(axes.xaxis, (1.0, 2.0, 5.0))
        axes.legend()


def sizes(lab: Lab) -> None:
    """Figure 10: test error with and without dropout by number of training images; the difference beside it."""
    found, gains = size_errors(lab), size_gains(lab)
    with lab.figure("sizes") as figure:
        axes, saved = figure.subplots(1, 2)
        for arm in PAIR:
            axes.plot(list(found), [np.mean(arms[arm]) for arms in found.values()], "o-", label=arm)
        axes.set(xlabel="training images", ylabel="test error, %", xscale="log", yscale="log")
        axes.legend()
        _plain(axes.yaxis)
        means, widths = [gain.mean for gain in gains.values()], [gain.half_width for gain in gains.values()]
        saved.errorbar(list(gains), means, widths, fmt="o-", capsize=3)
        saved.axhline(0, color="black", linewidth=0.5)
        saved.set(xlabel="training images", ylabel="error saved by dropout, points", xscale="log")
        for one in (axes, saved):
            _plain(one.xaxis, (1.0,))


def features(lab: Lab) -> None:
    """Figures 7 and 8: what the hidden units of the autoencoder look for, and how active they are."""
    results = lab.results("features")
    with lab.figure("sparsity", 8.0, 6.0) as figure:
        axes = figure.subplots(3, 2)
        for row, variant in enumerate(("standard", "stopped", "dropout")):
            for column, (name, (low, high, count)) in enumerate(results["bins"].items()):
                counts = np.sum([run[name] for run in results["runs"][variant]], axis=0)
                edges = np.linspace(low, high, count + 1)
                axes[row, column].stairs(counts, edges, fill=True, color=f"C{row}")
                axes[row, column].set(title=f"{variant}: {_TITLES[name]}", ylabel="count")
    with lab.figure("pictures") as figure:
        axes = figure.subplots(1, 2)
        for side, variant in zip(axes, PAIR, strict=True):
            side.imshow(_mosaic(results["runs"][variant][0]["pictures"]), cmap="gray", vmin=0, vmax=255)
            side.set(title=f"{variant}: incoming weights", xticks=[], yticks=[])


_TITLES = {"activations": "activations", "means": "mean activation of each unit"}


def _mosaic(encoded: str, columns: int = 8) -> np.ndarray:
    """The 28 x 28 pictures in rows of ``columns``."""
    tiles = np.frombuffer(base64.b64decode(encoded), np.uint8).reshape(-1, columns, 28, 28)
    return tiles.transpose(0, 2, 1, 3).reshape(-1, columns * 28)


def blobs(lab: Lab) -> None:
    """Test accuracy of every seed, with dropout against without: above the line dropout is better."""
    accuracies = blob_accuracies(lab, "numpy")
    without, with_dropout = (accuracies[variant]["test"] for variant in PAIR)
    with lab.figure("blobs", 4.5, 4.5) as figure:
        axes = figure.subplots()
        axes.plot(without, with_dropout, "o", alpha=0.6, label="one seed")
        ends = [min(without + with_dropout) - 0.5, lab.results("blobs")["bayes"] + 0.5]
        axes.plot(ends, ends, color="black", linewidth=0.5)
        axes.axhline(lab.results("blobs")["bayes"], color="C1", linestyle="--", label="best possible")
        axes.set(xlabel="test accuracy without dropout, %", ylabel="with dropout, %", title="100 points from two blobs")
        axes.legend()


def figures(lab: Lab) -> None:
    """Every picture; without MNIST's files that of the blobs."""
    if lab.has("features"):
        for draw in (errors, monte_carlo, sizes, features):
            draw(lab)
    blobs(lab)
