"""Python's help as characters: windows from random places to train on, and held-out text to its end."""

from torch.utils.data import DataLoader

from ..data import encoded, in_order, next_tokens, parts, shuffled, topics, windows
from .config import MambaBatch, MambaConfig


def training_batches(config: MambaConfig) -> DataLoader[MambaBatch]:
    """Windows from random places, other ones in every epoch."""
    text = encoded(parts(topics())[0])
    return shuffled(next_tokens, config.batch_size, windows(text, config.length), items=config.items)


def evaluation_batches(config: MambaConfig) -> DataLoader[MambaBatch]:
    """All windows of the held-out text, one after the other."""
    text = encoded(parts(topics())[1])
    return in_order(next_tokens, 64, windows(text, config.length, step=config.length))
