"""Dates in many languages and in ISO 8601, character by character; each side has an alphabet of its own."""

from torch import Tensor
from torch.utils.data import DataLoader

from ..data import alphabet, dates, in_order, padded, shuffled, translation
from .config import Seq2SeqBatch, Seq2SeqConfig


def training_batches(config: Seq2SeqConfig) -> DataLoader[Seq2SeqBatch]:
    """Shuffled batches."""
    return shuffled(translation, config.batch_size, *tensors("train", config))


def evaluation_batches(config: Seq2SeqConfig) -> DataLoader[Seq2SeqBatch]:
    """Dates of a thousand days that are not trained on."""
    return in_order(translation, 200, *tensors("test", config))


def tensors(split: str, config: Seq2SeqConfig) -> tuple[Tensor, Tensor]:
    """All sources and all targets."""
    known, _ = zip(*dates("train", config.train_items), strict=True)
    sources, targets = zip(*dates(split, config.train_items if split == "train" else 0), strict=True)
    return padded(sources, alphabet(known), begin=False), padded(targets, "-0123456789", begin=True)
