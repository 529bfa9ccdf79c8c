"""Text from a trained model, token by token, each read once; no position is the last one."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from tinygrad_lab import Tensor, no_grad, random
from tinygrad_lab.data.characters import decode, encode
from tinygrad_lab.sampling import Sampling, choose
from tinygrad_lab.typing import Array, Generator

from .config import FoXConfig
from .model import Caches, ForgettingTransformer, new_caches

PIECE = 256  # tokens of a prompt that are read at once: it bounds the memory, and changes nothing else


OPTIONS = Sampling()
GREEDY = Sampling(length=20, temperature=0.0)


def read(model: ForgettingTransformer, tokens: Sequence[int], caches: Caches) -> Array:
    """Take tokens in; the logits of what follows the last.    (V,)"""
    with no_grad():
        for start in range(0, len(tokens), PIECE):
            x = model.model(Tensor(np.array([tokens[start : start + PIECE]])), caches)
        return model.lm_head(x[0, -1]).numpy()


def search(model: ForgettingTransformer, config: FoXConfig, tokens: Sequence[int], options: Sampling) -> Iterator[int]:
    """Read ``tokens``, then write ``options.length`` tokens, each of them read in its turn.

    Raises:
        ValueError: no tokens, or one that the vocabulary lacks.
    """
    if not len(tokens):
        raise ValueError("the prompt must have at least one character, got none")
    if not 0 <= min(tokens) <= max(tokens) < config.vocab_size:
        raise ValueError(f"tokens must be from 0 to {config.vocab_size - 1}, got {min(tokens)} to {max(tokens)}")
    model.eval()
    rng = random.generator(options.seed)
    caches, new = new_caches(config), list(tokens)
    for _ in range(options.length):
        new = [choose(read(model, new, caches), options, rng)]
        yield new[0]


def prompts(config: FoXConfig) -> list[str]:
    """What a trained model goes on from when nothing else is asked for."""
    return [{"kjv": "And God said", "timemachine": "The Time Traveller"}.get(config.dataset, "ROMEO:\n")]


def example_tokens(config: FoXConfig, rng: Generator) -> list[int]:
    """A random prompt, for parity."""
    return [int(token) for token in rng.integers(0, config.vocab_size, 5)]


def generate(
    search: Callable[[list[int], Sampling], Iterable[int]],
    config: FoXConfig,  # noqa: ARG001  (the alphabet is fixed)
    prompt: str,
    options: Sampling,
    vocabularies: dict[str, str],  # noqa: ARG001  (the alphabet is fixed)
) -> Iterator[str]:
    """The prompt, then what the model writes, a character at a time.

    Raises:
        ValueError: an empty prompt, or a character that is not in the alphabet.
    """
    tokens = search(encode(prompt).tolist(), options)
    yield prompt
    for token in tokens:
        yield decode([token])
