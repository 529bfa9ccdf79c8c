"""What the stepper shows of the dropout networks: a handwritten digit of 8 x 8 pixels."""

from collections.abc import Iterator
from dataclasses import replace

from tinygrad_lab.shown import Batch, Item, endless, first_of
from tinygrad_lab.typing import Generator

from ..config import DropoutConfig
from ..data import evaluation_batches, training_batches

STEPS = 1000
DIGIT = 11  # which of the test images: one that the network is not too sure of, and right about


def configuration(config: DropoutConfig) -> DropoutConfig:
    """Units enough that some can be dropped."""
    return replace(config, hidden=(24, 16), batch_size=32)


def batches(config: DropoutConfig, generator: Generator) -> Iterator[Batch]:
    """Digits, shuffled."""
    return endless(lambda: training_batches(config, generator))


def item(config: DropoutConfig) -> Item:
    """A digit that is not trained on."""
    batch = first_of(evaluation_batches(config, "test"), DIGIT)
    return Item(batch, f"a handwritten {batch['label'].item()}", {"label": "0123456789"})
