"""From strings to tokens and back, for each data set, through the tokenizers library.

Dates and words are read character by character, phonemes one by one, verses in subwords (byte pair encoding, Sennrich,
Haddow & Birch 2016).  Every vocabulary begins with the same four tokens, so the model's PAD, BOS and EOS are 0, 1, 2.
A model either numbers the tokens of its two sides apart (``learn`` for each), or together (``learn_joint``).
"""

from collections.abc import Callable, Iterable
from itertools import chain

from tinygrad_lab.data.libraries import tokenizers
from tinygrad_lab.data.pieces import Pieces, trained

PAD, BOS, EOS, UNKNOWN = range(4)
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]

Cut = Callable[[str], Iterable[str]]
CUTS: dict[str, Cut] = {"characters": list, "words": lambda text: text.split(" ")}


def learn(kind: str, texts: Iterable[str], size: int) -> str:
    """Learn a vocabulary of at most ``size`` tokens from texts like these, as JSON.

    Args:
        kind: what its tokens are: "characters", "words" or "subwords".
        texts: to find them in.
        size: tokens at most, the four special ones included.

    Raises:
        ValueError: characters or words of which there are more.
        ImportError: tokenizers is not installed.
    """
    if kind == "subwords":
        return _learn_subwords(texts, size)
    return _with_table(kind, _table([kind], [texts], size))


def learn_joint(kinds: tuple[str, str], sources: Iterable[str], targets: Iterable[str], size: int) -> tuple[str, str]:
    """Learn both sides' vocabularies with one numbering: what occurs on both has one number.

    Args:
        kinds: as in ``learn``, of the sources and of the targets; subwords on both sides or on none.
        sources: texts of the one side.
        targets: texts of the other.
        size: tokens at most in all.

    Raises:
        ValueError: subwords on one side only, or characters and words of which there are more.
        ImportError: tokenizers is not installed.
    """
    if "subwords" not in kinds:
        table = _table(kinds, (sources, targets), size)
        return _with_table(kinds[0], table), _with_table(kinds[1], table)
    if kinds != ("subwords", "subwords"):
        raise ValueError(f"learn_joint: both kinds must be subwords where one is, got {kinds}")
    both = _learn_subwords(chain(sources, targets), size)
    return both, both


def _table(kinds: Iterable[str], sides: Iterable[Iterable[str]], size: int) -> dict[str, int]:
    """The number of every token: special ones first, then what occurs on any side, sorted."""
    kinds = list(kinds)
    tokens = sorted({t for kind, texts in zip(kinds, sides, strict=True) for text in texts for t in CUTS[kind](text)})
    if len(tokens) + len(SPECIAL) > size:
        raise ValueError(
            f"a vocabulary of {size} has no room for {len(tokens)} {' and '.join(dict.fromkeys(kinds))} "
            f"and {len(SPECIAL)} special tokens"
        )
    return {token: number for number, token in enumerate([*SPECIAL, *tokens])}


def _with_table(kind: str, table: dict[str, int]) -> str:
    library = tokenizers()
    tokenizer = library.Tokenizer(library.models.WordLevel(table, unk_token=SPECIAL[UNKNOWN]))
    if kind == "words":
        tokenizer.pre_tokenizer = library.pre_tokenizers.WhitespaceSplit()
    else:
        tokenizer.normalizer = library.normalizers.NFKC()
        tokenizer.pre_tokenizer = library.pre_tokenizers.Split(library.Regex("."), "isolated")
        tokenizer.decoder = library.decoders.Fuse()
    return str(tokenizer.to_str())


def _learn_subwords(texts: Iterable[str], size: int) -> str:
    library = tokenizers()
    tokenizer = library.Tokenizer(library.models.BPE(unk_token=SPECIAL[UNKNOWN]))
    tokenizer.normalizer = library.normalizers.NFC()
    tokenizer.pre_tokenizer = library.pre_tokenizers.Sequence(
        [library.pre_tokenizers.Metaspace(), library.pre_tokenizers.Punctuation()]  # a comma is no part of a word
    )
    tokenizer.decoder = library.decoders.Metaspace()
    return trained(tokenizer, "BpeTrainer", texts, size, SPECIAL)


class Vocabulary(Pieces):
    """Strings to tokens and back.

    Args:
        json: what ``learn`` returned.
    """

    def encode(self, text: str) -> list[int]:
        """Return the token numbers of a text.

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
        return list(encoding.ids)

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of these tokens, without the special ones."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=False))

    def pieces(self, tokens: Iterable[int]) -> list[str]:
        """Return each token as the vocabulary writes it; a number that it lacks as the unknown one."""
        return [self.tokenizer.id_to_token(token) or SPECIAL[UNKNOWN] for token in tokens]
