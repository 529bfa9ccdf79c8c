"""The figures of the autoencoders, drawn from results files alone; what to see in each stands in pages.py."""

from typing import Any

import numpy as np

from tinygrad_lab.study import Lab, Record, curve, draw_both_sides

from . import probes
from .arms import BESIDE
from .pages import STARTS, VARIATIONAL, held_out, update

TICKS = (2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 40, 50, 60, 80, 100, 150, 200, 300, 400, 500)


def first(lab: Lab, name: str) -> Record:
    """The record of the first seed."""
    return lab.runs(name)[0]


def figures(lab: Lab) -> None:
    """Errors while fine-tuning, reconstructions, repaired images, maps of codes, bounds, samples and loss curves."""
    base = lab.results("baselines")
    _strips(lab, "reconstructions", {
        "test image": base["pictures"],
        "deep, 30": first(lab, "deep-30")["pictures"],
        "conv, 30": first(lab, "convolutional-30")["pictures"],
        "linear, 30": first(lab, "linear-30")["pictures"],
        "PCA, 30": base["pca-30"]["pictures"],
        "deep, 2": first(lab, "deep-2")["pictures"],
        "PCA, 2": base["pca-2"]["pictures"],
    })  # fmt: skip
    _strips(lab, "denoising", {
        "test image": base["pictures"],
        "a quarter masked": base["damaged pictures"],
        "trained with noise": first(lab, "denoising")["repaired pictures"],
        "trained without": first(lab, "plain")["repaired pictures"],
    })  # fmt: skip
    drawn = probes.unpack(first(lab, "vae-20")["samples"])
    rows = {" " * i: probes.pack_pixels(drawn[10 * i : 10 * i + 10, None] / 255) for i in range(4)}
    _strips(lab, "samples", rows)
    _maps(lab, base)
    _pretraining(lab)
    _bounds(lab)
    _losses(lab)


def _strips(lab: Lab, name: str, rows: dict[str, Record]) -> None:
    """One row of images under each label, white on black as the data are."""
    with lab.figure(name, 8.0, 0.75 * len(rows) + 0.1) as figure:
        grid = np.atleast_1d(figure.subplots(len(rows), 1))
        for axes, (label, packed) in zip(grid, rows.items(), strict=True):
            axes.imshow(np.hstack(list(probes.unpack(packed))), cmap="gray", vmin=0, vmax=255)
            axes.set(xticks=[], yticks=[])
            axes.set_ylabel(label.strip(), rotation=0, ha="right", va="center")


def _maps(lab: Lab, base: Record) -> None:
    """The same test digits on three maps, coloured by class."""
    labels = np.array(base["labels"])
    panels = {
        f"PCA (neighbours right: {base['neighbours']:.0f} %)": base["maps"]["PCA"],
        f"deep autoencoder ({first(lab, 'deep-2')['neighbours']:.0f} %)": first(lab, "deep-2")["map"],
        "t-SNE of these images": base["maps"]["t-SNE"],
    }
    with lab.figure("maps", 11.0, 4.0) as figure:
        for axes, (title, packed) in zip(figure.subplots(1, 3), panels.items(), strict=True):
            points = probes.unpack(packed)
            low, high = np.quantile(points, [0.02, 0.98], axis=0)  # a few codes lie far out
            margin = 0.1 * (high - low)
            for digit in np.unique(labels):
                axes.plot(*points[labels == digit].T, ".", markersize=3, color=f"C{digit}", label=str(digit))
            axes.set(title=title, xticks=[], yticks=[])
            axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
            axes.set_ylim(low[1] - margin[1], high[1] + margin[1])
        figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", markerscale=4, title="digit")


def _pretraining(lab: Lab) -> None:
    """Errors on images that are not trained on by pass, of both deep networks from every start."""
    with lab.figure("pretraining", 9.0, 3.8) as figure:
        for axes, network in zip(figure.subplots(1, 2, sharey=True), ("deep-30", "very-deep"), strict=True):
            for arm in (arm for arm in STARTS if arm.startswith(network)):
                errors = held_out(lab, arm)
                axes.plot(range(1, len(errors) + 1), errors, ".-", label=STARTS[arm][1])
            axes.axhline(lab.results("baselines")["mean image"], color="grey", linestyle=":", label="mean image")
            axes.set(xlabel="passes of fine-tuning", title=STARTS[network][0])
            logarithmic(axes)
        figure.axes[0].set_ylabel("squared error, held out")
        figure.axes[1].legend(fontsize="small", loc="lower left")


def _bounds(lab: Lab) -> None:
    """The bound on images that are not trained on, and the training loss, of both sizes of code."""
    with lab.figure("bounds", 6.0, 3.8) as figure:
        axes = figure.subplots()
        for color, arm in enumerate(VARIATIONAL):
            bounds, run = held_out(lab, arm), first(lab, arm)
            updates = [update(lab, arm, look) for look in range(len(bounds))]
            axes.plot(updates, bounds, ".-", color=f"C{color}", label=f"{arm}, held out")
            axes.plot(*curve(run), "--", color=f"C{color}", label=f"{arm}, training loss")
        axes.set(xlabel="updates", ylabel="minus the bound, nats an image")
        axes.legend(fontsize="small")
        logarithmic(axes)


def _losses(lab: Lab) -> None:
    """Training losses of both sides from the same weights on the same batches."""
    with lab.figure("losses") as figure:
        for axes, name in zip(figure.subplots(1, 2), BESIDE, strict=True):
            draw_both_sides(axes, lab.results(name)["runs"])
            axes.set(xlabel="update", ylabel="training loss, nats an image", title=f"{name}, seed 0")
            axes.legend()
            logarithmic(axes)


def logarithmic(axes: Any) -> None:
    """A logarithmic axis upwards, its ticks as plain numbers."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    ticks = [tick for tick in TICKS if low <= tick <= high]
    axes.yaxis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axes.yaxis.set_tick_params(which="minor", labelleft=False)
