"""What the stepper shows of the Transformer: a sentence of five words and its translation."""

from collections.abc import Iterator
from dataclasses import replace

from tinygrad_lab.data.translation.little import joint_words, pair_batches
from tinygrad_lab.shown import Batch, Item, pair_item
from tinygrad_lab.typing import Generator

from ..config import TransformerConfig

STEPS = 300


def configuration(config: TransformerConfig) -> TransformerConfig:
    """A row for each word of either language, nothing dropped, and a rate at which they are learned in seconds."""
    return replace(
        config, vocabulary=len(joint_words()[0]), hidden_size=14, feed_forward=20, dropout=0.0,
        batch_size=16, warmup_steps=60, learning_rate=0.6,
    )  # fmt: skip


def batches(config: TransformerConfig, generator: Generator) -> Iterator[Batch]:
    """Pairs of sentences."""
    return pair_batches(joint_words(), config.batch_size, generator)


def item(_: TransformerConfig) -> Item:
    """A sentence whose adjectives move."""
    return pair_item(joint_words())
