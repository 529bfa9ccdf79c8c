"""Text as numbers: windows to train on, and held-out text read from its beginning to its end."""

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lab.data import Batches, TextData, available, load_text
from tinygrad_lab.data.characters import CHARACTERS, encode
from tinygrad_lab.typing import Generator

from ..config import LSTMConfig

HELD_OUT = 0.1  # the last part of the text is for testing
PIECE = 20_000  # characters at least that evaluation reads in one go, the state carried on all the way
EVALUATION_LENGTH = 200  # characters of every piece at a time: it bounds the memory, and changes nothing else


def example_batch(config: LSTMConfig, rng: Generator) -> dict[str, Any]:
    """Random characters, each to be predicted from those before it."""
    window = rng.integers(0, len(CHARACTERS), (config.batch_size, config.length + 1))
    return _batch(window)


def dataset(config: LSTMConfig, split: str) -> TextData:
    """The first nine tenths of the text for "train", the rest for "test"; "validation" is what training leaves out.

    Raises:
        ValueError: a validation split where nothing is left out.
    """
    if split == "validation" and config.train_share == 1:
        raise ValueError("train_share must be below 1 for a validation split")
    best = "timemachine" if available("timemachine") else "topics"
    data = load_text(best if config.dataset == "auto" else config.dataset)
    cut = round(len(data) * (1 - HELD_OUT))
    inner = round(cut * config.train_share)
    ends = {"train": (0, inner), "validation": (inner, cut), "test": (cut, len(data))}
    return replace(data, text=data.text[slice(*ends[split])])


def training_batches(config: LSTMConfig, generator: Generator) -> Batches:
    """Windows in random order; each begins at a place of its own within its stretch of the text, drawn every epoch.

    Raises:
        ValueError: a text shorter than two windows.
    """
    numbers = encode(dataset(config, "train").text)
    starts = np.arange(0, len(numbers) - 2 * config.length, config.length)
    if not len(starts):
        raise ValueError(f"length must be less than half of the {len(numbers)} characters, got {config.length}")

    def windows(batch: dict[str, Any], rng: Generator) -> dict[str, Any]:
        first = batch["start"] + rng.integers(0, config.length, len(batch["start"]))
        return _batch(numbers[first[:, None] + np.arange(config.length + 1)])

    return Batches({"start": starts}, config.batch_size, generator, transform=windows)


def evaluation_batches(config: LSTMConfig, split: str) -> list[dict[str, Any]]:
    """A whole split in pieces of ``PIECE`` characters or more, side by side, each from its beginning to its end.

    Every batch but the first says that it "continues" where the last one ended.
    """
    numbers = encode(dataset(config, split).text)
    pieces = max(1, len(numbers) // PIECE)
    length = (len(numbers) - 1) // pieces  # the rest, fewer characters than pieces, is left out
    windows = numbers[np.arange(pieces)[:, None] * length + np.arange(length + 1)]
    return [
        _batch(windows[:, start : start + EVALUATION_LENGTH + 1]) | {"continues": start > 0}
        for start in range(0, length, EVALUATION_LENGTH)
    ]


def _batch(windows: np.ndarray) -> dict[str, Any]:
    """From windows of n + 1 characters: n to read and the n that follow them."""
    sequence, target = windows[:, :-1], windows[:, 1:]
    return {"sequence": sequence, "target": target, "count": float(target.size)}
