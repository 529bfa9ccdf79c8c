"""What the stepper shows of LoRA: a decoder that knows one rhyme learns another."""

from collections.abc import Iterator
from dataclasses import replace

from tinygrad_lab.data.little import ALPHABET, LAMB, STAR
from tinygrad_lab.shown import Batch, Item, text_batches, text_item
from tinygrad_lab.typing import Generator

from ..config import LoRAConfig

STEPS = 250
BASE_STEPS = 300  # of the decoder that is adapted


def configuration(config: LoRAConfig) -> LoRAConfig:
    """Room for a line, and a rate at which it is learned in seconds; the update starts at zero, as in the paper."""
    return replace(
        config, vocabulary=len(ALPHABET), context=17, batch_size=16, learning_rate=2e-2, dropout=0.0, initial_b=0.0
    )


def base(config: LoRAConfig) -> LoRAConfig:
    """The decoder that is trained first, all of it."""
    return replace(config, method="full", text="source", learning_rate=1e-2)


def batches(config: LoRAConfig, generator: Generator) -> Iterator[Batch]:
    """Windows of the first rhyme to train on, of the second to adapt to."""
    text = STAR if config.text == "source" else LAMB
    return text_batches(text, config.context, config.batch_size, generator, ALPHABET, "sequence")


def item(config: LoRAConfig) -> Item:
    """The first line of the second rhyme."""
    return text_item(LAMB, config.context, ALPHABET, "sequence")
