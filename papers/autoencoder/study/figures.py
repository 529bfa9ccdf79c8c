"""The figures of the autoencoders, drawn from results files alone."""

import numpy as np

from tinygrad_lab.study import Lab, Record, draw_both_sides

from . import probes


def first(lab: Lab, name: str) -> Record:
    """The record of the first seed."""
    return lab.runs(name)[0]


def figures(lab: Lab) -> None:
    """Reconstructions, repaired images, maps of 2-D codes, loss curves and samples."""
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


def _losses(lab: Lab) -> None:
    """Training losses of both sides from the same weights on the same batches."""
    with lab.figure("losses") as figure:
        for axes, name in zip(figure.subplots(1, 2), ("deep-30", "vae-20"), strict=True):
            draw_both_sides(axes, lab.results(name)["runs"])
            axes.set(xlabel="step", ylabel="training loss, nats an image", title=f"{name}, seed 0")
            axes.legend()
