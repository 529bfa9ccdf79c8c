"""What the stepper shows of sequence to sequence: a sentence of five words and its translation."""

from collections.abc import Iterator
from dataclasses import replace

from tinygrad_lab.data.translation.little import pair_batches, separate_words
from tinygrad_lab.shown import Batch, Item, pair_item
from tinygrad_lab.typing import Generator

from ..config import Seq2SeqConfig

STEPS = 200


def configuration(config: Seq2SeqConfig) -> Seq2SeqConfig:
    """A row for each word, one layer, nothing dropped, and a rate at which they are learned in seconds."""
    source, target = separate_words()
    return replace(
        config, source_vocabulary=len(source), target_vocabulary=len(target), hidden_size=14, layers=1, dropout=0.0,
        batch_size=16, learning_rate=2e-2,
    )  # fmt: skip


def batches(config: Seq2SeqConfig, generator: Generator) -> Iterator[Batch]:
    """Pairs of sentences."""
    return pair_batches(separate_words(), config.batch_size, generator)


def item(_: Seq2SeqConfig) -> Item:
    """A sentence whose adjectives move."""
    return pair_item(separate_words())
