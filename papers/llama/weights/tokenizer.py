"""From text to tokens and back: the characters of ASCII, or pieces learned by byte pair encoding.

Pieces are made of bytes (Radford et al. 2019), so there is no text that they cannot spell.  They are kept as the JSON
of the tokenizers library, which a checkpoint carries with it.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_lab.data import characters
from tinygrad_lab.data.libraries import open_tokenizer, tokenizers
from tinygrad_lab.documents import check_unicode, shown

BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")  # how tokenizers of SentencePiece's kind call a byte that no piece has
UNFINISHED = "\N{REPLACEMENT CHARACTER}"  # stands for the first bytes of a character whose last ones are to come


class Tokenizer(ABC):
    """What both kinds can do.

    Attributes:
        markers: tokens that say something to a program and are no text, as the beginning of an answer is.
    """

    markers: frozenset[int] = frozenset()

    @abstractmethod
    def encode(self, text: str) -> np.ndarray:
        """The numbers of a text's tokens."""

    def prompt(self, text: str) -> np.ndarray:
        """The numbers of a text that a model is to go on from, with what its tokenizer puts around such a text."""
        return self.encode(text)

    def waits(self, token: int) -> bool:  # noqa: ARG002 (only bytes that stand for themselves do)
        """Whether the text of a token depends on what comes after it."""
        return False

    @abstractmethod
    def decode(self, tokens: Iterable[int]) -> str:
        """The text of these tokens."""

    @abstractmethod
    def lengths(self) -> np.ndarray:
        """The number of bytes that each token stands for."""


class Characters(Tokenizer):
    """Newline and the 95 printable characters of ASCII."""

    def encode(self, text: str) -> np.ndarray:
        return characters.encode(text)

    def decode(self, tokens: Iterable[int]) -> str:
        return characters.decode(tokens)

    def lengths(self) -> np.ndarray:
        return np.ones(len(characters.CHARACTERS), np.int64)


class Pieces(Tokenizer):
    """Byte pair encoding.

    Args:
        json: what ``learn`` or ``papers.llama.weights.pretrained`` made.
    """

    def __init__(self, json: str) -> None:
        self.library = open_tokenizer(json, "tokenizer.json")
        added = self.library.get_added_tokens_decoder()
        self.markers = frozenset(number for number, token in added.items() if token.special)

    def encode(self, text: str) -> np.ndarray:
        return np.array(self._numbers(text, False), np.int64)

    def prompt(self, text: str) -> np.ndarray:
        """With the first token that the tokenizer's rule adds, once, also where the text begins with it already."""
        whole, bare = self._numbers(text, True), self._numbers(text, False)
        added = next((n for n in range(len(whole)) if bare and whole[n : n + len(bare)] == bare), 0)
        twice = added and bare[:added] == whole[:added]
        return np.array(whole[added:] if twice else whole, np.int64)

    def waits(self, token: int) -> bool:
        """A byte that is a token of its own: a row of them is a text only if the whole row is one."""
        return BYTE.fullmatch(self.library.id_to_token(token) or "") is not None

    def _numbers(self, text: str, special: bool) -> list[int]:
        check_unicode(text, "the prompt")
        return list(self.library.encode(text, add_special_tokens=special).ids)

    def decode(self, tokens: Iterable[int]) -> str:
        return str(self.library.decode(list(tokens), skip_special_tokens=False))

    def lengths(self) -> np.ndarray:
        """A letter of a piece as the library writes it stands for a byte."""
        return np.array([len(self.library.id_to_token(token)) for token in range(self.library.get_vocab_size())])


def put_around(library: Any, first: str | None, last: str | None) -> None:
    """Have a tokenizer begin and end every text with these tokens."""
    parts = [first, "$A", last]
    numbers = [(token, library.token_to_id(token)) for token in (first, last) if token is not None]
    template = [part for part in parts if part is not None]
    library.post_processor = tokenizers().processors.TemplateProcessing(single=template, special_tokens=numbers)


def byte_pairs(words: list[str], merges: list[str], control: list[str], called: str) -> Any:
    """A tokenizer of pieces that are made of bytes, digits apart.

    Raises:
        ValueError: a merge of something that is no word, or is no pair.
    """
    library, pairs = tokenizers(), [tuple(merge.split(" ")) for merge in merges]
    numbers = {word: number for number, word in enumerate(words)}
    for pair in pairs:
        if len(pair) != 2 or not {*pair, "".join(pair)} <= numbers.keys():
            raise ValueError(f"{called}: merge {shown(' '.join(pair))} is no pair of words that make a word")
    pieces = library.Tokenizer(library.models.BPE(numbers, pairs))
    before = library.pre_tokenizers
    pieces.pre_tokenizer = before.Sequence([before.Digits(True), before.ByteLevel(add_prefix_space=False)])
    pieces.decoder = library.decoders.ByteLevel()
    pieces.add_special_tokens(control)
    return pieces


def tokenizer(vocabularies: Mapping[str, str]) -> Tokenizer:
    """Pieces where ``vocabularies`` has them under "text", else characters."""
    return Pieces(vocabularies["text"]) if "text" in vocabularies else Characters()


def learn(text: str, size: int) -> str:
    """Pieces of ``text`` as JSON: 256 bytes, and the pairs that were merged until there were ``size``.

    Raises:
        ValueError: a size that has no room for the bytes.
        ImportError: tokenizers is not installed.
    """
    library = tokenizers()
    alphabet = library.pre_tokenizers.ByteLevel.alphabet()
    if size < len(alphabet):
        raise ValueError(f"vocab_size must be at least {len(alphabet)}, one for each byte, got {size}")
    pieces = library.Tokenizer(library.models.BPE())
    pieces.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(vocab_size=size, initial_alphabet=sorted(alphabet), show_progress=False)
    pieces.train_from_iterator(text.splitlines(keepends=True), trainer)
    return str(pieces.to_str())


def without_markers(tokens: Iterable[int], known: Tokenizer) -> Iterator[int]:
    """The tokens that are text."""
    return (token for token in tokens if token not in known.markers)


def stream(tokens: Iterable[int], known: Tokenizer, before: Iterable[int] = ()) -> Iterator[str]:
    """Text as its tokens come: joined, what decoding them all after ``before`` adds to it.

    A token's text depends on its neighbours (a word's first space is dropped at the beginning of a text, a character
    may need several tokens), so each is decoded together with the last ones that have been written; a character that
    is not complete waits.
    """
    window = list(before)
    shown = len(window)  # of which so many have been written
    for token in tokens:
        window.append(token)
        text, written = known.decode(window), known.decode(window[:shown])
        if known.waits(token) or text.endswith(UNFINISHED) or not text.startswith(written):
            continue
        yield text[len(written) :]
        if known.decode(window[shown:]):  # what has no text is no neighbour: the next token would seem the first
            window = window[shown:]
        shown = len(window)
    if len(window) > shown:
        yield known.decode(window).removeprefix(known.decode(window[:shown]))
