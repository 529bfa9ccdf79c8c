"""The pairs to translate, as batches of tokens; sources and targets share one vocabulary, and so one embedding."""

from typing import Any

from tinygrad_lab.data import Batches, PairData
from tinygrad_lab.data.translation import data as pairs
from tinygrad_lab.typing import Generator

from .config import TransformerConfig


def example_batch(config: TransformerConfig, rng: Generator) -> dict[str, Any]:
    """One batch of random tokens, for parity and benchmarks; lengths from 1 to ``max_length``, both of which occur."""
    sizes = config.vocabulary, config.vocabulary
    return pairs.random_batch(rng, config.batch_size, config.max_length, *sizes)


def dataset(config: TransformerConfig, split: str) -> PairData:
    """The pairs of a split: "train" (of which ``train_items``, if so many are asked for), "validation" or "test"."""
    return pairs.load(config.dataset, split, config.train_items)


def vocabularies(config: TransformerConfig) -> dict[str, str]:
    """The one vocabulary, as each side reads it, learned from all training pairs."""
    return pairs.joint_vocabularies(config.dataset, config.vocabulary)


def training_batches(config: TransformerConfig, generator: Generator) -> Batches:
    """Shuffled batches of pairs of similar length, none longer than ``max_length`` tokens on either side."""
    data = dataset(config, "train")
    return pairs.training_batches(data, vocabularies(config), config.batch_size, config.max_length, generator)


def evaluation_batches(config: TransformerConfig, split: str) -> Batches:
    """All pairs of a split, however long, shortest sources first; of the training pairs a sample."""
    return pairs.evaluation_batches(dataset(config, split), vocabularies(config), split)
