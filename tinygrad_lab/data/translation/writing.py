"""Translating text: around a search for tokens everything that knows strings."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from tinygrad_lab.data.dates import days_of, forms
from tinygrad_lab.data.translation.data import load, padded
from tinygrad_lab.data.translation.search import Hypothesis
from tinygrad_lab.data.translation.vocabulary import EOS, Vocabulary
from tinygrad_lab.tensor import Tensor

SHOWN_LANGUAGES = ("es", "de", "fr", "pl", "ru", "el", "tr", "ar", "hi", "ja")
TOGETHER = 200  # sources that are searched for at once


@dataclass(frozen=True)
class SearchOptions:
    """How to search.

    Raises:
        ValueError: a beam or length below 1.
    """

    beam: int = 5  # hypotheses kept; 1 is greedy search
    max_length: int = 100  # tokens written at most
    length_penalty: float = 1.0  # the exponent of the length; how hypotheses rank by it is each paper's affair

    def __post_init__(self) -> None:
        for name in ("beam", "max_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


def written(
    search: Callable[[list[int]], Iterable[int]], vocabularies: Mapping[str, str], prompt: str, max_length: int
) -> Iterator[str]:
    """Yield the prompt, an arrow and the translation.

    Raises:
        ValueError: a prompt that is empty, has characters that did not occur in training, or has more tokens than
            ``max_length``, EOS included.
    """
    source, target = (Vocabulary(vocabularies[side]) for side in ("source", "target"))
    tokens = [*source.encode(prompt), EOS]
    if len(tokens) > max_length:
        raise ValueError(f"a text to translate may have {max_length - 1} tokens, this one has {len(tokens) - 1}")
    yield f"{prompt} → "
    yield target.decode(search(tokens))


def translations(
    search: Callable[[Int[Tensor, "b s"], Int[Tensor, " b"]], list[list[Hypothesis]]],
    vocabularies: Mapping[str, str],
    sources: Sequence[str],
) -> list[str]:
    """Return each source's best translation; sources of similar length are searched together."""
    tokens = [[*row, EOS] for row in Vocabulary(vocabularies["source"]).encode_all(sources)]
    target = Vocabulary(vocabularies["target"])
    order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
    texts = [""] * len(tokens)
    for start in range(0, len(order), TOGETHER):
        rows = order[start : start + TOGETHER]
        searched = search(Tensor(padded([tokens[i] for i in rows])), Tensor(np.array([len(tokens[i]) for i in rows])))
        for i, hypotheses in zip(rows, searched, strict=True):
            texts[i] = target.decode(hypotheses[0].tokens)
    return texts


def prompts(name: str) -> list[str]:
    """Return ten sources that were not trained on; of dates, ten days in ten languages."""
    if name == "dates":
        chosen = [next(f for f in forms() if f.language == language and f.weekday) for language in SHOWN_LANGUAGES]
        return [form.write(day) for form, day in zip(chosen, days_of("test"), strict=False)]
    pairs = load(name, "test").pairs
    return [source for source, _ in pairs[:: len(pairs) // 10][:10]]
