"""What the result files of LoRA say, in numbers and words for verdicts, tables and figures."""

import math
from statistics import median

import numpy as np

from tinygrad_lab.study import Interval, Lab

NAMES = {
    "full": "full fine-tuning", "bias": "biases only", "head": "output layer only",
    **{f"r = {rank}": f"LoRA, r = {rank} on q and v" for rank in (1, 2, 4, 8, 64)},
    "q": "LoRA, r = 8 on q", "v": "LoRA, r = 8 on v", "q, k, v, o": "LoRA, r = 2 on q, k, v, o",
    "MLP": "LoRA, r = 2 on the MLP",
}  # fmt: skip
DIRECTIONS = 8  # the first ones, whose share of a change is asked for


# ---- losses ----------------------------------------------------------------------------------------------------------
def losses(lab: Lab, arm: str, side: str = "numpy") -> list[float]:
    """The test loss of every run of an arm, in nats a character."""
    return lab.values("arms", "metrics", "loss", side=side, arm=arm)


def loss(lab: Lab, arm: str, side: str = "numpy") -> Interval:
    """Their mean and interval."""
    return lab.interval(losses(lab, arm, side))


def base_loss(lab: Lab, text: str = "target") -> float:
    """What the base model makes of a text."""
    found: float = lab.results("base")["losses"][text]
    return found


def forgotten(lab: Lab, arm: str) -> Interval:
    """What an arm makes of the source text afterwards."""
    return lab.spread("arms", "source", arm=arm)


def gain_of_full(lab: Lab) -> float:
    """Nats by which full fine-tuning is better than the base."""
    return base_loss(lab) - loss(lab, "full").mean


def bits(nats: float) -> float:
    """The same in bits."""
    return nats / math.log(2)


# ---- what is trained -------------------------------------------------------------------------------------------------
def trained(lab: Lab, arm: str) -> int:
    """How many numbers an arm trains."""
    return int(lab.runs("arms", arm=arm)[0]["trained"])


def trained_share(lab: Lab, arm: str) -> float:
    """The same, as a share of the base model's parameters."""
    share: float = trained(lab, arm) / lab.runs("base")[0]["parameters"]
    return share


def rate(lab: Lab, arm: str) -> float:
    """The learning rate of an arm's runs."""
    return float(lab.runs("arms", arm=arm)[0]["config"]["learning_rate"])


# ---- what it changes -------------------------------------------------------------------------------------------------
def spectrum_share(spectra: dict[str, list[list[float]]], name: str, rank: int = DIRECTIONS) -> float:
    """The share of the squared norm that the first directions have, mean over blocks."""
    shares = [sum(s * s for s in values[:rank]) / sum(s * s for s in values) for values in spectra[name]]
    return sum(shares) / len(shares)


def random_share(width: int, rank: int = DIRECTIONS) -> float:
    """The same of a square matrix of independent normal numbers, drawn with a fixed seed."""
    values = np.linalg.svd(np.random.default_rng(0).standard_normal((width, width)), compute_uv=False)
    return float((values[:rank] ** 2).sum() / (values**2).sum())


def overlap(lab: Lab, kind: str, name: str, directions: int) -> list[float]:
    """Similarity of so many first directions at both ranks, one number a seed; "trained" or "random"."""
    grids = lab.results("changes")["overlaps"][kind][name]
    return [float(grid[directions - 1][directions - 1]) for grid in grids]


# ---- what it takes ---------------------------------------------------------------------------------------------------
def time_ratio(lab: Lab, kind: str, first: str, second: str) -> float:
    """The median over rounds of the ratio of two times that were taken one after the other."""
    found = lab.results("times")[kind]
    ratios = (one / other for one, other in zip(found[first], found[second], strict=True))
    return float(median(ratios))


def milliseconds(lab: Lab, kind: str, name: str) -> float:
    """The median of such times."""
    return 1e3 * float(median(lab.results("times")[kind][name]))


# ---- words -----------------------------------------------------------------------------------------------------------
def kilobytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def percent(share: float) -> str:
    """A share with two digits, or with all three of 100 %."""
    return f"{100 * share:.3g} %" if share >= 0.995 else f"{100 * share:.2g} %"
