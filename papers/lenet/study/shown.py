"""What the stepper shows of LeNet-5: a handwritten digit."""

from collections.abc import Iterator
from dataclasses import replace

from tinygrad_lab.shown import Batch, Item, endless, first_of
from tinygrad_lab.typing import Generator

from ..config import LeNetConfig
from ..data import evaluation_batches, training_batches

STEPS = 400
DIGIT = 23  # which of the test images: one that the network is not too sure of, and right about


def configuration(config: LeNetConfig) -> LeNetConfig:
    """The digits that are always there, on a background of 16 x 16 pixels."""
    return replace(config, dataset="digits", batch_size=32)


def batches(config: LeNetConfig, generator: Generator) -> Iterator[Batch]:
    """Digits, shuffled."""
    return endless(lambda: training_batches(config, generator))


def item(config: LeNetConfig) -> Item:
    """A digit that is not trained on."""
    batch = first_of(evaluation_batches(config, "test"), DIGIT)
    return Item(batch, f"a handwritten {batch['label'].item()}", {"label": "0123456789"})
