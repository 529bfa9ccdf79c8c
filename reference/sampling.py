"""How a token is chosen from logits: the most likely one, or one drawn by its probability."""

from typing import Any

import numpy as np
import torch
from torch import Tensor


def choose(logits: Tensor, options: Any, rng: np.random.Generator) -> int:
    """One token: where a uniform number falls among the cumulated probabilities.    (V,)

    Args:
        options: temperature, by which logits are divided, 0 for the most likely token always; and top_k, how many of
            the most likely tokens to choose among, 0 for all.
    """
    if options.temperature == 0:
        return int(logits.argmax())
    scaled = logits.double() / options.temperature
    if options.top_k:
        smallest = scaled.topk(min(options.top_k, len(scaled))).values[-1]
        scaled = scaled.masked_fill(scaled < smallest, -torch.inf)
    cumulated = torch.exp(scaled - scaled.max()).cumsum(dim=0).numpy()
    place = np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right")
    return min(int(place), len(cumulated) - 1)
