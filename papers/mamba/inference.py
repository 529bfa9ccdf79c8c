"""Text from a trained Mamba, one character after the other, in time and memory that do not grow with the text.

The last inputs of the convolution and the states of the channels are all that is kept of the characters so far.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from tinygrad_lab import Tensor, no_grad, random
from tinygrad_lab.data.characters import decode, encode
from tinygrad_lab.sampling import Sampling, choose
from tinygrad_lab.typing import Generator

from .config import MambaConfig
from .model import Mamba, State

PIECE = 256  # characters of a prompt that are read at once: it bounds the memory, and changes nothing else


OPTIONS = Sampling()
GREEDY = Sampling(length=20, temperature=0.0)


def fresh(model: Mamba, config: MambaConfig) -> list[State]:
    """The states before the first token."""
    dtype = model.backbone.embeddings.weight.dtype.type
    return [State(config, dtype=dtype) for _ in range(config.layers)]


def read(model: Mamba, tokens: Sequence[int], states: list[State]) -> Tensor:
    """Take tokens in; the logits of what follows the last.    (V,)"""
    with no_grad():
        for start in range(0, len(tokens), PIECE):
            x = model.backbone(Tensor(np.array([tokens[start : start + PIECE]])), states)
        return model.logits(x[0, -1])


def search(model: Mamba, config: MambaConfig, tokens: Sequence[int], options: Sampling) -> Iterator[int]:
    """Read ``tokens``, then write ``options.length`` characters, each of them read in its turn.

    Raises:
        ValueError: no tokens.
    """
    if not len(tokens):
        raise ValueError("the prompt must have at least one character, got none")
    model.eval()
    rng = random.generator(options.seed)
    states = fresh(model, config)
    for _ in range(options.length):
        tokens = [choose(read(model, tokens, states).numpy(), options, rng)]
        yield tokens[0]


def generate(
    search: Callable[[list[int], Sampling], Iterable[int]],
    config: MambaConfig,
    prompt: str,
    options: Sampling,
    vocabularies: dict[str, str],  # noqa: ARG001  (the alphabet is fixed)
) -> Iterator[str]:
    """The prompt, then what the network writes, a character at a time.

    Raises:
        ValueError: an empty prompt, a character that is not in the alphabet, or a network for another task than text.
    """
    if config.task != "text":
        raise ValueError(f"a network for the task {config.task!r} does not write text")
    tokens = search(encode(prompt).tolist(), options)
    yield prompt
    for token in tokens:
        yield decode([token])


def prompts(config: MambaConfig) -> list[str]:
    """What the network goes on from when nothing else is asked for."""
    return ["ROMEO:\n"] if config.task == "text" else []


def example_tokens(config: MambaConfig, rng: Generator) -> list[int]:
    """A random prompt, for parity; a network for another task than text writes nothing."""
    return rng.integers(0, config.vocab_size, 5).tolist() if config.task == "text" else []
