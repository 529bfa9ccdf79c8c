"""Batches for LeNet-5: handwritten digits on the paper's grey scale."""

from torch import Tensor
from torch.utils.data import DataLoader

from ..data import digits, in_order, shuffled
from .config import LeNetBatch, LeNetConfig


def training_batches(config: LeNetConfig) -> DataLoader[LeNetBatch]:
    """Shuffled batches."""
    return shuffled(batch, config.batch_size, *digits("train", config.image_size))


def evaluation_batches(config: LeNetConfig) -> DataLoader[LeNetBatch]:
    """All images that are not trained on, in order."""
    return in_order(batch, 500, *digits("test", config.image_size))


def batch(tensors: tuple[Tensor, ...]) -> LeNetBatch:
    """Background becomes -0.1 and ink 1.175, a mean of about 0 and a variance of about 1."""
    image, label = tensors
    return {"image": 1.275 * image - 0.1, "label": label, "count": float(len(label))}
