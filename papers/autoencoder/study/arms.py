"""What the study trains: every arm with its images, its passes and its initial weights, all of it chosen beforehand."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from tinygrad_lab.random import generator
from tinygrad_lab.study import Arrays, Lab

from ..config import VARIANTS, AutoencoderConfig
from ..rbm import Pretraining, pretrain, unrolled

BATCH = 100
IMAGES = 10_000  # of MNIST's 60,000, the same for all arms but the variational ones: what two cores have time for
FEW_IMAGES = 1_000  # so few that a variational autoencoder can overfit in the time there is
VERY_DEEP = (400, 200, 100, 50, 25)  # with a code of 6 the network that the paper has for images of curves
CORRUPTION = VARIANTS["denoising"]["paper"].corruption

# Passes of pretraining, from the pixels to the code. The paper makes 50 for every layer; here small layers get them.
DEEP_PASSES = (5, 5, 20, 50)
VERY_DEEP_PASSES = (5, 20, 50, 50, 50, 50)

RATES = (1e-3, 2e-3, 4e-3, 8e-3)  # of every arm; one whose best is at an end is given further ones
SEEDS = 5  # of everything that is judged, as no run takes three minutes
FIRST_WITNESS = 1000  # PyTorch's first seed of its own; no other run has one from here on
# What PyTorch trains under those.
WITNESSED = ("very-deep", "very-deep-untrained", "very-deep-scaled", "denoising", "plain")
BESIDE = ("deep-30", "vae-20")  # what it trains from the engine's weights on the engine's batches, with seed 0
UNJUDGED = "convolutional-30"  # one run for a picture, at the rate of its paper's size

QUICK_IMAGES = 640


@dataclass(frozen=True)
class Arm:
    """A network and its recipe.

    Attributes:
        config: all but the learning rate.
        rate_passes: over the images for choosing that, a quarter to six tenths of the judged runs'.
        pretraining: passes of each machine that initial weights come from, 0 for weights as they are drawn in 2006;
            nothing for the weights that the network draws itself.
    """

    config: AutoencoderConfig
    rate_passes: int
    pretraining: tuple[int, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units from the pixels to the code."""
        return (self.config.pixels, *self.config.hidden, self.config.code_size)


def _config(variant: str, epochs: int, **changes: Any) -> AutoencoderConfig:
    asked: dict[str, Any] = {"train_items": IMAGES} | changes
    return replace(VARIANTS[variant]["paper"], dataset="mnist", batch_size=BATCH, epochs=epochs, **asked)


def _deep(pretraining: tuple[int, ...], **changes: Any) -> Arm:
    """The network of figure 1, fine-tuned by 600 updates."""
    return Arm(_config("deep", 6, **changes), 2, pretraining)


def _very_deep(pretraining: tuple[int, ...]) -> Arm:
    """Eleven hidden layers, fine-tuned by 1,000 updates."""
    return Arm(_config("deep", 10, hidden=VERY_DEEP, code_size=6), 6, pretraining)


def _variational(code_size: int) -> Arm:
    """As few images as a network can learn by heart, and 150 passes over them."""
    return Arm(_config("vae", 150, code_size=code_size, train_items=FEW_IMAGES), 50)


ARMS: dict[str, Arm] = {
    "deep-30": _deep(DEEP_PASSES),
    "deep-30-untrained": _deep((0,) * len(DEEP_PASSES)),
    "deep-30-scaled": _deep(()),
    "deep-2": _deep(DEEP_PASSES, code_size=2),
    "very-deep": _very_deep(VERY_DEEP_PASSES),
    "very-deep-untrained": _very_deep((0,) * len(VERY_DEEP_PASSES)),
    "very-deep-scaled": _very_deep(()),
    "linear-30": Arm(_config("linear", 40), 10),
    "linear-2": Arm(_config("linear", 40, code_size=2), 10),
    "denoising": Arm(_config("denoising", 6), 2),
    "plain": Arm(_config("denoising", 6, corruption=0.0), 2),
    "vae-20": _variational(20),
    "vae-100": _variational(100),
}


def shortened(config: AutoencoderConfig, quick: bool) -> AutoencoderConfig:
    """The same for one pass over some embedded digits, where that is all that is asked for."""
    return replace(config, dataset="digits", train_items=QUICK_IMAGES, epochs=1) if quick else config


def unjudged(quick: bool) -> AutoencoderConfig:
    """The convolutional network of the picture."""
    return shortened(_config("convolutional", 6), quick)


def tried(arm: str, rate: float, quick: bool) -> AutoencoderConfig:
    """What a rate of an arm is chosen with."""
    return shortened(replace(ARMS[arm].config, epochs=ARMS[arm].rate_passes, learning_rate=rate), quick)


def rated(arm: str, rate: float, quick: bool) -> AutoencoderConfig:
    """What is judged of an arm."""
    return shortened(replace(ARMS[arm].config, learning_rate=rate), quick)


# ---- initial weights -------------------------------------------------------------------------------------------------
def pretrained(lab: Lab, arms: tuple[str, ...], seed: int, images: np.ndarray) -> dict[str, Arrays]:
    """The initial weights of arms that differ in their code alone, so that all their other machines are the same.

    Args:
        lab: keeps them.
        arms: the first one's machines are trained whole, of the others only the code's.
        seed: of the machines.
        images: (n, 1, s, s) that all of these arms train on.
    """
    make = partial(_stacks, lab, arms, seed, images)
    kept = lab.prepared(shortened(ARMS[arms[0]].config, lab.quick), seed, f"pretraining {' and '.join(arms)}", make)
    return {arm: {name.removeprefix(f"{arm}/"): kept[name] for name in kept if name.startswith(f"{arm}/")}
            for arm in arms}  # fmt: skip


def _stacks(lab: Lab, arms: tuple[str, ...], seed: int, images: np.ndarray) -> Arrays:
    rng, pixels = generator(seed), images.reshape(len(images), -1)
    state: Arrays = {}
    below: list[Any] = []
    for arm in arms:
        passes = tuple(min(number, 1) if lab.quick else number for number in ARMS[arm].pretraining)
        stack = pretrain(pixels, ARMS[arm].sizes, Pretraining(passes), rng, below)
        below = stack[:-1]
        state |= {f"{arm}/{name}": value for name, value in unrolled(stack).items()}
    return state
