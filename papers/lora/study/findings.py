"""What the result files of LoRA say, in numbers and words for verdicts and figures."""

import numpy as np

from tinygrad_lab.study import Lab

METHODS = {
    "full": "full fine-tuning", "lora": "LoRA, r = 4 on q and v", "bias": "biases only", "head": "output layer only",
}  # fmt: skip


def values(lab: Lab, name: str, side: str = "numpy") -> list[float]:
    """The test loss of every run of a method."""
    return lab.values(name, "metrics", "loss", side=side)


def arms(lab: Lab, name: str) -> list[str]:
    """What was compared."""
    return list(lab.results(name)["arms"])


def arm_values(lab: Lab, name: str, arm: str) -> list[float]:
    """The test loss of every run of an arm."""
    return [run["metrics"]["loss"] for run in lab.results(name)["arms"][arm]]


def base_loss(lab: Lab, text: str = "target") -> float:
    """What the base model makes of a text."""
    loss: float = lab.results("base")["losses"][text]
    return loss


def gain_of_full(lab: Lab) -> float:
    """Nats by which full fine-tuning is better than the base."""
    return base_loss(lab) - lab.spread("full", "metrics", "loss").mean


def trained_share(lab: Lab, name: str) -> float:
    """Trained parameters, as a share of those of the base model."""
    share: float = lab.runs(name)[0]["trained"] / lab.runs("base")[0]["parameters"]
    return share


def schedule(lab: Lab, *names: str) -> str:
    """What the runs of these methods were, in words."""
    firsts = {name: lab.runs(name)[0] for name in names}
    first = firsts[names[0]]
    rates = ", ".join(f"{run['config']['learning_rate']:g} ({name})" for name, run in firsts.items())
    base = lab.runs("base")[0]
    return (
        f"a decoder of {base['parameters']:,} parameters, {base['steps']:,} steps on the source text, then "
        f"{first['steps']:,} on the target text; learning rates {rates}, each the best of those tried "
        f"on a validation part; {len(values(lab, names[0]))} seeds"
    )


def arms_schedule(lab: Lab, name: str) -> str:
    """What the runs of a comparison were, in words."""
    found = lab.results(name)["arms"]
    counts = {run[0]["trained"] for run in found.values()}
    trained = f"{min(counts):,} to {max(counts):,}" if len(counts) > 1 else f"{min(counts):,}"
    first = next(iter(found.values()))
    return f"{trained} numbers trained, LoRA's learning rate, {first[0]['steps']:,} steps, {len(first)} seeds"


def kilobytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def percent(share: float) -> str:
    """A share with two digits, or with all three of 100 %."""
    return f"{100 * share:.3g} %" if share >= 0.995 else f"{100 * share:.2g} %"


def spectrum_share(spectra: dict[str, list[list[float]]], name: str, rank: int = 8) -> float:
    """The share of the squared norm that the first directions have, mean over blocks."""
    shares = [sum(s * s for s in values[:rank]) / sum(s * s for s in values) for values in spectra[name]]
    return sum(shares) / len(shares)


def random_share(width: int, rank: int = 8) -> float:
    """The same of a square matrix of independent normal numbers, drawn with a fixed seed."""
    values = np.linalg.svd(np.random.default_rng(0).standard_normal((width, width)), compute_uv=False)
    return float((values[:rank] ** 2).sum() / (values**2).sum())
