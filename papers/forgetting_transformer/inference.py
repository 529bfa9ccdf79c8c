"""Text from a trained model, token by token, each read once; no position is the last one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from papers.forgetting_transformer.config import CHARACTERS, FoXConfig
from papers.forgetting_transformer.data import encode
from papers.forgetting_transformer.model import ForgettingTransformer, new_memories
from tinygrad_lab import Tensor, no_grad, random
from tinygrad_lab.typing import Array, Generator

PIECE = 256  # tokens of a prompt that are read at once: it bounds the memory, and changes nothing else


@dataclass(frozen=True)
class Options:
    """How the next token is chosen from the logits.

    Raises:
        ValueError: a length below 1, or a negative temperature, top_k or seed.
    """

    length: int = 500  # tokens to write
    temperature: float = 0.7  # the logits are divided by it; 0 takes the most likely token always
    top_k: int = 0  # choose among that many most likely tokens only; 0 for all
    seed: int = 0

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError(f"length must be at least 1, got {self.length}")
        for name in ("temperature", "top_k", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")


OPTIONS = Options()
GREEDY = Options(length=20, temperature=0.0)


def choose(logits: Array, options: Options, rng: Generator) -> int:
    """One token: where a uniform number falls among the cumulated probabilities.    (V,)"""
    if options.temperature == 0:
        return int(logits.argmax())
    order = np.argsort(-logits, kind="stable")[: options.top_k or None]
    scaled = logits[order].astype(np.float64) / options.temperature
    cumulated = np.exp(scaled - scaled[0]).cumsum()
    place = np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right")
    return int(order[min(place, len(order) - 1)])


def read(model: ForgettingTransformer, tokens: Sequence[int], memories: list[Any]) -> Array:
    """Take tokens in; the logits of what follows the last.    (V,)"""
    with no_grad():
        for start in range(0, len(tokens), PIECE):
            x = model.model(Tensor(np.array([tokens[start : start + PIECE]])), memories)
        return model.lm_head(x[0, -1]).numpy()


def search(model: ForgettingTransformer, config: FoXConfig, tokens: Sequence[int], options: Options) -> Iterator[int]:
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
    memories, new = new_memories(config), list(tokens)
    for _ in range(options.length):
        new = [choose(read(model, new, memories), options, rng)]
        yield new[0]


def prompts(config: FoXConfig) -> list[str]:
    """What a trained model goes on from when nothing else is asked for."""
    return [{"kjv": "And God said", "timemachine": "The Time Traveller"}.get(config.dataset, "ROMEO:\n")]


def example_tokens(config: FoXConfig, rng: Generator) -> list[int]:
    """A random prompt, for parity."""
    return rng.integers(0, config.vocab_size, 5).tolist()


def generate(
    search: Callable[[list[int], Options], Iterable[int]],
    config: FoXConfig,  # noqa: ARG001  (the alphabet is fixed)
    prompt: str,
    options: Options,
    vocabularies: dict[str, str],  # noqa: ARG001  (the alphabet is fixed)
) -> Iterator[str]:
    """The prompt, then what the model writes, a character at a time.

    Raises:
        ValueError: an empty prompt, or a character that is not in the alphabet.
    """
    tokens = search(encode(prompt).tolist(), options)
    yield prompt
    for token in tokens:
        yield CHARACTERS[token]
