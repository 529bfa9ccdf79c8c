"""From text to tokens and back: the characters of ASCII, or pieces learned by byte pair encoding.

Pieces are made of bytes (Radford et al. 2019), so there is no text that they cannot spell.  They are kept as the JSON
of the tokenizers library, which a checkpoint carries with it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from tinygrad_lab.data import characters
from tinygrad_lab.data.libraries import tokenizers

UNFINISHED = "\N{REPLACEMENT CHARACTER}"  # stands for the first bytes of a character whose last ones are to come


class Tokenizer(ABC):
    """What both kinds can do."""

    @abstractmethod
    def encode(self, text: str) -> np.ndarray:
        """The numbers of a text's tokens."""

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
        self.library = tokenizers().Tokenizer.from_str(json)

    def encode(self, text: str) -> np.ndarray:
        return np.array(self.library.encode(text, add_special_tokens=False).ids, np.int64)

    def decode(self, tokens: Iterable[int]) -> str:
        return str(self.library.decode(list(tokens), skip_special_tokens=False))

    def lengths(self) -> np.ndarray:
        """A letter of a piece as the library writes it stands for a byte."""
        return np.array([len(self.library.id_to_token(token)) for token in range(self.library.get_vocab_size())])


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


def stream(tokens: Iterable[int], known: Tokenizer) -> Iterator[str]:
    """Text as its tokens come; a character that needs several of them waits for the last."""
    waiting: list[int] = []
    for token in tokens:
        waiting.append(token)
        text = known.decode(waiting)
        if not text.endswith(UNFINISHED):
            yield text
            waiting = []
    if waiting:
        yield known.decode(waiting)
