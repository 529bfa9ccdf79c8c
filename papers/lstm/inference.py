"""Text from a trained character model, one character after the other.

The state of the layers is all that is kept of the characters so far, so memory does not grow with the text.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from papers.lstm.config import LSTMConfig
from papers.lstm.model import Network
from papers.lstm.text import encode
from tinygrad_lab import Tensor, no_grad, random
from tinygrad_lab.nn import functional as F
from tinygrad_lab.typing import Generator


@dataclass(frozen=True)
class Options:
    """How the next symbol is chosen from the logits.

    Raises:
        ValueError: a length below 1, or a negative temperature, top_k or seed.
    """

    length: int = 500  # symbols to write
    temperature: float = 0.7  # the logits are divided by it; 0 takes the most likely symbol always
    top_k: int = 0  # choose among that many most likely symbols only; 0 for all
    seed: int = 0

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError(f"length must be at least 1, got {self.length}")
        for name in ("temperature", "top_k", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")


OPTIONS = Options()
GREEDY = Options(length=20, temperature=0.0)


def choose(logits: Tensor, options: Options, rng: Generator) -> int:
    """One symbol: where a uniform number falls among the cumulated probabilities.    (V,)"""
    if options.temperature == 0:
        return int(logits.argmax().item())
    scaled = logits.double() / options.temperature
    if options.top_k:
        smallest = np.sort(scaled.numpy())[-options.top_k :][0]
        scaled = scaled.masked_fill(scaled < smallest, -np.inf)
    cumulated = F.softmax(scaled, dim=0).cumsum(dim=0).numpy()
    return min(int(np.searchsorted(cumulated, rng.random(), side="right")), len(cumulated) - 1)


def search(model: Network, config: LSTMConfig, tokens: list[int], options: Options) -> Iterable[int]:  # noqa: ARG001
    """Read ``tokens``, then write ``options.length`` symbols, each of them read in its turn.

    Raises:
        ValueError: no tokens.
    """
    if not tokens:
        raise ValueError("the prompt must have at least one character, got none")
    model.eval()
    rng = random.generator(options.seed)
    states = None
    for _ in range(options.length):
        with no_grad():
            output, states = model(Tensor(np.array([tokens])), states)
            tokens = [choose(output[-1, 0], options, rng)]
        yield tokens[0]


def prompts(config: LSTMConfig) -> list[str]:
    """What the network goes on from when nothing else is asked for."""
    return {"text": ["The Time Traveller"], "reber": ["B"], "adding": []}[config.task]


def example_tokens(config: LSTMConfig, rng: Generator) -> list[int]:
    """A random prompt; the adding problem has no symbols, so none."""
    return rng.integers(0, len(config.alphabet), 5).tolist() if config.alphabet else []


def generate(
    search: Callable[[list[int], Options], Iterable[int]],
    config: LSTMConfig,
    prompt: str,
    options: Options,
    vocabularies: dict[str, str],  # noqa: ARG001  (the alphabet is fixed)
) -> Iterator[str]:
    """The prompt, then what the network writes, a symbol at a time.

    Raises:
        ValueError: an empty prompt, a character that is not in the alphabet, or a network without an alphabet.
    """
    if not config.alphabet:
        raise ValueError(f"a network for the task {config.task!r} has no symbols to write")
    tokens = encode(prompt, config.alphabet).tolist()
    symbols = search(tokens, options)
    yield prompt
    for symbol in symbols:
        yield config.alphabet[symbol]
