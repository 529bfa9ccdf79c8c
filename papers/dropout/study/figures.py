"""The pictures of the dropout experiments, drawn from their result files."""

import base64

import numpy as np

from tinygrad_lab.study import Lab

from .verdicts import SETTINGS, blob_accuracies, size_gains


def errors(lab: Lab) -> None:
    """Test error by epoch, mean over seeds, and the gap between test and training loss at the end."""
    with lab.figure("errors") as figure:
        axes = figure.subplots(1, 2)
        for position, name in enumerate(SETTINGS):
            curves = np.array([[epoch["error"] for epoch in run["history"]] for run in lab.runs(name)])
            axes[0].plot(range(1, curves.shape[1] + 1), curves.mean(axis=0), label=name)
            for part, marker in (("metrics", "o"), ("train_metrics", "x")):
                losses = lab.values(name, part, "loss")
                axes[1].plot([position] * len(losses), losses, f"C{position}{marker}", label=_label(part, position))
        axes[0].set(xlabel="epoch", ylabel="test error, %", yscale="log", title="MNIST, mean over seeds")
        axes[0].legend()
        axes[1].set(ylabel="loss in evaluation mode, nats", yscale="log", title="test against training loss")
        axes[1].set_xticks(range(len(SETTINGS)), SETTINGS)
        axes[1].legend()


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
        axes.legend()


def sizes(lab: Lab) -> None:
    """Figure 10: test error with and without dropout by number of training images; the difference beside it."""
    errors, gains = lab.results("sizes")["errors"], size_gains(lab)
    with lab.figure("sizes") as figure:
        axes = figure.subplots(1, 2)
        for variant, by_size in errors.items():
            counts = [int(items) for items in by_size]
            axes[0].plot(counts, [np.mean(values) for values in by_size.values()], "o-", label=variant)
        axes[0].set(xlabel="training images", ylabel="test error, %", xscale="log", yscale="log")
        axes[0].legend()
        means, widths = [gain.mean for gain in gains.values()], [gain.half_width for gain in gains.values()]
        axes[1].errorbar(list(gains), means, widths, fmt="o-", capsize=3)
        axes[1].axhline(0, color="black", linewidth=0.5)
        axes[1].set(xlabel="training images", ylabel="error saved by dropout, points", xscale="log")


def features(lab: Lab) -> None:
    """Figures 7 and 8: what the hidden units of the autoencoder look for, and how active they are."""
    results = lab.results("features")
    with lab.figure("sparsity") as figure:
        axes = figure.subplots(2, 2)
        for row, variant in enumerate(("standard", "dropout")):
            for column, (name, (low, high, count)) in enumerate(results["bins"].items()):
                counts = np.sum([run[name] for run in results[variant]], axis=0)
                edges = np.linspace(low, high, count + 1)
                axes[row, column].stairs(counts, edges, fill=True, color=f"C{row}")
                axes[row, column].set(title=f"{variant}: {_TITLES[name]}", ylabel="count")
    with lab.figure("pictures") as figure:
        axes = figure.subplots(1, 2)
        for side, variant in zip(axes, ("standard", "dropout"), strict=True):
            side.imshow(_mosaic(results[variant][0]["pictures"]), cmap="gray", vmin=0, vmax=255)
            side.set(title=f"{variant}: incoming weights", xticks=[], yticks=[])


_TITLES = {"activations": "activations", "means": "mean activation of each unit"}


def _mosaic(encoded: str, columns: int = 8) -> np.ndarray:
    """The 28 x 28 pictures in rows of ``columns``."""
    tiles = np.frombuffer(base64.b64decode(encoded), np.uint8).reshape(-1, columns, 28, 28)
    return tiles.transpose(0, 2, 1, 3).reshape(-1, columns * 28)


def blobs(lab: Lab) -> None:
    """Test accuracy of every seed, with dropout against without: above the line dropout is better."""
    accuracies = blob_accuracies(lab, "numpy")
    without, with_dropout = (accuracies[variant]["test"] for variant in ("standard", "dropout"))
    with lab.figure("blobs", 4.5, 4.5) as figure:
        axes = figure.subplots()
        axes.plot(without, with_dropout, "o", alpha=0.6, label="one seed")
        ends = [min(without + with_dropout) - 0.5, lab.results("blobs")["bayes"] + 0.5]
        axes.plot(ends, ends, color="black", linewidth=0.5)
        axes.axhline(lab.results("blobs")["bayes"], color="C1", linestyle="--", label="best possible")
        axes.set(xlabel="test accuracy without dropout, %", ylabel="with dropout, %", title="100 points from two blobs")
        axes.legend()


def figures(lab: Lab) -> None:
    """Every picture whose results are there."""
    if lab.has("max-norm"):
        errors(lab)
        monte_carlo(lab)
    if lab.has("sizes"):
        sizes(lab)
    if lab.has("features"):
        features(lab)
    blobs(lab)
