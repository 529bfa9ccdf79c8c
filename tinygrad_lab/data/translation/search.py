"""Beam search, of which greedy search is the case of one beam; all hypotheses of all sources are rows of one batch.

A hypothesis y_1 ... y_n ranks by log p(y_1 ... y_n) / divisor(n).  What the divisor is, is each paper's own affair: 1
is the probability itself, and short ones win; n is the mean over the tokens, EOS included.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from tinygrad_lab.data.translation.vocabulary import BOS, EOS, PAD
from tinygrad_lab.modes import no_grad
from tinygrad_lab.nn import functional as F
from tinygrad_lab.tensor import Tensor

Divisor = Callable[[np.ndarray], np.ndarray]  # of the numbers of tokens


@runtime_checkable
class Rows(Protocol):
    """What a model remembers, of a source or of what it has written: a row for each sentence."""

    def select(self, rows: Int[np.ndarray, " n"]) -> Any:
        """Return the rows of these sentences only, in this order, as often as they are named."""


@runtime_checkable
class Translator(Protocol):
    """What is searched: a model that reads a source, then predicts token after token."""

    def encode(self, source: Any, length: Any) -> tuple[Any, Any]:
        """Return what is remembered of the source, and the state to begin with, both ``Rows``."""

    def decode(self, y: Any, state: Any, memory: Any, /) -> tuple[Any, ...]:
        """Return logits (B, T, V) of the tokens after each of ``y`` (B, T), and the next state last."""

    def eval(self) -> Any:
        """Switch to evaluation mode."""


class Hypothesis(NamedTuple):
    """A translation."""

    tokens: list[int]  # without BOS and EOS
    score: float  # log-probability divided by the length's divisor
    finished: bool  # whether EOS was written within the limit


def beam_search(
    model: Translator, source: Int[Tensor, "b s"], length: Int[Tensor, " b"], width: int, limit: int, divisor: Divisor
) -> list[list[Hypothesis]]:
    """Return the ``width`` best hypotheses of each source, best first; all advance together.

    Args:
        width: hypotheses kept at each step; 1 is greedy search.
        limit: tokens written at most, EOS included.
        divisor: of a hypothesis of so many tokens.

    Raises:
        ValueError: a width or limit below 1.
    """
    if width < 1 or limit < 1:
        raise ValueError(f"beam_search: width and limit must be at least 1, got {width} and {limit}")
    model.eval()
    with no_grad():
        memory, state = model.encode(source, length)
        beams = _Beams(memory, state, len(source), width, divisor)
        for _ in range(limit):
            beams.advance(model)
            if beams.done.all():
                break
    return beams.hypotheses()


class _Beams:
    """All hypotheses of all sources: (b, width) of each quantity, the model's state with b * width rows."""

    def __init__(self, memory: Rows, state: Rows, b: int, width: int, divisor: Divisor) -> None:
        rows = np.repeat(np.arange(b), width)
        self.memory, self.state = memory.select(rows), state.select(rows)
        self.divisor = divisor
        self.tokens = np.full((b, width, 1), BOS)
        self.total = np.zeros((b, width))  # log-probability
        self.total[:, 1:] = -np.inf  # all begin alike: one of them is enough to begin with
        self.size = np.zeros((b, width), int)
        self.done = np.zeros((b, width), bool)

    def advance(self, model: Translator) -> None:
        """One more token for every hypothesis that is not finished; the best of all continuations are kept."""
        b, width = self.done.shape
        logits, *_, state = model.decode(Tensor(self.tokens[:, :, -1].reshape(-1, 1)), self.state, self.memory)
        log_p = F.log_softmax(logits[:, -1], dim=-1).numpy().reshape(b, width, -1)
        total = self.total[:, :, None] + self.continuations(log_p)
        size = self.size + ~self.done
        parent, token = self.best(total / self.divisor(size[:, :, None]))
        chosen = np.arange(b)[:, None], parent
        self.total, self.size = total[(*chosen, token)], size[chosen]
        self.tokens = np.concatenate([self.tokens[chosen], token[:, :, None]], axis=2)
        self.done = self.done[chosen] | (token == EOS)
        self.state = state.select((parent + width * np.arange(b)[:, None]).reshape(-1))

    def continuations(self, log_p: Float[np.ndarray, "b w v"]) -> Float[np.ndarray, "b w v"]:
        """Log-probabilities of the next token: never PAD or BOS, but nothing else than PAD after EOS."""
        log_p = log_p.copy()
        log_p[:, :, [PAD, BOS]] = -np.inf
        log_p[self.done] = -np.inf
        log_p[self.done, PAD] = 0.0
        return log_p

    def best(self, ranked: Float[np.ndarray, "b w v"]) -> tuple[Int[np.ndarray, "b w"], Int[np.ndarray, "b w"]]:
        """Which hypotheses to go on from, and with which token: the ``width`` highest of each source, highest first."""
        b, width, vocabulary = ranked.shape
        flat = ranked.reshape(b, -1)
        places = np.argpartition(-flat, width - 1, axis=1)[:, :width]
        order = np.argsort(-np.take_along_axis(flat, places, axis=1), axis=1, kind="stable")
        parent, token = np.divmod(np.take_along_axis(places, order, axis=1), vocabulary)
        return parent, token

    def hypotheses(self) -> list[list[Hypothesis]]:
        scores = self.total / self.divisor(self.size)
        return [
            [
                Hypothesis([int(t) for t in tokens[1 : 1 + size - done]], float(score), bool(done))
                for tokens, size, done, score in zip(*rows, strict=True)
            ]
            for rows in zip(self.tokens, self.size, self.done, scores, strict=True)
        ]
