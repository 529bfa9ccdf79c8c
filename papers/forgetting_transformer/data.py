"""A text as windows of characters: random ones to train on, and held-out text in windows as long as is asked for."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from tinygrad_lab.data import Batches, TextData, available, load_text
from tinygrad_lab.data.characters import encode
from tinygrad_lab.data.windows import as_batch, next_tokens, random_windows
from tinygrad_lab.typing import Generator

from .config import FoXConfig

TENTHS = {"test": (9, 10), "validation": (8, 9), "train": (0, 9)}  # of a text that each split has
SHORTER = (0, 8)  # of it that are trained on where the ninth is for choosing learning rates
EVALUATED = 64 * 1024  # tokens at most that a test looks at: windows from all over the held-out text
EVALUATION_BATCH = 4096  # tokens in a batch of it
STRETCHES = 32  # of text that are read after contexts of different lengths
STRETCH = 64  # tokens of each


def example_batch(config: FoXConfig, rng: Generator) -> dict[str, Any]:
    """Random tokens, each to be predicted from those before it."""
    return as_batch(rng.integers(0, config.vocab_size, (config.batch_size, config.length + 1)))


def dataset(config: FoXConfig, split: str) -> TextData:
    """The first nine tenths of the text for "train", the rest for "test"; the ninth one is "validation"."""
    return _split(config, split)[0]


def training_batches(config: FoXConfig, generator: Generator) -> Batches:
    """Windows from random places of the text, drawn with replacement.

    Raises:
        ValueError: a text that is not longer than a window, or a character that the vocabulary has no room for.
    """
    tokens = encoded(config, "train")
    if len(tokens) <= config.length:
        raise ValueError(f"length must be less than the {len(tokens)} characters of the text, got {config.length}")
    return random_windows(tokens, config.length, config.windows, config.batch_size, generator)


def evaluation_batches(config: FoXConfig, split: str, length: int | None = None) -> list[dict[str, Any]]:
    """Windows of ``length`` tokens (by default as in training) from all over a split, always the same; no more than an
    epoch of training has.

    Raises:
        ValueError: a text that is not longer than a window.
    """
    tokens, length = encoded(config, split), config.length if length is None else length
    whole = (len(tokens) - 1) // length
    if not whole:
        raise ValueError(f"length must be less than the {len(tokens)} characters of the text, got {length}")
    count = min(whole, config.windows, max(1, EVALUATED // length))
    return _in_batches(tokens, np.linspace(0, whole - 1, count).astype(int) * length, length)


def context_batches(config: FoXConfig, split: str, context: int, longest: int) -> list[dict[str, Any]]:
    """Windows that end with the same stretches of text whatever ``context``, which is how many tokens they have before.

    Raises:
        ValueError: a text too short for a stretch after the ``longest`` context.
    """
    tokens = encoded(config, split)
    if len(tokens) <= longest + STRETCH:
        raise ValueError(f"longest must be less than {len(tokens) - STRETCH} in this text, got {longest}")
    places = np.linspace(longest, len(tokens) - STRETCH - 1, STRETCHES).astype(int)
    return _in_batches(tokens, places - context, context + STRETCH)


def _in_batches(tokens: np.ndarray, starts: np.ndarray, length: int) -> list[dict[str, Any]]:
    """Windows of one length, a few at a time."""
    rows = max(1, EVALUATION_BATCH // length)
    return [next_tokens(tokens, starts[first : first + rows], length) for first in range(0, len(starts), rows)]


def encoded(config: FoXConfig, split: str) -> np.ndarray:
    """A split as tokens.

    Raises:
        ValueError: a character that ``vocab_size`` has no room for.
    """
    tokens = _split(config, split)[1]
    if tokens.max(initial=0) >= config.vocab_size:
        raise ValueError(f"vocab_size must be above {tokens.max()}, the text has that token; got {config.vocab_size}")
    return tokens


def _split(config: FoXConfig, split: str) -> tuple[TextData, np.ndarray]:
    best = "tinyshakespeare" if available("tinyshakespeare") else "topics"
    tenths = SHORTER if config.validate and split == "train" else TENTHS[split]
    return _part(best if config.dataset == "auto" else config.dataset, *tenths)


@cache
def _part(name: str, first: int, last: int) -> tuple[TextData, np.ndarray]:
    """Tenths of a text and their tokens, made once: experiments ask for them again and again."""
    data = load_text(name)
    part = replace(data, text=data.text[int(len(data) * (first / 10)) : int(len(data) * (last / 10))])
    tokens = encode(part.text)
    tokens.setflags(write=False)
    return part, tokens
