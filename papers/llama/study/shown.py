"""What the stepper shows of LLaMA: a line of a rhyme, character by character."""

from collections.abc import Iterator
from dataclasses import replace

from tinygrad_lab.data.little import ALPHABET, STAR
from tinygrad_lab.shown import Batch, Item, text_batches, text_item
from tinygrad_lab.typing import Generator

from ..config import LlamaConfig

STEPS = 400


def configuration(config: LlamaConfig) -> LlamaConfig:
    """Room for a line, and a rate at which a rhyme is learned in seconds."""
    return replace(config, vocab_size=len(ALPHABET), hidden_size=12, context=17, batch_size=16, learning_rate=1e-2)


def batches(config: LlamaConfig, generator: Generator) -> Iterator[Batch]:
    """Windows of the rhyme."""
    return text_batches(STAR, config.context, config.batch_size, generator, ALPHABET)


def item(config: LlamaConfig) -> Item:
    """The first line."""
    return text_item(STAR, config.context, ALPHABET)
