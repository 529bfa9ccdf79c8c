"""Batches for the autoencoders: handwritten digits with pixels in [0, 1], without their labels."""

from torch import Tensor
from torch.utils.data import DataLoader

from ..data import digits, in_order, shuffled
from .config import AutoencoderBatch, AutoencoderConfig


def training_batches(config: AutoencoderConfig) -> DataLoader[AutoencoderBatch]:
    """Shuffled batches."""
    image, _ = digits("train", config.image_size)
    return shuffled(batch, config.batch_size, image)


def evaluation_batches(config: AutoencoderConfig) -> DataLoader[AutoencoderBatch]:
    """All images that are not trained on, in order."""
    image, _ = digits("test", config.image_size)
    return in_order(batch, 500, image)


def batch(tensors: tuple[Tensor, ...]) -> AutoencoderBatch:
    """The images alone."""
    (image,) = tensors
    return {"image": image, "count": float(len(image))}
