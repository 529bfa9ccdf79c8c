"""Text as numbers: windows from random places to train on, and held-out text from its beginning to its end."""

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lab.data import Batches, TextData, available, load_text
from tinygrad_lab.data.characters import encode
from tinygrad_lab.data.windows import as_batch, next_tokens, random_windows
from tinygrad_lab.typing import Generator

from ..config import MambaConfig

HELD_OUT = 0.1  # the last part of the text is for testing
EVALUATION_WINDOWS = 64  # in a batch


def example_batch(config: MambaConfig, rng: Generator) -> dict[str, Any]:
    """Random tokens, each to be predicted from those before it."""
    return as_batch(rng.integers(0, config.vocab_size, (config.batch_size, config.length + 1)))


def dataset(config: MambaConfig, split: str) -> TextData:
    """The first nine tenths of the text for "train", but for its end, which is for "validation"; the rest for "test".

    Raises:
        ValueError: a validation split where nothing is left out, or more left out than there is.
    """
    best = "tinyshakespeare" if available("tinyshakespeare") else "topics"
    data = load_text(best if config.dataset == "auto" else config.dataset)
    cut = int(len(data) * (1 - HELD_OUT))
    if config.validation >= cut or (split == "validation" and not config.validation):
        raise ValueError(f"validation must be from 1 to {cut - 1} characters for a split, got {config.validation}")
    start = cut - config.validation
    ends = {"train": (0, start), "validation": (start, cut), "test": (cut, len(data))}
    return replace(data, text=data.text[slice(*ends[split])])


def training_batches(config: MambaConfig, generator: Generator) -> Batches:
    """Windows from random places of the text, drawn with replacement.

    Raises:
        ValueError: a text that is not longer than a window, or fewer tokens than it has characters.
    """
    numbers = encoded(config, "train")
    if len(numbers) <= config.length:
        raise ValueError(f"length must be less than the {len(numbers)} characters of the text, got {config.length}")
    return random_windows(numbers, config.length, config.items, config.batch_size, generator)


def evaluation_batches(config: MambaConfig, split: str) -> list[dict[str, Any]]:
    """All windows of the held-out text one after the other, each without what came before; as many of the training
    text."""
    numbers, length = encoded(config, split), config.length
    whole = np.arange(0, len(numbers) - length, length)
    starts = whole[:: max(1, len(whole) * length // len(encoded(config, "test")))] if split == "train" else whole
    return [
        next_tokens(numbers, starts[first : first + EVALUATION_WINDOWS], length)
        for first in range(0, len(starts), EVALUATION_WINDOWS)
    ]


def encoded(config: MambaConfig, split: str) -> np.ndarray:
    """A split as numbers.

    Raises:
        ValueError: numbers of which there are more than ``vocab_size``.
    """
    numbers = encode(dataset(config, split).text)
    if numbers.max(initial=0) >= config.vocab_size:
        raise ValueError(f"vocab_size must be above {numbers.max()}, the text has that number; got {config.vocab_size}")
    return numbers
