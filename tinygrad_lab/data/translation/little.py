"""Little sentences in two languages as batches."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from tinygrad_lab.data.little import sentences, words
from tinygrad_lab.data.translation.data import paired, trimmed
from tinygrad_lab.data.translation.vocabulary import SPECIAL
from tinygrad_lab.typing import Generator

Vocabularies = tuple[list[str], list[str]]  # the words of the sources and of the targets by their numbers


@cache
def separate_words() -> Vocabularies:
    """Return a vocabulary of each language, numbered by itself."""
    sources, targets = zip(*sentences(), strict=True)
    return [*SPECIAL, *words(sources)], [*SPECIAL, *words(targets)]


@cache
def joint_words() -> Vocabularies:
    """Return one vocabulary of both languages, twice."""
    both = [*SPECIAL, *words([text for pair in sentences() for text in pair])]
    return both, both


def pair_batches(vocabularies: Vocabularies, size: int, rng: Generator) -> Iterator[dict[str, Any]]:
    """Pairs of sentences, drawn with replacement, as ``translation.data`` makes them."""
    pairs = sentences()
    while True:
        yield word_batch([pairs[row] for row in rng.integers(0, len(pairs), size)], vocabularies)


def word_batch(pairs: Sequence[tuple[str, str]], vocabularies: Vocabularies) -> dict[str, Any]:
    """Make a batch of pairs of sentences, as ``translation.data`` makes them of its pairs."""
    numbers = [{word: number for number, word in enumerate(names)} for names in vocabularies]
    texts = zip(*pairs, strict=True)
    sources, targets = ([[of[w] for w in t.split()] for t in side] for of, side in zip(numbers, texts, strict=True))
    return trimmed(paired(sources, targets))
