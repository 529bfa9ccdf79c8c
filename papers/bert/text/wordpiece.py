"""From text to word pieces and back, through the tokenizers library: lower case, punctuation apart, ``##`` in words.

A learned vocabulary begins with the five special tokens, so their numbers are 0 to 4. (In the published vocabulary they
are 0 and 100 to 103; ``sentences.py`` reads that one.)
"""

from collections.abc import Iterable

from tinygrad_lab.data.libraries import tokenizers
from tinygrad_lab.data.pieces import Pieces, trained

PAD, UNKNOWN, CLS, SEP, MASK = range(5)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def learn(texts: Iterable[str], size: int) -> str:
    """A vocabulary of at most ``size`` word pieces for texts like these, as JSON.

    Raises:
        ImportError: tokenizers is not installed.
    """
    library = tokenizers()
    tokenizer = library.Tokenizer(library.models.WordPiece(unk_token=SPECIAL[UNKNOWN]))
    tokenizer.normalizer = library.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = library.decoders.WordPiece()
    return trained(tokenizer, "WordPieceTrainer", texts, size, SPECIAL)


class WordPieces(Pieces):
    """Strings to tokens, without [CLS] and [SEP], and back; ``[MASK]`` written in a text is that token.

    Args:
        json: what ``learn`` returned.
    """

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of these tokens, in lower case, the special ones left out."""
        return str(self.tokenizer.decode(list(tokens)))
