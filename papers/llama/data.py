"""A text as windows of tokens: random ones to train on, and held-out text from beginning to end."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from tinygrad_lab.data import Batches, TextData, available, load_text
from tinygrad_lab.data.windows import as_batch, next_tokens, random_windows
from tinygrad_lab.typing import Generator

from .config import LlamaConfig
from .weights.tokenizer import learn, tokenizer

HELD_OUT = 0.1  # the last part of the text is for testing
EVALUATION_WINDOWS = 64  # in a batch


def example_batch(config: LlamaConfig, rng: Generator) -> dict[str, Any]:
    """Random tokens, each to be predicted from those before it."""
    return as_batch(rng.integers(0, config.vocab_size, (config.batch_size, config.context + 1)))


def dataset(config: LlamaConfig, split: str) -> TextData:
    """The first nine tenths of the text for "train", but for its end, which is for "validation"; the rest for "test".

    Raises:
        ValueError: a validation split where nothing is left out, or more left out than there is.
    """
    data = load_text(_name(config.dataset))
    return replace(data, text=_part(data.text, split, config.validation))


def vocabularies(config: LlamaConfig) -> dict[str, str]:
    """Pieces learned from the training text; nothing for characters, which are always the same."""
    return {} if config.tokens == "characters" else {"text": _pieces(dataset(config, "train").text, config.vocab_size)}


def training_batches(config: LlamaConfig, generator: Generator) -> Batches:
    """Windows from random places of the text, drawn with replacement.

    Raises:
        ValueError: a text that is not longer than a window, or a vocabulary without room for its tokens.
    """
    tokens = encoded(config, "train")
    if len(tokens) <= config.context:
        raise ValueError(f"context must be less than the {len(tokens)} tokens of the text, got {config.context}")
    return random_windows(tokens, config.context, config.windows, config.batch_size, generator)


def evaluation_batches(config: LlamaConfig, split: str) -> list[dict[str, Any]]:
    """All windows of the held-out text one after the other, or as many of the training text.

    A batch also has "bytes", how much text its targets stand for.
    """
    tokens, length = encoded(config, split), config.context
    whole = np.arange(0, len(tokens) - length, length)
    starts = whole[:: max(1, len(whole) * length // len(encoded(config, "test")))] if split == "train" else whole
    bytes_of = tokenizer(vocabularies(config)).lengths()
    batches = []
    for first in range(0, len(starts), EVALUATION_WINDOWS):
        batch = next_tokens(tokens, starts[first : first + EVALUATION_WINDOWS], length)
        batches.append(batch | {"bytes": float(bytes_of[batch["target"]].sum())})
    return batches


def encoded(config: LlamaConfig, split: str) -> np.ndarray:
    """A split as tokens.

    Raises:
        ValueError: tokens of which there are more than ``vocab_size``.
    """
    vocabulary = vocabularies(config).get("text")
    tokens = _encoded(dataset(config, split).text, vocabulary)
    if tokens.max(initial=0) >= config.vocab_size:
        raise ValueError(f"vocab_size must be above {tokens.max()}, the text has that token; got {config.vocab_size}")
    return tokens


@cache
def _encoded(text: str, vocabulary: str | None) -> np.ndarray:
    """In pieces, or in characters where there are none; by the text itself, whatever file it was read from."""
    tokens = tokenizer({"text": vocabulary} if vocabulary else {}).encode(text)
    tokens.flags.writeable = False  # many have it
    return tokens


_pieces = cache(learn)  # seconds for a long text


def _part(text: str, split: str, validation: int) -> str:
    cut = int(len(text) * (1 - HELD_OUT))
    if validation >= cut or (split == "validation" and not validation):
        raise ValueError(f"validation must be below the {cut} characters, and above 0 for that split; got {validation}")
    start = cut - validation
    return {"train": text[:start], "validation": text[start:cut], "test": text[cut:]}[split]


def _name(name: str) -> str:
    best = "tinyshakespeare" if available("tinyshakespeare") else "topics"
    return best if name == "auto" else name
