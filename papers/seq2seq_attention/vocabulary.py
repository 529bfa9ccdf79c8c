"""From strings to tokens and back, for each data set, through the tokenizers library.

Dates and words are read character by character, phonemes one by one, verses in subwords (byte pair encoding, Sennrich,
Haddow & Birch 2016).  Every vocabulary begins with the same four tokens, so the model's PAD, BOS and EOS are 0, 1, 2.
"""

from collections.abc import Iterable
from typing import Any

PAD, BOS, EOS, UNKNOWN = range(4)
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]

KINDS = {  # what the tokens of (source, target) are
    "dates": ("characters", "characters"),
    "cmudict": ("characters", "words"),
    "eng-spa": ("subwords", "subwords"),
}


def learn(kind: str, texts: Iterable[str], size: int) -> str:
    """A vocabulary of at most ``size`` tokens for texts like these, as JSON.

    Raises:
        ValueError: characters or words of which there are more.
        ImportError: tokenizers is not installed.
    """
    library = _tokenizers()
    if kind == "subwords":
        return _learn_subwords(library, texts, size)
    cut = (lambda text: text.split(" ")) if kind == "words" else list
    found = sorted({token for text in texts for token in cut(text)})
    if len(found) + len(SPECIAL) > size:
        raise ValueError(
            f"a vocabulary of {size} has no room for {len(found)} {kind} and {len(SPECIAL)} special tokens"
        )
    known = {token: number for number, token in enumerate([*SPECIAL, *found])}
    tokenizer = library.Tokenizer(library.models.WordLevel(known, unk_token=SPECIAL[UNKNOWN]))
    if kind == "words":
        tokenizer.pre_tokenizer = library.pre_tokenizers.WhitespaceSplit()
    else:
        tokenizer.normalizer = library.normalizers.NFKC()
        tokenizer.pre_tokenizer = library.pre_tokenizers.Split(library.Regex("."), "isolated")
        tokenizer.decoder = library.decoders.Fuse()
    return tokenizer.to_str()


def _learn_subwords(library: Any, texts: Iterable[str], size: int) -> str:
    tokenizer = library.Tokenizer(library.models.BPE(unk_token=SPECIAL[UNKNOWN]))
    tokenizer.normalizer = library.normalizers.NFC()
    tokenizer.pre_tokenizer = library.pre_tokenizers.Sequence(
        [library.pre_tokenizers.Metaspace(), library.pre_tokenizers.Punctuation()]  # a comma is no part of a word
    )
    tokenizer.decoder = library.decoders.Metaspace()
    trainer = library.trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str()


class Vocabulary:
    """Strings to tokens and back.

    Args:
        json: what ``learn`` returned.
    """

    def __init__(self, json: str) -> None:
        self.tokenizer = _tokenizers().Tokenizer.from_str(json)

    def __len__(self) -> int:
        """Tokens, the special ones included."""
        return self.tokenizer.get_vocab_size()

    def encode_all(self, texts: Iterable[str]) -> list[list[int]]:
        """Token numbers of each text; UNKNOWN for what the vocabulary lacks."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]

    def encode(self, text: str) -> list[int]:
        """Token numbers of a text.

        Raises:
            ValueError: a text that is empty, or has something that the vocabulary lacks.
        """
        encoding = self.tokenizer.encode(text)
        if not encoding.ids:
            raise ValueError(f"a text to translate must not be empty, got {text!r}")
        unknown = [text[slice(*encoding.offsets[i])] for i, token in enumerate(encoding.ids) if token == UNKNOWN]
        if unknown:
            shown = ", ".join(map(repr, dict.fromkeys(unknown)))
            raise ValueError(f"{text!r} has {shown}, which did not occur in training")
        return encoding.ids

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of these tokens, without the special ones."""
        return self.tokenizer.decode(list(tokens), skip_special_tokens=False)

    def pieces(self, tokens: Iterable[int]) -> list[str]:
        """Each token as it is written in the vocabulary."""
        return [self.tokenizer.id_to_token(token) for token in tokens]


def _tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError("vocabularies need tokenizers: pip install tinygrad-lab[lab]") from error
    return tokenizers
