"""Text from a trained model in PyTorch, token by token, each read once; no position is the last."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..sampling import choose
from .config import FoXConfig
from .model import Caches, ForgettingTransformer, new_caches

PIECE = 256  # tokens of a prompt that are read at once: it bounds the memory, and changes nothing else


def read(model: ForgettingTransformer, tokens: Sequence[int], caches: Caches) -> Tensor:
    """Take tokens in; the logits of what follows the last.    (V,)"""
    with torch.no_grad():
        for start in range(0, len(tokens), PIECE):
            x = model.model(torch.tensor([tokens[start : start + PIECE]]), caches)
        return model.lm_head(x[0, -1])


def search(model: ForgettingTransformer, config: FoXConfig, tokens: Sequence[int], options: Any) -> Iterator[int]:
    """Read ``tokens``, then write ``options.length`` tokens, each of them read in its turn.

    Raises:
        ValueError: no tokens, or one that the vocabulary lacks.
    """
    if not len(tokens):
        raise ValueError("the prompt must have at least one character, got none")
    if not 0 <= min(tokens) <= max(tokens) < config.vocab_size:
        raise ValueError(f"tokens must be from 0 to {config.vocab_size - 1}, got {min(tokens)} to {max(tokens)}")
    model.eval()
    rng = np.random.Generator(np.random.SFC64(options.seed))
    caches, new = new_caches(config), list(tokens)
    for _ in range(options.length):
        new = [choose(read(model, new, caches), options, rng)]
        yield new[0]
