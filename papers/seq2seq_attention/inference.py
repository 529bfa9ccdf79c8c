"""Translating: the search on tokens, and the text that goes in and comes out.

Beam search keeps the hypotheses that are ranked by log p(y_1 ... y_n) / n^alpha.
With alpha = 0 that is the probability itself; with alpha = 1 the mean over the tokens, EOS included.  The paper does
not say what it did.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Int

from tinygrad_lab import Tensor
from tinygrad_lab.data.translation import search as beams
from tinygrad_lab.data.translation import writing
from tinygrad_lab.data.translation.search import Hypothesis
from tinygrad_lab.data.translation.vocabulary import UNKNOWN
from tinygrad_lab.data.translation.writing import SearchOptions
from tinygrad_lab.typing import Generator

from .config import Seq2SeqConfig
from .data import vocabularies as learned_vocabularies
from .model import EOS, Seq2Seq

OPTIONS = SearchOptions()
GREEDY = SearchOptions(beam=1, max_length=12)


def beam_search(
    model: Seq2Seq, source: Int[Tensor, "b s"], length: Int[Tensor, " b"], width: int, limit: int, alpha: float = 1.0
) -> list[list[Hypothesis]]:
    """The ``width`` best hypotheses found for each source, best first; all sources advance together.

    Args:
        width: hypotheses kept at each step; 1 is greedy search.
        limit: tokens written at most, EOS included.
        alpha: the exponent of the length.

    Raises:
        ValueError: a width or limit below 1.
    """
    return beams.beam_search(model, source, length, width, limit, lambda n: n**alpha)


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
    yield from writing.written(lambda tokens: search(tokens, options), vocabularies, prompt, config.max_length)


def translations(model: Seq2Seq, config: Seq2SeqConfig, sources: Sequence[str], options: SearchOptions) -> list[str]:
    """The best translation found of each source."""
    beam, limit, alpha = options.beam, options.max_length, options.length_penalty
    return writing.translations(
        lambda source, length: beam_search(model, source, length, beam, limit, alpha),
        learned_vocabularies(config),
        sources,
    )


def prompts(config: Seq2SeqConfig) -> list[str]:
    """Ten sources that were not trained on; of dates, ten days in ten languages."""
    return writing.prompts(config.dataset)


def example_tokens(config: Seq2SeqConfig, rng: Generator) -> list[int]:
    """A random source, for parity."""
    return [*rng.integers(UNKNOWN, config.source_vocabulary, config.max_length - 1).tolist(), EOS]
