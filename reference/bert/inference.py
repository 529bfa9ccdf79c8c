"""Words in place of [MASK] in PyTorch, the most certain one first.

A masked model is no writer: it gives every hidden token a distribution, as if the others were hidden for good. Filling
them in one by one, and reading what was filled in, makes them fit each other.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch.nn import functional as F

from .config import BertConfig
from .model import BertForMaskedLM

MASK = 4
SPECIAL_TOKENS = 5  # the first of the vocabulary


def search(model: BertForMaskedLM, config: BertConfig, tokens: list[int], options: Any) -> Iterable[int]:  # noqa: ARG001
    """The tokens, each MASK replaced by an ordinary token."""
    model.eval()
    filled = torch.tensor([tokens])
    while len(hidden := (filled[0] == MASK).nonzero()[:, 0]):
        with torch.no_grad():
            scores, _ = model(filled, torch.ones_like(filled, dtype=torch.bool), torch.zeros_like(filled), hidden)
        p = F.softmax(scores, dim=1)[:, SPECIAL_TOKENS:]
        place, token = divmod(int(p.argmax()), p.shape[1])
        filled[0, hidden[place]] = token + SPECIAL_TOKENS
    return iter(filled[0].tolist())
