"""A text in pieces, through the tokenizers library: what word pieces and translators' vocabularies share."""

from collections.abc import Iterable
from typing import Any

from tinygrad_lab.data.libraries import tokenizers


def trained(tokenizer: Any, trainer: str, texts: Iterable[str], size: int, special: list[str]) -> str:
    """Learn at most ``size`` pieces from texts, the special ones first; returns the tokenizer as JSON.

    Args:
        tokenizer: the library's, with its model, normaliser and decoder.
        trainer: the library's name for what trains such a model.
    """
    learner = getattr(tokenizers().trainers, trainer)(vocab_size=size, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts, learner)
    return str(tokenizer.to_str())


class Pieces:
    """Strings to tokens.

    Args:
        json: a tokenizer of the tokenizers library.
    """

    def __init__(self, json: str) -> None:
        self.tokenizer = tokenizers().Tokenizer.from_str(json)

    def __len__(self) -> int:
        """Tokens, the special ones included."""
        return int(self.tokenizer.get_vocab_size())

    def encode_all(self, texts: Iterable[str]) -> list[list[int]]:
        """Token numbers of each text; the unknown token for what the vocabulary lacks."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
