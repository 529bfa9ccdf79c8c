"""The pictures of the LoRA experiments, drawn from their result files; what to see in each stands in pages.py."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lab.study import Lab

from .changes import LAYERS
from .experiment import FORGETTING, RANKS
from .findings import NAMES, base_loss, loss, losses, spectrum_share, trained_share
from .pages import SETS

ON_TARGET = "target text, nats a character"


def figures(lab: Lab) -> None:
    """Every picture whose results are there."""
    methods(lab)
    comparisons(lab)
    spectra(lab)
    subspaces(lab)
    if lab.has("smollm2"):
        smollm2(lab)


def methods(lab: Lab) -> None:
    """Loss on the target text against what is trained, and what is forgotten of the source text."""
    with lab.figure("methods", 9.0, 4.0) as figure:
        left, right = figure.subplots(1, 2)
        for position, arm in enumerate(FORGETTING):
            found, share = losses(lab, arm), 100 * trained_share(lab, arm)
            left.errorbar(share, np.mean(found), _reach(lab, arm), fmt="o", capsize=3, label=NAMES[arm])
            forgotten = lab.values("arms", "source", arm=arm)
            right.plot(forgotten, found, f"C{position}o", alpha=0.7, label=NAMES[arm])
        left.axhline(base_loss(lab), color="black", linestyle="--", linewidth=0.8, label="the base model")
        left.set(xscale="log", xlabel="trained, % of the parameters", ylabel=ON_TARGET)
        right.plot(base_loss(lab, "source"), base_loss(lab), "k*", label="the base model")
        right.set(xlabel="source text afterwards, nats a character", ylabel=ON_TARGET)
        left.legend(fontsize="small")
        right.legend(fontsize="small")


def comparisons(lab: Lab) -> None:
    """Tables 5 and 6 as pictures; names stand beside their lines, where there is room for them."""
    with lab.figure("arms", 9.0, 3.5) as figure:
        left, right = figure.subplots(1, 2)
        draw_sets(left, lab)
        draw_ranks(right, lab)


def draw_sets(axes: Any, lab: Lab) -> None:
    """A line for each set of matrices, the best at the top."""
    arms = sorted(SETS, key=lambda arm: -loss(lab, arm).mean)
    names = [NAMES[arm].removeprefix("LoRA, ") for arm in arms]
    for name, arm in zip(names, arms, strict=True):
        found = losses(lab, arm)
        axes.plot(found, [name] * len(found), "C0.", alpha=0.4)
        axes.errorbar(np.mean(found), name, xerr=_reach(lab, arm), fmt="C0o", capsize=3)
    axes.set(xlabel=ON_TARGET)
    axes.grid(axis="x", alpha=0.3)


def draw_ranks(axes: Any, lab: Lab) -> None:
    """Loss by rank, and that of full fine-tuning."""
    arms = [f"r = {rank}" for rank in RANKS]
    for rank, arm in zip(RANKS, arms, strict=True):
        found = losses(lab, arm)
        axes.plot([rank] * len(found), found, "C0.", alpha=0.4)
    means, reach = [loss(lab, arm).mean for arm in arms], [_reach(lab, arm) for arm in arms]
    axes.errorbar(RANKS, means, yerr=reach, fmt="C0o-", capsize=3, label="LoRA on q and v")
    axes.axhline(loss(lab, "full").mean, color="C1", label="full fine-tuning")
    axes.set(xscale="log", xlabel="rank", ylabel=ON_TARGET)
    axes.set_xticks(RANKS, [str(rank) for rank in RANKS])
    axes.minorticks_off()
    axes.legend()


def spectra(lab: Lab) -> None:
    """How much of the change that full fine-tuning makes lies in its first directions."""
    found = lab.results("changes")["spectra"]
    width = len(found[0][LAYERS[0]][0])
    ranks = list(range(1, width + 1))
    with lab.figure("spectra", 5.5, 4.0) as figure:
        axes = figure.subplots()
        for name in LAYERS:
            axes.plot(ranks, [np.mean([spectrum_share(run, name, r) for run in found]) for r in ranks], label=name)
        noise = np.linalg.svd(np.random.default_rng(0).standard_normal((width, width)), compute_uv=False) ** 2
        axes.plot(ranks, noise.cumsum() / noise.sum(), "k--", linewidth=0.8, label="random matrix")
        axes.set(xscale="log", xlabel="rank", ylabel="share of the squared norm", title="W - W0, full fine-tuning")
        axes.legend()


def subspaces(lab: Lab) -> None:
    """Figure 3: similarities of all numbers of directions, of queries, of values and by chance."""
    found = lab.results("changes")["overlaps"]
    panels = {name: found["trained"][name] for name in LAYERS} | {"random matrices": found["random"][LAYERS[0]]}
    with lab.figure("subspaces", 9.0, 3.2) as figure:
        every = figure.subplots(1, len(panels))
        for axes, (title, grids) in zip(every, panels.items(), strict=True):
            image = draw_similarity(axes, grids)
            axes.set(title=title, xlabel="j, directions of r = 64")
        every[0].set_ylabel("i, directions of r = 8")
        figure.colorbar(image, ax=list(every), label="similarity")


def draw_similarity(axes: Any, grids: Sequence[Sequence[Sequence[float]]]) -> Any:
    """The mean over seeds as an image, from 0 to 1."""
    mean = np.mean(grids, axis=0)
    rows, columns = mean.shape
    image = axes.imshow(mean, vmin=0, vmax=1, origin="lower", extent=(0.5, columns + 0.5, 0.5, rows + 0.5))
    axes.set_xticks(range(1, columns + 1))
    axes.set_yticks(range(1, rows + 1))
    return image


def smollm2(lab: Lab) -> None:
    """The loss of every step on the published model."""
    found = lab.results("smollm2")
    steps = range(1, len(found["losses"]) + 1)
    with lab.figure("smollm2", 5.5, 4.0) as figure:
        axes = figure.subplots()
        axes.plot(steps, found["losses"], color="C0", alpha=0.6, label="training batch")
        axes.plot([0, len(found["losses"])], [found["before"], found["after"]], "C1o--", label="held-out text")
        axes.set(xlabel="step", ylabel="nats a token", title="SmolLM2-135M on Tiny Shakespeare")
        axes.legend()


def _reach(lab: Lab, arm: str) -> float:
    """Half the 95 % interval; nothing for a single run, whose interval has no end."""
    found = loss(lab, arm)
    return found.half_width if found.count > 1 else 0.0
