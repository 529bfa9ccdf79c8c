"""The pictures of the LoRA experiments, drawn from their result files."""

from typing import Any

import numpy as np

from tinygrad_lab.study import Lab

from .findings import METHODS, arm_values, arms, base_loss, spectrum_share, trained_share, values


def methods(lab: Lab) -> None:
    """Loss on the target text against what is trained, and what is forgotten of the source text."""
    with lab.figure("methods", 9.0, 4.0) as figure:
        left, right = figure.subplots(1, 2)
        for position, name in enumerate(METHODS):
            losses, share = values(lab, name), 100 * trained_share(lab, name)
            left.errorbar(share, np.mean(losses), _width(lab, losses), fmt="o", capsize=3, label=METHODS[name])
            forgotten = lab.values(name, "after", "source")
            right.plot(forgotten, losses, f"C{position}o", alpha=0.7, label=METHODS[name])
        left.axhline(base_loss(lab), color="black", linestyle="--", linewidth=0.8, label="the base model")
        left.set(xscale="log", xlabel="trained, % of the parameters", ylabel="target text, nats per character")
        right.plot(base_loss(lab, "source"), base_loss(lab), "k*", label="the base model")
        right.set(xlabel="source text afterwards, nats per character", ylabel="target text, nats per character")
        left.legend()
        right.legend()


def arms_of(lab: Lab, axes: Any, name: str, xlabel: str) -> None:
    """Losses of all arms of a comparison, one point for each seed."""
    names = arms(lab, name)
    for position, arm in enumerate(names):
        losses = arm_values(lab, name, arm)
        axes.plot([position] * len(losses), losses, "C0.", alpha=0.5)
        axes.errorbar(position, np.mean(losses), _width(lab, losses), fmt="C0o", capsize=3)
    axes.axhline(np.mean(values(lab, "full")), color="C1", label="full fine-tuning")
    axes.set_xticks(range(len(names)), names)
    axes.set(xlabel=xlabel, ylabel="target text, nats per character")
    axes.legend()


def comparisons(lab: Lab) -> None:
    """Tables 5 and 6 as pictures."""
    with lab.figure("arms", 9.0, 4.0) as figure:
        left, right = figure.subplots(1, 2)
        arms_of(lab, left, "targets", "adapted matrices, about as many parameters")
        arms_of(lab, right, "ranks", "rank, on queries and values")


def spectra(lab: Lab) -> None:
    """How much of the change that full fine-tuning makes lies in its first directions."""
    found = lab.results("full")["spectra"]
    width = len(found[0]["q_proj"][0])
    ranks = list(range(1, width + 1))
    with lab.figure("spectra", 5.5, 4.0) as figure:
        axes = figure.subplots()
        for name in found[0]:
            axes.plot(ranks, [np.mean([spectrum_share(run, name, r) for run in found]) for r in ranks], label=name)
        noise = np.linalg.svd(np.random.default_rng(0).standard_normal((width, width)), compute_uv=False) ** 2
        axes.plot(ranks, noise.cumsum() / noise.sum(), "k--", linewidth=0.8, label="random matrix")
        axes.set(xscale="log", xlabel="rank", ylabel="share of the squared norm", title="W - W0, full fine-tuning")
        axes.legend()


def smollm2(lab: Lab) -> None:
    """The loss of every step on the published model."""
    found = lab.results("smollm2")
    steps = range(1, len(found["losses"]) + 1)
    with lab.figure("smollm2", 5.5, 4.0) as figure:
        axes = figure.subplots()
        axes.plot(steps, found["losses"], color="C0", alpha=0.6, label="training batch")
        axes.plot([0, len(found["losses"])], [found["before"], found["after"]], "C1o--", label="held-out text")
        axes.set(xlabel="step", ylabel="nats per token", title="SmolLM2-135M on Tiny Shakespeare")
        axes.legend()


def _width(lab: Lab, losses: list[float]) -> float:
    """Half the 95 % interval; nothing for a single run, whose interval has no end."""
    return lab.interval(losses).half_width if len(losses) > 1 else 0.0


def figures(lab: Lab) -> None:
    """Every picture whose results are there."""
    methods(lab)
    comparisons(lab)
    spectra(lab)
    if lab.has("smollm2"):
        smollm2(lab)
