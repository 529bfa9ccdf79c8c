"""Python's help as characters: windows to train on, and held-out text read from its beginning to its end."""

from collections.abc import Iterator

from torch import Tensor
from torch.utils.data import DataLoader

from ..data import encoded, parts, shuffled, topics, windows
from .config import LSTMBatch, LSTMConfig


def training_batches(config: LSTMConfig) -> DataLoader[LSTMBatch]:
    """As many windows as the text is long, from random places of it."""
    text = encoded(parts(topics())[0])
    return shuffled(batch, config.batch_size, windows(text, config.length), items=len(text) // config.length)


def evaluation_batches(config: LSTMConfig) -> list[LSTMBatch]:
    """The held-out text cut into as many pieces as a batch has rows; each batch goes on where the last one ended."""
    text = encoded(parts(topics())[1])
    pieces = windows(text, (len(text) - 1) // config.batch_size, (len(text) - 1) // config.batch_size)
    return list(stretches(pieces, config.length))


def stretches(pieces: Tensor, length: int) -> Iterator[LSTMBatch]:
    """Of each piece the first characters, then the next ones, and so on."""
    for start in range(0, pieces.shape[1] - 1, length):
        yield {**batch((pieces[:, start : start + length + 1],)), "continues": start > 0}


def batch(tensors: tuple[Tensor, ...]) -> LSTMBatch:
    """Characters, and those that follow them."""
    (window,) = tensors
    return {"sequence": window[:, :-1], "target": window[:, 1:], "count": float(window[:, 1:].numel())}
