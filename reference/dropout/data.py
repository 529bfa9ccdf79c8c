"""Batches for the dropout networks: handwritten digits as flat vectors of pixels in [0, 1]."""

import math

from torch import Tensor
from torch.utils.data import DataLoader

from ..data import digits, in_order, shuffled
from .config import DropoutBatch, DropoutConfig


def training_batches(config: DropoutConfig) -> DataLoader[DropoutBatch]:
    """Shuffled batches."""
    return shuffled(batch, config.batch_size, *digits("train", math.isqrt(config.inputs)))


def evaluation_batches(config: DropoutConfig) -> DataLoader[DropoutBatch]:
    """All images that are not trained on, in order."""
    return in_order(batch, 1000, *digits("test", math.isqrt(config.inputs)))


def batch(tensors: tuple[Tensor, ...]) -> DropoutBatch:
    """Each image in one row, and what it shows."""
    image, label = tensors
    return {"image": image.flatten(1), "label": label, "count": float(len(label))}
