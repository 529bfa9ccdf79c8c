"""Translating text: the search on tokens, and around it everything that knows strings."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from papers.seq2seq_attention.config import Seq2SeqConfig
from papers.seq2seq_attention.data import dataset
from papers.seq2seq_attention.model import EOS, Seq2Seq
from papers.seq2seq_attention.search import beam_search
from papers.seq2seq_attention.vocabulary import UNKNOWN, Vocabulary
from tinygrad_lab import Tensor
from tinygrad_lab.data.dates import days_of, forms
from tinygrad_lab.typing import Generator

SHOWN_LANGUAGES = ("es", "de", "fr", "pl", "ru", "el", "tr", "ar", "hi", "ja")


@dataclass(frozen=True)
class SearchOptions:
    """How to search.

    Raises:
        ValueError: a beam or length below 1.
    """

    beam: int = 5  # hypotheses kept; 1 is greedy search
    max_length: int = 100  # tokens written at most
    length_penalty: float = 1.0  # hypotheses rank by log-probability / length^this

    def __post_init__(self) -> None:
        for name in ("beam", "max_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


OPTIONS = SearchOptions()
GREEDY = SearchOptions(beam=1, max_length=12)


def search(model: Seq2Seq, config: Seq2SeqConfig, tokens: list[int], options: SearchOptions) -> Iterable[int]:  # noqa: ARG001
    """The best translation found of a source, EOS at its end."""
    source, length = Tensor(np.array([tokens])), Tensor(np.array([len(tokens)]))
    (best, *_), *_ = beam_search(model, source, length, options.beam, options.max_length, options.length_penalty)
    return iter(best.tokens)


def generate(
    search: Callable[[list[int], SearchOptions], Iterable[int]],
    config: Seq2SeqConfig,
    prompt: str,
    options: SearchOptions,
    vocabularies: dict[str, str],
) -> Iterator[str]:
    """The prompt, an arrow and the translation.

    Raises:
        ValueError: a prompt that is empty, has characters that did not occur in training, or is longer than anything
            that did.
    """
    source, target = (Vocabulary(vocabularies[side]) for side in ("source", "target"))
    tokens = [*source.encode(prompt), EOS]
    if len(tokens) > config.max_length:
        raise ValueError(f"a text to translate may have {config.max_length - 1} tokens, this one has {len(tokens) - 1}")
    yield f"{prompt} → "
    yield target.decode(search(tokens, options))


def prompts(config: Seq2SeqConfig) -> list[str]:
    """Ten sources that were not trained on; of dates, ten days in ten languages."""
    if config.dataset == "dates":
        chosen = [next(f for f in forms() if f.language == name and f.weekday) for name in SHOWN_LANGUAGES]
        return [form.write(day) for form, day in zip(chosen, days_of("test"), strict=False)]
    pairs = dataset(config, "test").pairs
    return [source for source, _ in pairs[:: len(pairs) // 10][:10]]


def example_tokens(config: Seq2SeqConfig, rng: Generator) -> list[int]:
    """A random source, for parity."""
    return [*rng.integers(UNKNOWN, config.source_vocabulary, config.max_length - 1).tolist(), EOS]
