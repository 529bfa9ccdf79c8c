"""From text to word pieces and back, through the tokenizers library: lower case, punctuation apart, ``##`` in words.

A learned vocabulary begins with the five special tokens, so their numbers are 0 to 4. (In the published vocabulary they
are 0 and 100 to 103; ``sentences.py`` reads that one.)
"""

from collections.abc import Iterable

from tinygrad_lab.data.libraries import tokenizers

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
    trainer = library.trainers.WordPieceTrainer(vocab_size=size, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str()


class WordPieces:
    """Strings to tokens and back.

    Args:
        json: what ``learn`` returned.
    """

    def __init__(self, json: str) -> None:
        self.tokenizer = tokenizers().Tokenizer.from_str(json)

    def __len__(self) -> int:
        """Tokens, the special ones included."""
        return self.tokenizer.get_vocab_size()

    def encode_all(self, texts: Iterable[str]) -> list[list[int]]:
        """Token numbers of each text, without [CLS] and [SEP]; ``[MASK]`` written in a text is that token."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of these tokens, in lower case, the special ones left out."""
        return self.tokenizer.decode(list(tokens))
