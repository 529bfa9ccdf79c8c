"""Translating tokens in PyTorch.

Beam search keeps the hypotheses that are ranked by log p(y_1 ... y_n) / n^alpha.
With alpha = 0 that is the probability itself; with alpha = 1 the mean over the tokens, EOS included.  The paper does
not say what it did.
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from .. import beam_search as beams
from ..beam_search import Hypothesis
from .config import Seq2SeqConfig
from .model import Seq2Seq


def beam_search(
    model: Seq2Seq, source: Int[Tensor, "b s"], length: Int[Tensor, " b"], width: int, limit: int, alpha: float = 1.0
) -> list[list[Hypothesis]]:
    """The ``width`` best hypotheses found for each source, best first; all sources advance together.

    Args:
        width: hypotheses kept at each step; 1 is greedy search.
        limit: tokens written at most, EOS included.
        alpha: the exponent of the length.

    Raises:
        ValueError: a width or limit below 1.
    """
    return beams.beam_search(model, source, length, width, limit, lambda n: n**alpha)


def search(model: Seq2Seq, config: Seq2SeqConfig, tokens: list[int], options: Any) -> Iterable[int]:  # noqa: ARG001
    """The best translation found of a source, EOS at its end."""
    source, length = torch.tensor([tokens]), torch.tensor([len(tokens)])
    (best, *_), *_ = beam_search(model, source, length, options.beam, options.max_length, options.length_penalty)
    return iter(best.tokens)
