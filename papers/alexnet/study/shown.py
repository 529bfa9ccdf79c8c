"""What the stepper shows of AlexNet: a handwritten digit in place of a photograph."""

from collections.abc import Iterator
from dataclasses import replace

from tinygrad_lab.shown import Batch, Item, endless, first_of
from tinygrad_lab.typing import Generator

from ..config import AlexNetConfig
from ..data import evaluation_batches, training_batches

STEPS = 400
DIGIT = 11  # which of the test images: one that the network is not too sure of, and right about


def configuration(config: AlexNetConfig) -> AlexNetConfig:
    """Grey digits, never mirrored, tested on the centre; of so few units only a tenth can be dropped."""
    return replace(
        config,
        channels=1,
        dataset="digits",
        flips=False,
        colour=0.0,
        ten_views=False,
        batch_size=32,
        units=24,
        drop=min(config.drop, 0.1),
        learning_rate=0.005,
    )


def batches(config: AlexNetConfig, generator: Generator) -> Iterator[Batch]:
    """Digits, cropped at random."""
    return endless(lambda: training_batches(config, generator))


def item(config: AlexNetConfig) -> Item:
    """A digit that is not trained on, less the mean of those that are."""
    seen = next(iter(evaluation_batches(config, "test")))
    batch = first_of([seen | {"image": seen["image"][0]}], DIGIT)  # its one view
    return Item(batch, f"a handwritten {batch['label'].item()}", {"label": "0123456789"})
