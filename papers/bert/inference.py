"""Words in place of [MASK], the most certain one first.

A masked model is no writer: it gives every hidden token a distribution, as if the others were hidden for good. Filling
them in one by one, and reading what was filled in, makes them fit each other.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.nn import functional as F
from tinygrad_lab.typing import Generator

from .config import BertConfig
from .model import BertForMaskedLM
from .text.wordpiece import CLS, MASK, SEP, SPECIAL, WordPieces


@dataclass(frozen=True)
class Options:
    """There is nothing to choose: the likeliest token is taken everywhere."""


OPTIONS = GREEDY = Options()


def search(model: BertForMaskedLM, config: BertConfig, tokens: list[int], options: Options) -> Iterable[int]:  # noqa: ARG001
    """The tokens, each MASK replaced by an ordinary token."""
    model.eval()
    filled = np.array(tokens)
    while (hidden := np.flatnonzero(filled == MASK)).size:
        ids = Tensor(filled[None])
        with no_grad():
            scores, _ = model(ids, ids >= 0, ids * 0, Tensor(hidden))
        p = F.softmax(scores, dim=1).numpy()[:, len(SPECIAL) :]
        place, token = np.unravel_index(p.argmax(), p.shape)
        filled[hidden[place]] = token + len(SPECIAL)
    return iter([int(token) for token in filled])


def prompts(config: BertConfig) -> list[str]:  # noqa: ARG001
    """Verses, and a sentence on Python."""
    return [
        "In the [MASK] God created the [MASK] and the earth.",
        "And Moses [MASK] unto the children of Israel, saying,",
        "The LORD is my [MASK]; I shall not want.",
        "A class [MASK] is executed when the [MASK] is defined.",
    ]


def example_tokens(config: BertConfig, rng: Generator) -> list[int]:
    """A random sentence with three hidden tokens; nothing for models that fill in none."""
    if config.task not in ("pretraining", "masked"):
        return []
    tokens = rng.integers(MASK + 1, config.vocab_size, config.length)
    tokens[0], tokens[-1] = CLS, SEP
    tokens[[2, 3, 6]] = MASK
    return [int(token) for token in tokens]


def generate(
    search: Callable[[list[int], Options], Iterable[int]],
    config: BertConfig,
    prompt: str,
    options: Options,
    vocabularies: dict[str, str],
) -> Iterator[str]:
    """The prompt with its gaps filled, in lower case.

    Raises:
        ValueError: a model that was not trained to fill gaps, a prompt without [MASK], or one that is too long.
    """
    if config.task not in ("pretraining", "masked"):
        raise ValueError(f"a model for the task {config.task!r} fills no gaps")
    pieces = WordPieces(vocabularies["word pieces"])
    (inner,) = pieces.encode_all([prompt])
    if MASK not in inner:
        raise ValueError(f"a prompt needs a {SPECIAL[MASK]} to fill, got {prompt!r}")
    if len(inner) + 2 > config.max_position_embeddings:
        raise ValueError(f"a prompt may have {config.max_position_embeddings - 2} tokens, this one has {len(inner)}")
    yield pieces.decode(search([CLS, *inner, SEP], options))
