"""Batches for AlexNet: handwritten digits less their mean, on the scale of the paper's pixels."""

from torch import Tensor
from torch.utils.data import DataLoader

from ..data import digits, in_order, shuffled
from .config import AlexNetBatch, AlexNetConfig


def training_batches(config: AlexNetConfig) -> DataLoader[AlexNetBatch]:
    """Shuffled batches."""
    return shuffled(batch, config.batch_size, *centred("train", config))


def evaluation_batches(config: AlexNetConfig) -> DataLoader[AlexNetBatch]:
    """All images that are not trained on, in order, one view of each."""
    return in_order(views, 100, *centred("test", config))


def centred(split: str, config: AlexNetConfig) -> tuple[Tensor, Tensor]:
    """Images less the mean of the training images in every channel, (N, C, size, size), and labels."""
    image, label = digits(split, config.image_size)
    mean = digits("train", config.image_size)[0].mean(dim=0)
    return config.pixel_scale * (image - mean).expand(-1, config.channels, -1, -1), label


def batch(tensors: tuple[Tensor, ...]) -> AlexNetBatch:
    """Images and what they show."""
    image, label = tensors
    return {"image": image, "label": label, "count": float(len(label))}


def views(tensors: tuple[Tensor, ...]) -> AlexNetBatch:
    """The same with an axis of views, of which there is one."""
    image, label = tensors
    return {"image": image[None], "label": label, "count": float(len(label))}
