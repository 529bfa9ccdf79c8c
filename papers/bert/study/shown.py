"""What the stepper shows of BERT: two little sentences with hidden words."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from tinygrad_lab.data.little import ANIMALS, sentences, words
from tinygrad_lab.random import generator as seeded
from tinygrad_lab.shown import Batch, Item
from tinygrad_lab.typing import Generator

from ..config import BertConfig
from ..data import inputs, pretraining_batch
from ..text.wordpiece import SPECIAL

STEPS = 500


@cache
def vocabulary() -> list[str]:
    """The words by their numbers."""
    return [*SPECIAL, *words([text for text, _ in sentences()])]


def configuration(config: BertConfig) -> BertConfig:
    """A row for each word, room for two sentences, nothing dropped, and a rate at which they are learned in seconds."""
    return replace(
        config, vocab_size=len(vocabulary()), max_position_embeddings=16, length=13, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, num_labels=len(ANIMALS), batch_size=16, learning_rate=1e-2,
    )  # fmt: skip


def batches(config: BertConfig, generator: Generator) -> Iterator[Batch]:
    """Pairs of sentences, half of which are about the same animals, or sentences with their class."""
    while True:
        yield _batch(config, config.batch_size, generator)


def item(config: BertConfig) -> Item:
    """One of them."""
    batch = _batch(config, 1, seeded(3))
    text = " ".join(vocabulary()[token] for token in batch["input_ids"][0])
    words: dict[str, Sequence[str]] = {"input_ids": vocabulary(), "labels": vocabulary()}
    words |= {"label": tuple(ANIMALS)} if config.task == "classification" else {}
    return Item(batch, f"“{text}”", words, {"input_ids": slice(None)})


def _batch(config: BertConfig, size: int, rng: Generator) -> Batch:
    texts = [text for text, _ in sentences()]
    first = [texts[row] for row in rng.integers(0, len(texts), size)]
    if config.task == "classification":
        label = np.array([list(ANIMALS).index(text.split()[-1]) for text in first])
        return inputs([(_tokens(text), None) for text in first], config.length) | {"label": label, "count": float(size)}
    random = rng.random(size) < 0.5 if config.task == "pretraining" else np.zeros(size, bool)
    second = [_second(texts, None if other else text, rng) for text, other in zip(first, random, strict=True)]
    pairs = [(_tokens(a), _tokens(b)) for a, b in zip(first, second, strict=True)]
    return pretraining_batch(config, inputs(pairs, config.length), random, rng)


def _second(texts: list[str], first: str | None, rng: Generator) -> str:
    """A sentence about those of whom the first one tells last; any sentence without a first one."""
    about = " ".join(first.split()[-2:]) if first else ""
    fitting = [text for text in texts if text.startswith(about)]
    return fitting[rng.integers(len(fitting))]


def _tokens(text: str) -> list[int]:
    number = {word: place for place, word in enumerate(vocabulary())}
    return [number[word] for word in text.split()]
