"""From text to word pieces and back, through the tokenizers library: lower case, punctuation apart, ``##`` in words.

A learned vocabulary begins with the five special tokens, so their numbers are 0 to 4. (In the published vocabulary they
are 0 and 100 to 103; ``sentences.py`` reads that one.)
"""

import json
from collections.abc import Iterable
from typing import Any

from tinygrad_lab.data.libraries import tokenizers
from tinygrad_lab.data.pieces import Pieces, trained

PAD, UNKNOWN, CLS, SEP, MASK = range(5)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def learn(texts: Iterable[str], size: int) -> str:
    """A vocabulary of at most ``size`` word pieces for texts like these, as JSON; the same in every process.

    Raises:
        ImportError: tokenizers is not installed.
    """
    library = tokenizers()
    tokenizer = library.Tokenizer(library.models.WordPiece(unk_token=SPECIAL[UNKNOWN]))
    tokenizer.normalizer = library.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = library.decoders.WordPiece()
    texts = list(texts)
    return _only(SPECIAL, trained(tokenizer, "WordPieceTrainer", texts, size, [*SPECIAL, *_inside(tokenizer, texts)]))


def _inside(tokenizer: Any, texts: Iterable[str]) -> list[str]:
    """The pieces of one character within a word, in order.

    The library would number them in the order of a table that it shuffles anew each time, and of pairs that occur
    equally often it joins those with the lower numbers first.  Given as special ones they have their numbers before.
    """
    words = (
        word
        for text in texts
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))
    )
    return [f"##{character}" for character in sorted({character for word in words for character in word[1:]})]


def _only(special: list[str], written: str) -> str:
    """A tokenizer without its other special tokens: pieces like any, as soon as all are learned."""
    tokenizer = json.loads(written)
    tokenizer["added_tokens"] = [token for token in tokenizer["added_tokens"] if token["content"] in special]
    return json.dumps(tokenizer, ensure_ascii=False)


class WordPieces(Pieces):
    """Strings to tokens, without [CLS] and [SEP], and back; ``[MASK]`` written in a text is that token.

    Args:
        json: what ``learn`` returned.
    """

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of these tokens, in lower case, the special ones left out."""
        return str(self.tokenizer.decode(list(tokens)))
