"""Translating: the search on tokens, and the text that goes in and comes out.

Beam search keeps the hypotheses that are ranked by log p(y_1 ... y_n) / ((5 + n) / 6)^alpha.
The length penalty is that of Wu et al. 2016 (equation 14), to which section 6.1 of the paper refers; n counts EOS.
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

from .config import TransformerConfig
from .data import vocabularies as learned_vocabularies
from .model import EOS, Transformer

OPTIONS = SearchOptions(beam=4, length_penalty=0.6)  # section 6.1
GREEDY = SearchOptions(beam=1, max_length=12)


def beam_search(
    model: Transformer,
    source: Int[Tensor, "b s"],
    length: Int[Tensor, " b"],
    width: int,
    limit: int,
    alpha: float = 0.6,
) -> list[list[Hypothesis]]:
    """The ``width`` best hypotheses found for each source, best first; all sources advance together.

    Args:
        width: hypotheses kept at each step; 1 is greedy search.
        limit: tokens written at most, EOS included.
        alpha: how much is made up for length: 0 is the probability itself.

    Raises:
        ValueError: a width or limit below 1.
    """
    return beams.beam_search(model, source, length, width, limit, lambda n: ((5 + n) / 6) ** alpha)


def search(model: Transformer, config: TransformerConfig, tokens: list[int], options: SearchOptions) -> Iterable[int]:  # noqa: ARG001
    """The best translation found of a source, EOS at its end."""
    source, length = Tensor(np.array([tokens])), Tensor(np.array([len(tokens)]))
    (best, *_), *_ = beam_search(model, source, length, options.beam, options.max_length, options.length_penalty)
    return iter(best.tokens)


def generate(
    search: Callable[[list[int], SearchOptions], Iterable[int]],
    config: TransformerConfig,
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


def translations(
    model: Transformer, config: TransformerConfig, sources: Sequence[str], options: SearchOptions
) -> list[str]:
    """The best translation found of each source."""
    beam, limit, alpha = options.beam, options.max_length, options.length_penalty
    return writing.translations(
        lambda source, length: beam_search(model, source, length, beam, limit, alpha),
        learned_vocabularies(config),
        sources,
    )


def prompts(config: TransformerConfig) -> list[str]:
    """Ten sources that were not trained on; of dates, ten days in ten languages."""
    return writing.prompts(config.dataset)


def example_tokens(config: TransformerConfig, rng: Generator) -> list[int]:
    """A random source, for parity."""
    return [*rng.integers(UNKNOWN, config.vocabulary, config.max_length - 1).tolist(), EOS]
