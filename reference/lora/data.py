"""Python's help as characters: its first half is the text to pretrain on, its second half the text to adapt to."""

from torch import Tensor
from torch.utils.data import DataLoader

from ..data import encoded, in_order, parts, shuffled, topics, windows
from .config import LoRABatch, LoRAConfig


def training_batches(config: LoRAConfig) -> DataLoader[LoRABatch]:
    """Windows from random places, other ones in every epoch."""
    text = encoded(parts(half(config))[0])
    items = config.windows or len(text) // config.context
    return shuffled(batch, config.batch_size, windows(text, config.context), items=items)


def evaluation_batches(config: LoRAConfig) -> DataLoader[LoRABatch]:
    """All windows of the held-out text, one after the other."""
    text = encoded(parts(half(config))[1])
    return in_order(batch, 64, windows(text, config.context, step=config.context))


def half(config: LoRAConfig) -> str:
    """The half of the text that ``config.text`` names."""
    text = topics()
    return text[: len(text) // 2] if config.text == "source" else text[len(text) // 2 :]


def batch(tensors: tuple[Tensor, ...]) -> LoRABatch:
    """Characters, and those that follow them."""
    (window,) = tensors
    return {"sequence": window[:, :-1], "target": window[:, 1:], "count": float(window[:, 1:].numel())}
