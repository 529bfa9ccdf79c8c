"""Text from a trained character model in PyTorch, one character after the other.

The state of the layers is all that is kept of the characters so far, so memory does not grow with the text.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from ..sampling import choose
from .config import LSTMConfig
from .model import Network


def search(model: Network, config: LSTMConfig, tokens: list[int], options: Any) -> Iterable[int]:  # noqa: ARG001
    """Read ``tokens``, then write ``options.length`` symbols, each of them read in its turn.

    Raises:
        ValueError: no tokens.
    """
    if not tokens:
        raise ValueError("the prompt must have at least one character, got none")
    model.eval()
    rng = np.random.Generator(np.random.SFC64(options.seed))
    states = None
    for _ in range(options.length):
        with torch.no_grad():
            output, states = model(torch.tensor([tokens]), states)
            tokens = [choose(output[-1, 0], options, rng)]
        yield tokens[0]
