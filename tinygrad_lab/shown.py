"""What the stepper shows of a paper: one real item, and weights that were trained for a few seconds.

A paper tells it in ``papers/<slug>/study/shown.py``:

    STEPS                        how many batches the shown weights are trained on
    configuration(config)        the tiny configuration of a variant, fitted to what is shown
    batches(config, generator)   batches to train on, as many as are asked for
    item(config)                 the ``Item``
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from tinygrad_lab.data.characters import encode
from tinygrad_lab.data.little import sentences
from tinygrad_lab.data.translation.little import Vocabularies, word_batch
from tinygrad_lab.data.windows import as_batch, next_tokens
from tinygrad_lab.typing import Generator

Batch = dict[str, Any]
EXAMPLE = "black cats see small dogs"  # of the sentences to translate: its adjectives move


@dataclass(frozen=True)
class Item:
    """One item as a batch of its own, and what its whole numbers stand for.

    Attributes:
        batch: arrays by name, as the paper's loss takes them.
        title: what it is: "a handwritten 3".
        words: by an array's name, what its numbers stand for: {"tokens": ("a", "b", ...)}.
        along: arrays whose words stand along axes, and the part of them that does: a decoder does not read the last.
    """

    batch: Batch
    title: str
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    along: Mapping[str, slice] = field(default_factory=dict)

    def labels(self, batch: Batch) -> dict[int, Sequence[str]]:
        """Tell by the length of an axis what its places are called: the words of a batch, or a vocabulary.

        The shown configuration has no other axis of such a length.
        """
        known: dict[int, Sequence[str]] = {len(words): words for words in self.words.values()}
        for name, part in self.along.items():
            read = [self.words[name][int(number)] for number in np.asarray(batch[name])[0, part]]
            known[len(read)] = read
        return known


def endless(epoch: Callable[[], Iterable[Batch]]) -> Iterator[Batch]:
    """Epoch after epoch."""
    for _ in count():
        yield from epoch()


def text_batches(
    text: str, length: int, size: int, rng: Generator, alphabet: str, name: str = "tokens"
) -> Iterator[Batch]:
    """Windows from random places of a text, each token to be predicted from those before it.

    {name: (size, length), "target": (size, length), "count": float}
    """
    tokens = encode(text, alphabet)
    while True:
        yield _called(name, next_tokens(tokens, rng.integers(0, len(tokens) - length, size), length))


def text_item(text: str, length: int, alphabet: str, name: str = "tokens") -> Item:
    """The first ``length`` characters of a text, and the one after each of them."""
    window = encode(text[: length + 1], alphabet)[None]
    names = characters(alphabet)
    batch = _called(name, as_batch(window))
    return Item(batch, f"“{text[:length]}”", {name: names, "target": names}, {name: slice(None)})


def _called(name: str, batch: Batch) -> Batch:
    """The same batch with its tokens under the name that the paper has for them."""
    return {name: batch["tokens"], "target": batch["target"], "count": batch["count"]}


def characters(text: str) -> tuple[str, ...]:
    """The characters of a text, those that cannot be seen by a sign of their own."""
    return tuple({" ": "␣", "\n": "⏎"}.get(character, character) for character in text)


def first_of(batches: Iterable[Batch], row: int) -> Batch:
    """One item of the first batch, as a batch of its own."""
    batch = next(iter(batches))
    return {name: v[row : row + 1] if isinstance(v, np.ndarray) else 1.0 for name, v in batch.items()}


def pair_item(vocabularies: Vocabularies) -> Item:
    """One pair of them."""
    pair = (EXAMPLE, dict(sentences())[EXAMPLE])
    batch = word_batch([pair], vocabularies)
    words = dict(zip(("source", "target"), vocabularies, strict=True))
    along = {"source": slice(None), "target": slice(-1)}  # the decoder does not read the end
    return Item(batch, f"“{pair[0]}” → “{pair[1]}”", words, along)
