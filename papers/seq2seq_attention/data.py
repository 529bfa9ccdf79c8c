"""The pairs to translate, as batches of tokens; each side has a vocabulary of its own."""

from typing import Any

from tinygrad_lab.data import Batches, PairData
from tinygrad_lab.data.translation import data as pairs
from tinygrad_lab.typing import Generator

from .config import Seq2SeqConfig


def example_batch(config: Seq2SeqConfig, rng: Generator) -> dict[str, Any]:
    """One batch of random tokens, for parity and benchmarks; lengths from 1 to ``max_length``, both of which occur."""
    sizes = config.source_vocabulary, config.target_vocabulary
    return pairs.random_batch(rng, config.batch_size, config.max_length, *sizes)


def dataset(config: Seq2SeqConfig, split: str) -> PairData:
    """The pairs of a split: "train" (of which ``train_items``, if so many are asked for), "validation" or "test"."""
    return pairs.load(config.dataset, split, config.train_items)


def vocabularies(config: Seq2SeqConfig) -> dict[str, str]:
    """The vocabularies of both sides, learned from all training pairs."""
    return pairs.separate_vocabularies(config.dataset, config.source_vocabulary, config.target_vocabulary)


def training_batches(config: Seq2SeqConfig, generator: Generator) -> Batches:
    """Shuffled batches of pairs of similar length, none longer than ``max_length`` tokens on either side."""
    data = dataset(config, "train")
    return pairs.training_batches(data, vocabularies(config), config.batch_size, config.max_length, generator)


def evaluation_batches(config: Seq2SeqConfig, split: str) -> Batches:
    """All pairs of a split, however long, shortest sources first; of the training pairs a sample."""
    return pairs.evaluation_batches(dataset(config, split), vocabularies(config), split)
