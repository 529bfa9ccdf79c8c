"""Text from a trained LLaMA in PyTorch, token by token, each read once: keys and values of the past are kept."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .config import LlamaConfig
from .model import KVCache, Llama

PIECE = 256  # tokens of a prompt that are read at once: it bounds the memory, and changes nothing else


# ---- choosing a token ------------------------------------------------------------------------------------------------


def choose(logits: Tensor, seen: Sequence[int], options: Any, rng: np.random.Generator) -> int:
    """One token.    (V,)"""
    logits = penalised(logits, seen, options.repetition_penalty)
    if options.temperature == 0:
        return int(logits.argmax())
    tokens, probabilities = candidates(logits.double() / options.temperature, options)
    cumulated = probabilities.cumsum(dim=0).numpy()
    place = np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right")
    return int(tokens[min(place, len(tokens) - 1)])


def penalised(logits: Tensor, seen: Sequence[int], penalty: float) -> Tensor:
    """Logits of the tokens in ``seen`` made less likely: divided by the penalty if positive, else multiplied."""
    if penalty == 1:
        return logits
    place, logits = torch.tensor(seen).unique(), logits.clone()
    logits[place] = torch.where(logits[place] > 0, logits[place] / penalty, logits[place] * penalty)
    return logits


def candidates(logits: Tensor, options: Any) -> tuple[Tensor, Tensor]:
    """The tokens to choose among, the likeliest first, and their probabilities, which may add up to less than 1.

    ``top_k`` comes first.  For ``top_p`` a token is left out if those before it have that much together, so the one
    that crosses the line stays, and with it there is always one.  Few are worth sorting: those of n tokens that are
    below (1 - top_p) / n have less than 1 - top_p together, so none of them is reached.
    """
    tokens = torch.argsort(-logits, stable=True)[: options.top_k] if options.top_k else torch.arange(len(logits))
    probabilities = torch.exp(logits[tokens] - logits.max())
    probabilities /= probabilities.sum()
    likely = probabilities * len(tokens) >= 1 - options.top_p
    tokens, probabilities = tokens[likely], probabilities[likely]
    order = torch.argsort(-logits[tokens], stable=True)
    tokens, probabilities = tokens[order], probabilities[order]
    kept = (probabilities.cumsum(dim=0) - probabilities < options.top_p) | (options.top_p == 1)  # 1 leaves nothing out
    return tokens[kept], probabilities[kept]


# ---- writing ---------------------------------------------------------------------------------------------------------


def read(model: Llama, tokens: Sequence[int], caches: list[KVCache]) -> Tensor:
    """Take tokens in; the logits of what follows the last.    (V,)"""
    with torch.no_grad():
        for start in range(0, len(tokens), PIECE):
            x = model.model(torch.tensor([tokens[start : start + PIECE]]), caches)
        return model.logits(x[0, -1])


def search(model: Llama, config: LlamaConfig, tokens: Sequence[int], options: Any) -> Iterator[int]:
    """Read ``tokens``, then write ``options.length`` tokens, each of them read in its turn.

    When the context is full, the last half of it is read anew from position 0, and what was before is forgotten.

    Raises:
        ValueError: no tokens, more than the context has positions for, or one that the vocabulary lacks.
    """
    check(tokens, config)
    model.eval()
    rng = np.random.Generator(np.random.SFC64(options.seed))
    room = min(config.context, len(tokens) + options.length)
    dtype = model.model.embed_tokens.weight.dtype

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
