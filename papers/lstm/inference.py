"""Text from a trained character model, one character after the other.

The state of the layers is all that is kept of the characters so far, so memory does not grow with the text.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tinygrad_lab import Tensor, no_grad, random
from tinygrad_lab.data.characters import encode
from tinygrad_lab.sampling import Sampling, choose
from tinygrad_lab.typing import Generator

from .config import LSTMConfig
from .model import Network

OPTIONS = Sampling()
GREEDY = Sampling(length=20, temperature=0.0)


def search(model: Network, config: LSTMConfig, tokens: list[int], options: Sampling) -> Iterable[int]:  # noqa: ARG001
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
            tokens = [choose(output[-1, 0].numpy(), options, rng)]
        yield tokens[0]


def prompts(config: LSTMConfig) -> list[str]:
    """What the network goes on from when nothing else is asked for."""
    return {"text": ["The Time Traveller"], "reber": ["B"], "adding": []}[config.task]


def example_tokens(config: LSTMConfig, rng: Generator) -> list[int]:
    """A random prompt; the adding problem has no symbols, so none."""
    return rng.integers(0, len(config.alphabet), 5).tolist() if config.alphabet else []


def generate(
    search: Callable[[list[int], Sampling], Iterable[int]],
    config: LSTMConfig,
    prompt: str,
    options: Sampling,
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
