"""Text from a trained character model in PyTorch, one character after the other.

The state of the layers is all that is kept of the characters so far, so memory does not grow with the text.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from reference.lstm.model import Network


def choose(logits: Tensor, options: Any, rng: np.random.Generator) -> int:
    """One symbol: where a uniform number falls among the cumulated probabilities.    (V,)"""
    if options.temperature == 0:
        return int(logits.argmax().item())
    scaled = logits.double() / options.temperature
    if options.top_k:
        smallest = scaled.topk(min(options.top_k, len(scaled))).values[-1]
        scaled = scaled.masked_fill(scaled < smallest, -torch.inf)
    cumulated = F.softmax(scaled, dim=0).cumsum(dim=0).numpy()
    return min(int(np.searchsorted(cumulated, rng.random(), side="right")), len(cumulated) - 1)


def search(model: Network, config: Any, tokens: list[int], options: Any) -> Iterable[int]:  # noqa: ARG001
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
