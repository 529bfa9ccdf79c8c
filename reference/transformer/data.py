"""Dates in many languages and in ISO 8601, character by character; both sides share one alphabet."""

from torch import Tensor
from torch.utils.data import DataLoader

from ..data import alphabet, dates, in_order, padded, shuffled, translation
from .config import TransformerBatch, TransformerConfig


def training_batches(config: TransformerConfig) -> DataLoader[TransformerBatch]:
    """Shuffled batches."""
    return shuffled(translation, config.batch_size, *tensors("train", config))


def evaluation_batches(config: TransformerConfig) -> DataLoader[TransformerBatch]:
    """Dates of a thousand days that are not trained on."""
    return in_order(translation, 200, *tensors("test", config))


def tensors(split: str, config: TransformerConfig) -> tuple[Tensor, Tensor]:
    """All sources and all targets."""
    known = alphabet([text for pair in dates("train", config.train_items) for text in pair])
    sources, targets = zip(*dates(split, config.train_items if split == "train" else 0), strict=True)
    return padded(sources, known, begin=False), padded(targets, known, begin=True)
