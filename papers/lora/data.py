"""Characters of two texts: one to pretrain on, one to adapt to."""

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lab.data import Batches, TextData, available, load_text
from tinygrad_lab.data.characters import encode
from tinygrad_lab.typing import Generator

from .config import LoRAConfig

SOURCE, TARGET = "tinyshakespeare", "timemachine"  # plays in verse, and a novel
SPLITS = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}  # shares of a text
EVALUATION_ITEMS, EVALUATION_WINDOWS = 64, 256


def example_batch(config: LoRAConfig, rng: Generator) -> dict[str, Any]:
    """Random characters, each to be predicted from those before it."""
    return _batch(rng.integers(0, config.vocabulary, (config.batch_size, config.context + 1)))


def dataset(config: LoRAConfig, split: str) -> TextData:
    """A part of ``config.text``: "train", "validation" or "test".

    Without the files of the two texts, the two halves of Python's help texts stand in for them.
    """
    data = _text(config.text)
    low, high = (round(share * len(data)) for share in SPLITS[split])
    return replace(data, text=data.text[low:high])


def training_batches(config: LoRAConfig, generator: Generator) -> Batches:
    """Windows in random order; each begins at a place of its own within its stretch of the text, drawn every epoch.

    Raises:
        ValueError: a text shorter than two windows.
    """
    numbers = encode(dataset(config, "train").text)
    last = len(numbers) - 2 * config.context
    starts = (
        np.linspace(0, last, config.windows, dtype=np.int64) if config.windows else np.arange(0, last, config.context)
    )
    if last < 1:
        raise ValueError(f"context must be less than half of the {len(numbers)} characters, got {config.context}")

    def windows(batch: dict[str, Any], rng: Generator) -> dict[str, Any]:
        first = batch["start"] + rng.integers(0, config.context, len(batch["start"]))
        return _batch(numbers[first[:, None] + np.arange(config.context + 1)])

    return Batches({"start": starts}, config.batch_size, generator, transform=windows)


def evaluation_batches(config: LoRAConfig, split: str) -> Batches:
    """Windows that do not overlap, in order: all there are, or of a long split as many, spread evenly over it."""
    numbers = encode(dataset(config, split).text)
    starts = np.arange(0, len(numbers) - config.context, config.context)
    starts = starts[:: -(-len(starts) // EVALUATION_WINDOWS)]

    def windows(batch: dict[str, Any], rng: Generator) -> dict[str, Any]:  # noqa: ARG001  (nothing is drawn)
        return _batch(numbers[batch["start"][:, None] + np.arange(config.context + 1)])

    return Batches({"start": starts}, EVALUATION_ITEMS, shuffle=False, transform=windows)


def _text(text: str) -> TextData:
    if available(SOURCE) and available(TARGET):
        return load_text({"source": SOURCE, "target": TARGET}[text])
    whole = load_text("topics")
    half = len(whole) // 2
    part = whole.text[:half] if text == "source" else whole.text[half:]
    return replace(whole, text=part, name=f"topics, {'first' if text == 'source' else 'second'} half")


def _batch(windows: np.ndarray) -> dict[str, Any]:
    """From windows of n + 1 characters: n to read and the n that follow them."""
    sequence, target = windows[:, :-1], windows[:, 1:]
    return {"sequence": sequence, "target": target, "count": float(target.size)}
