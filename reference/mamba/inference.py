"""Text from a trained Mamba in PyTorch, one character after the other, in time and memory that do not grow.

The last inputs of the convolution and the states of the channels are all that is kept of the characters so far.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..sampling import choose
from .config import MambaConfig
from .model import Mamba, State

PIECE = 256  # characters of a prompt that are read at once: it bounds the memory, and changes nothing else


def fresh(model: Mamba, config: MambaConfig) -> list[State]:
    """The states before the first token."""
    dtype = model.backbone.embeddings.weight.dtype
    return [State(config, dtype=dtype) for _ in range(config.layers)]


def read(model: Mamba, tokens: Sequence[int], states: list[State]) -> Tensor:
    """Take tokens in; the logits of what follows the last.    (V,)"""
    with torch.no_grad():
        for start in range(0, len(tokens), PIECE):
            x = model.backbone(torch.tensor([tokens[start : start + PIECE]]), states)
        return model.logits(x[0, -1])


def search(model: Mamba, config: MambaConfig, tokens: Sequence[int], options: Any) -> Iterator[int]:
    """Read ``tokens``, then write ``options.length`` characters, each of them read in its turn.

    Raises:
        ValueError: no tokens.
    """
    if not len(tokens):
        raise ValueError("the prompt must have at least one character, got none")
    model.eval()
    rng = np.random.Generator(np.random.SFC64(options.seed))
    states = fresh(model, config)
    for _ in range(options.length):
        tokens = [choose(read(model, tokens, states), options, rng)]
        yield tokens[0]
