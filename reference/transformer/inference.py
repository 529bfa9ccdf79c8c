"""Translating tokens in PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch

from reference.transformer.model import Transformer
from reference.transformer.search import beam_search


def search(model: Transformer, config: Any, tokens: list[int], options: Any) -> Iterable[int]:  # noqa: ARG001
    """The best translation found of a source, EOS at its end."""
    source, length = torch.tensor([tokens]), torch.tensor([len(tokens)])
    (best, *_), *_ = beam_search(model, source, length, options.beam, options.max_length, options.length_penalty)
    return iter(best.tokens)
