"""Windows of a text as tokens: to read, and the tokens that follow them."""

from typing import Any

import numpy as np

from tinygrad_lab.data.batches import Batches
from tinygrad_lab.typing import Generator


def as_batch(windows: np.ndarray) -> dict[str, Any]:
    """Make a batch of windows of T + 1 tokens.

    {"tokens": (B, T), "target": (B, T), the token after each, "count": B T}
    """
    tokens, target = windows[:, :-1], windows[:, 1:]
    return {"tokens": tokens, "target": target, "count": float(target.size)}


def next_tokens(tokens: np.ndarray, starts: np.ndarray, length: int) -> dict[str, Any]:
    """Cut a window of ``length`` tokens from each start in a text, as ``as_batch``."""
    return as_batch(tokens[starts[:, None] + np.arange(length + 1)])


def random_windows(tokens: np.ndarray, length: int, windows: int, batch_size: int, generator: Generator) -> Batches:
    """Draw so many windows an epoch from random places of the text, with replacement."""

    def drawn(batch: dict[str, Any], rng: Generator) -> dict[str, Any]:
        return next_tokens(tokens, rng.integers(0, len(tokens) - length, len(batch["window"])), length)

    return Batches({"window": np.arange(windows)}, batch_size, generator, transform=drawn)
