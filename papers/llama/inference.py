"""Text from a trained LLaMA, token by token, each read once: keys and values of the past are kept."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tinygrad_lab import Tensor, no_grad, random
from tinygrad_lab.sampling import Sampling
from tinygrad_lab.typing import Array, Generator

from .config import LlamaConfig
from .model import KVCache, Llama
from .weights.chat import asked
from .weights.tokenizer import stream, tokenizer, without_markers

PIECE = 256  # tokens of a prompt that are read at once: it bounds the memory, and changes nothing else


@dataclass(frozen=True)
class Options(Sampling):
    """How the next token is chosen from the logits; ``length`` is how many are written at most.

    Raises:
        ValueError: what ``Sampling`` refuses, top_p outside (0, 1], or a penalty of 0 or less.
    """

    length: int = 300
    temperature: float = 0.6
    top_p: float = 0.9  # choose among the fewest tokens that have this probability together (Holtzman et al. 2020)
    repetition_penalty: float = 1.0  # logits of tokens that were there before shrink by it (Keskar et al. 2019)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be in (0, 1], got {self.top_p}")
        if not self.repetition_penalty > 0:
            raise ValueError(f"repetition_penalty must be above 0, got {self.repetition_penalty}")


OPTIONS = Options()
GREEDY = Options(length=20, temperature=0.0)


# ---- choosing a token ------------------------------------------------------------------------------------------------


def choose(logits: Array, seen: Sequence[int], options: Options, rng: Generator) -> int:
    """One token.    (V,)"""
    logits = penalised(logits, seen, options.repetition_penalty)
    if options.temperature == 0:
        return int(logits.argmax())
    tokens, probabilities = candidates(logits.astype(np.float64) / options.temperature, options)
    cumulated = probabilities.cumsum()
    place = np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right")
    return int(tokens[min(place, len(tokens) - 1)])


def penalised(logits: Array, seen: Sequence[int], penalty: float) -> Array:
    """Logits of the tokens in ``seen`` made less likely: divided by the penalty if positive, else multiplied."""
    if penalty == 1:
        return logits
    place, logits = np.unique(seen), logits.copy()
    logits[place] = np.where(logits[place] > 0, logits[place] / penalty, logits[place] * penalty)
    return logits


def candidates(logits: Array, options: Options) -> tuple[Array, Array]:
    """The tokens to choose among, the likeliest first, and their probabilities, which may add up to less than 1.

    ``top_k`` comes first.  For ``top_p`` a token is left out if those before it have that much together, so the one
    that crosses the line stays, and with it there is always one.  Few are worth sorting: those of n tokens that are
    below (1 - top_p) / n have less than 1 - top_p together, so none of them is reached.
    """
    tokens = np.argsort(-logits, kind="stable")[: options.top_k] if options.top_k else np.arange(len(logits))
    probabilities = np.exp(logits[tokens] - logits.max())
    probabilities /= probabilities.sum()
    likely = probabilities * len(tokens) >= 1 - options.top_p
    tokens, probabilities = tokens[likely], probabilities[likely]
    order = np.argsort(-logits[tokens], kind="stable")
    tokens, probabilities = tokens[order], probabilities[order]
    kept = (probabilities.cumsum() - probabilities < options.top_p) | (options.top_p == 1)  # 1 leaves nothing out
    return tokens[kept], probabilities[kept]


# ---- writing ---------------------------------------------------------------------------------------------------------


def read(model: Llama, tokens: Sequence[int], caches: list[KVCache]) -> Array:
    """Take tokens in; the logits of what follows the last.    (V,)"""
    with no_grad():
        for start in range(0, len(tokens), PIECE):
            x = model.model(Tensor(np.array([tokens[start : start + PIECE]])), caches)
        return model.logits(x[0, -1]).numpy()


def search(model: Llama, config: LlamaConfig, tokens: Sequence[int], options: Options) -> Iterator[int]:
    """Read ``tokens``, then write ``options.length`` tokens, each of them read in its turn.

    When the context is full, the last half of it is read anew from position 0, and what was before is forgotten.

    Raises:
        ValueError: no tokens, more than the context has positions for, or one that the vocabulary lacks.
    """
    check(tokens, config)
    model.eval()
    rng = random.generator(options.seed)
    room = min(config.context, len(tokens) + options.length)
    dtype = model.model.embed_tokens.weight.dtype.type

    def empty() -> list[KVCache]:
        return [KVCache(config, room, dtype=dtype) for _ in range(config.layers)]

    caches, written, new = empty(), list(tokens), list(tokens)
    for _ in range(options.length):
        if caches[0].length + len(new) > room:
            caches, new = empty(), written[-max(1, room // 2) :]
        new = [choose(read(model, new, caches), written, options, rng)]
        written += new
        yield new[0]


def check(tokens: Sequence[int], config: LlamaConfig) -> None:
    """Raise ValueError unless the tokens can be read."""
    if not len(tokens):
        raise ValueError("the prompt must have at least one token, got none")
    if len(tokens) > config.context:
        raise ValueError(f"the prompt has {len(tokens)} tokens, the context {config.context}")
    for token in tokens:
        if not 0 <= token < config.vocab_size:
            raise ValueError(f"token {token} is none of the {config.vocab_size} in the vocabulary")


def generate(
    search: Callable[[list[int], Options], Iterable[int]],
    config: LlamaConfig,  # noqa: ARG001  (all that matters is in the vocabularies)
    prompt: str,
    options: Options,
    vocabularies: dict[str, str],
) -> Iterator[str]:
    """The prompt and how it goes on; a model that was taught to chat gives its answer.

    It ends before the token that says the end, and markers among the tokens are no part of the text.

    Raises:
        ValueError: an empty prompt, a character that is not in the alphabet, and what ``search`` raises.
    """
    known, stops = tokenizer(vocabularies), json.loads(vocabularies.get("stop", "[]"))
    if "chat" in vocabularies:
        text = asked(prompt, vocabularies["chat"], json.loads(vocabularies.get("special", "{}")))
        numbers, before = known.encode(text).tolist(), []
    else:
        numbers = before = known.prompt(prompt).tolist()
    tokens = search(numbers, options)
    if "chat" not in vocabularies:
        yield prompt
    texts = without_markers(until(tokens, stops), known)
    yield from stream(texts, known, without_markers(before, known))


def until(tokens: Iterable[int], stops: int | list[int] | None) -> Iterator[int]:
    """Tokens up to the first that says the end, without it."""
    ends = stops if isinstance(stops, list) else [stops]
    for token in tokens:
        if token in ends:
            return
        yield token


def prompts(config: LlamaConfig) -> list[str]:  # noqa: ARG001
    """What a trained model goes on from when nothing else is asked for."""
    return ["ROMEO:\n"]


def example_tokens(config: LlamaConfig, rng: Generator) -> list[int]:
    """A random prompt, for parity: half of the context, so that generation runs over its end."""
    return [int(token) for token in rng.integers(0, config.vocab_size, max(1, config.context // 2))]
