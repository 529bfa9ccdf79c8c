"""How a token is chosen from logits: the most likely one, or one drawn by its probability."""

from dataclasses import dataclass

import numpy as np

from tinygrad_lab.typing import Array, Generator


@dataclass(frozen=True)
class Sampling:
    """How much is written, and how each token is chosen.

    Raises:
        ValueError: a length below 1, or a negative temperature, top_k or seed.
    """

    length: int = 500  # tokens to write
    temperature: float = 0.7  # the logits are divided by it; 0 takes the most likely token always
    top_k: int = 0  # choose among that many most likely tokens only; 0 for all
    seed: int = 0

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError(f"length must be at least 1, got {self.length}")
        for name in ("temperature", "top_k", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")


def choose(logits: Array, options: Sampling, rng: Generator) -> int:
    """Choose one token: where a uniform number falls among the cumulated probabilities.    (V,)"""
    if options.temperature == 0:
        return int(logits.argmax())
    scaled = logits.astype(np.float64) / options.temperature
    if options.top_k:
        scaled[scaled < np.sort(scaled)[-options.top_k :][0]] = -np.inf
    cumulated = np.exp(scaled - scaled.max()).cumsum()
    place = np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right")
    return min(int(place), len(cumulated) - 1)
