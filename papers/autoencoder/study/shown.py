"""What the stepper shows of the autoencoders: a handwritten digit of 8 x 8 pixels, and what comes back of it."""

from collections.abc import Iterator
from dataclasses import replace

from tinygrad_lab.shown import Batch, Item, endless, first_of
from tinygrad_lab.typing import Generator

from ..config import AutoencoderConfig
from ..data import evaluation_batches, training_batches

STEPS = 1000
DIGIT = 3  # which of the test images


def configuration(config: AutoencoderConfig) -> AutoencoderConfig:
    """Units enough to tell digits apart."""
    hidden = (24, 12)[: len(config.hidden)]
    return replace(
        config, dataset="digits", hidden=hidden, channels=(4, 6), code_size=5, batch_size=32, learning_rate=5e-3
    )


def batches(config: AutoencoderConfig, generator: Generator) -> Iterator[Batch]:
    """Digits, shuffled."""
    return endless(lambda: training_batches(config, generator))


def item(config: AutoencoderConfig) -> Item:
    """A digit that is not trained on."""
    return Item(first_of(evaluation_batches(config, "test"), DIGIT), "a handwritten digit of 8×8 pixels")
