"""Translating tokens in PyTorch.

Beam search keeps the hypotheses that are ranked by log p(y_1 ... y_n) / ((5 + n) / 6)^alpha.
The length penalty is that of Wu et al. 2016 (equation 14), to which section 6.1 of the paper refers; n counts EOS.
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from .. import beam_search as beams
from ..beam_search import Hypothesis
from .config import TransformerConfig
from .model import Transformer


def beam_search(
    model: Transformer,
    source: Int[Tensor, "b s"],
    length: Int[Tensor, " b"],
    width: int,
    limit: int,
    alpha: float = 0.6,
) -> list[list[Hypothesis]]:
    """The ``width`` best hypotheses found for each source, best first; all sources advance together.

    Args:
        width: hypotheses kept at each step; 1 is greedy search.
        limit: tokens written at most, EOS included.
        alpha: how much is made up for length: 0 is the probability itself.

    Raises:
        ValueError: a width or limit below 1.
    """
    return beams.beam_search(model, source, length, width, limit, lambda n: ((5 + n) / 6) ** alpha)


def search(model: Transformer, config: TransformerConfig, tokens: list[int], options: Any) -> Iterable[int]:  # noqa: ARG001
    """The best translation found of a source, EOS at its end."""
    source, length = torch.tensor([tokens]), torch.tensor([len(tokens)])
    (best, *_), *_ = beam_search(model, source, length, options.beam, options.max_length, options.length_penalty)
    return iter(best.tokens)
