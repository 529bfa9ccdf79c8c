"""Restricted Boltzmann machines: how the layers of the deep autoencoder were pretrained in 2006, on plain arrays.

    symbol    meaning
    B         images in the batch
    n, m      visible units, hidden units
    v, h      states of the visible and of the hidden units; of an image v are its pixels
    W         (m, n), as ``nn.Linear`` has it; b (m) and a (n) are the biases of the hidden and the visible units

An image has the energy E(v, h) = -a v - b h - h W v; with Gaussian hidden units of unit variance, as those of the code
are, E(v, h) = -a v + (h - b)^2 / 2 - h W v. No gradient of a loss is followed: contrastive divergence compares what the
units do together when they see an image with what they do after one step of their own.

The rule and its constants are quoted from memory of the paper's supporting material.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tinygrad_lab.typing import Generator

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Pretraining:
    """How each layer learns."""

    passes: tuple[int, ...]  # over the images, for each layer; the paper makes 50
    rate: float = 0.1
    code_rate: float = 0.001  # Gaussian units have no bound, and learn with smaller steps
    first_momentum: float = 0.5  # in the first tenth of the passes, which may be a single one
    momentum: float = 0.9
    weight_cost: float = 2e-4
    batch_size: int = 100


class RBM:
    """One layer: visible units that are logistic, hidden ones that are logistic or, of a code, Gaussian."""

    def __init__(self, visible: int, hidden: int, gaussian: bool, rng: Generator) -> None:
        self.gaussian = gaussian
        self.weight = np.float32(0.01) * rng.standard_normal((hidden, visible), np.float32)
        self.hidden_bias = np.zeros(hidden, np.float32)
        self.visible_bias = np.zeros(visible, np.float32)

    def hidden(self, v: Float[np.ndarray, "b n"]) -> Float[np.ndarray, "b m"]:
        """The hidden units' means: sigma(W v + b), of Gaussian ones W v + b."""
        inputs = v @ self.weight.T + self.hidden_bias
        return inputs if self.gaussian else sigmoid(inputs)

    def visible(self, h: Float[np.ndarray, "b m"]) -> Float[np.ndarray, "b n"]:
        """The visible units' means: sigma(W^T h + a)."""
        return sigmoid(h @ self.weight + self.visible_bias)

    def drawn(self, means: Float[np.ndarray, "b m"], noise: Float[np.ndarray, "b m"]) -> Float[np.ndarray, "b m"]:
        """Hidden states: 1 where uniform noise is below the mean; of Gaussian units the mean plus normal noise."""
        return means + noise if self.gaussian else (noise < means).astype(means.dtype)

    def noise(self, rng: Generator, count: int) -> Float[np.ndarray, "b m"]:
        """What ``drawn`` needs for so many images."""
        shape, dtype = (count, len(self.hidden_bias)), self.weight.dtype
        return rng.standard_normal(shape, dtype) if self.gaussian else rng.random(shape, dtype)

    def free_energy(self, v: Float[np.ndarray, "b n"]) -> Float[np.ndarray, " b"]:
        """F(v) = -log sum_h exp(-E(v, h)), up to a constant of Gaussian units."""
        inputs = v @ self.weight.T + self.hidden_bias
        hidden = inputs**2 / 2 if self.gaussian else np.logaddexp(0, inputs)
        return np.asarray(-v @ self.visible_bias - hidden.sum(axis=1))

    def contrast(self, v: Float[np.ndarray, "b n"], noise: Float[np.ndarray, "b m"]) -> Arrays:
        """The steps that CD-1 takes: <h v> on the images less <h v> on what one step makes of them.

        Hidden states are drawn once; everything after that are means, as in the paper.
        """
        h = self.hidden(v)
        again = self.visible(self.drawn(h, noise))
        h_again = self.hidden(again)
        return {
            "weight": (h.T @ v - h_again.T @ again) / len(v),
            "hidden_bias": (h - h_again).mean(axis=0),
            "visible_bias": (v - again).mean(axis=0),
        }


def sigmoid(x: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """1 / (1 + exp(-x)), by tanh, which does not overflow."""
    return np.asarray(0.5 * np.tanh(0.5 * x) + 0.5)


def step(rbm: RBM, velocity: Arrays, contrast: Arrays, rate: float, momentum: float, weight_cost: float) -> None:
    """Move a machine's weights and biases, and the velocity of each, in place."""
    for name, moves in velocity.items():
        parameter = getattr(rbm, name)
        cost = weight_cost * parameter if name == "weight" else 0.0  # biases cost nothing
        moves *= momentum
        moves += rate * (contrast[name] - cost)
        parameter += moves


def learn(rbm: RBM, images: Float[np.ndarray, "count n"], passes: int, how: Pretraining, rng: Generator) -> None:
    """Train one machine by CD-1 on all images, shuffled in every pass."""
    velocity = {name: np.zeros_like(getattr(rbm, name)) for name in ("weight", "hidden_bias", "visible_bias")}
    rate = how.code_rate if rbm.gaussian else how.rate
    for number in range(passes):
        momentum = how.first_momentum if number < max(1, passes // 10) else how.momentum
        order = rng.permutation(len(images))
        for start in range(0, len(images), how.batch_size):
            v = images[order[start : start + how.batch_size]]
            step(rbm, velocity, rbm.contrast(v, rbm.noise(rng, len(v))), rate, momentum, how.weight_cost)


def pretrain(
    images: Float[np.ndarray, "count n"],
    sizes: Sequence[int],
    how: Pretraining,
    rng: Generator,
    below: Sequence[RBM] = (),
) -> list[RBM]:
    """Train a stack of machines, each on the hidden means of the one below; the last one's units are the code.

    Args:
        images: the pixels.
        sizes: units from the pixels to the code.
        how: with as many ``passes`` as there are machines; 0 leave a machine as it is drawn.
        rng: of weights, order and states.
        below: the lowest machines, where they have been trained already.
    """
    stack = list(below)
    for rbm in below:
        images = rbm.hidden(images)
    for layer in range(len(below), len(sizes) - 1):
        rbm = RBM(sizes[layer], sizes[layer + 1], layer == len(sizes) - 2, rng)
        learn(rbm, images, how.passes[layer], how, rng)
        images = rbm.hidden(images)
        stack.append(rbm)
    return stack


def unrolled(stack: Sequence[RBM]) -> Arrays:
    """The deep autoencoder's weights by name: the stack upwards, then the same weights transposed downwards."""
    state: Arrays = {}
    for layer, (up, down) in enumerate(zip(stack, reversed(stack), strict=True)):
        place = 2 * layer  # an activation stands between two layers
        state |= {f"encoder.{place}.weight": up.weight, f"encoder.{place}.bias": up.hidden_bias}
        transposed = np.ascontiguousarray(down.weight.T)
        state |= {f"decoder.{place}.weight": transposed, f"decoder.{place}.bias": down.visible_bias}
    return state
