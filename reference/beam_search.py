"""Beam search in PyTorch, of which greedy search is the case of one beam; all hypotheses are rows of one batch.

A hypothesis y_1 ... y_n ranks by log p(y_1 ... y_n) / divisor(n).  What the divisor is, is each paper's own affair: 1
is the probability itself, and short ones win; n is the mean over the tokens, EOS included.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

PAD, BOS, EOS = 0, 1, 2  # tokens: padding, beginning and end of a sequence

Divisor = Callable[[Tensor], Tensor]  # of the numbers of tokens, in float64


class Hypothesis(NamedTuple):
    """A translation."""

    tokens: list[int]  # without BOS and EOS
    score: float  # log-probability divided by the length's divisor
    finished: bool  # whether EOS was written within the limit


def beam_search(
    model: Any, source: Int[Tensor, "b s"], length: Int[Tensor, " b"], width: int, limit: int, divisor: Divisor
) -> list[list[Hypothesis]]:
    """The ``width`` best hypotheses found for each source, best first; all sources advance together.

    Args:
        model: with ``encode(source, length)``: what is remembered of the source, and the state to begin with, both with
            ``select(rows)``; and ``decode(y, state, memory)``: the logits first, last the state to go on from.
        width: hypotheses kept at each step; 1 is greedy search.
        limit: tokens written at most, EOS included.
        divisor: of a hypothesis of so many tokens.

    Raises:
        ValueError: a width or limit below 1.
    """
    if width < 1 or limit < 1:
        raise ValueError(f"beam_search: width and limit must be at least 1, got {width} and {limit}")
    model.eval()
    with torch.no_grad():
        memory, state = model.encode(source, length)
        beams = _Beams(memory, state, len(source), width, divisor)
        for _ in range(limit):
            beams.advance(model)
            if beams.done.all():
                break
    return beams.hypotheses()


class _Beams:
    """All hypotheses of all sources: (b, width) of each quantity, the model's state with b * width rows."""

    def __init__(self, memory: Any, state: Any, b: int, width: int, divisor: Divisor) -> None:
        rows = torch.arange(b).repeat_interleave(width)
        self.memory, self.state = memory.select(rows), state.select(rows)
        self.divisor = divisor
        self.tokens = torch.full((b, width, 1), BOS)
        self.total = torch.zeros(b, width, dtype=torch.float64)  # log-probability
        self.total[:, 1:] = -torch.inf  # all begin alike: one of them is enough to begin with
        self.size = torch.zeros(b, width, dtype=torch.int64)
        self.done = torch.zeros(b, width, dtype=torch.bool)

    def advance(self, model: Any) -> None:
        """One more token for every hypothesis that is not finished; the best of all continuations are kept."""
        b, width = self.done.shape
        logits, *_, state = model.decode(self.tokens[:, :, -1].reshape(-1, 1), self.state, self.memory)
        log_p = F.log_softmax(logits[:, -1], dim=-1).reshape(b, width, -1)
        total = self.total[:, :, None] + self.continuations(log_p)
        size = self.size + ~self.done
        parent, token = self.best(total / self.divisor(size[:, :, None].double()))
        chosen = torch.arange(b)[:, None], parent
        self.total, self.size = total[(*chosen, token)], size[chosen]
        self.tokens = torch.cat([self.tokens[chosen], token[:, :, None]], dim=2)
        self.done = self.done[chosen] | (token == EOS)
        self.state = state.select((parent + width * torch.arange(b)[:, None]).reshape(-1))

    def continuations(self, log_p: Float[Tensor, "b w v"]) -> Float[Tensor, "b w v"]:
        """Log-probabilities of the next token: never PAD or BOS, but nothing else than PAD after EOS."""
        log_p = log_p.clone()
        log_p[:, :, [PAD, BOS]] = -torch.inf
        log_p[self.done] = -torch.inf
        log_p[..., PAD][self.done] = 0.0
        return log_p

    def best(self, ranked: Float[Tensor, "b w v"]) -> tuple[Int[Tensor, "b w"], Int[Tensor, "b w"]]:
        """Which hypotheses to go on from, and with which token: the ``width`` highest of each source, highest first."""
        _, width, vocabulary = ranked.shape
        places = ranked.flatten(1).topk(width, dim=1).indices
        return places // vocabulary, places % vocabulary

    def hypotheses(self) -> list[list[Hypothesis]]:
        scores = self.total / self.divisor(self.size.double())
        rows = zip(self.tokens.tolist(), self.size.tolist(), self.done.tolist(), scores.tolist(), strict=True)
        return [
            [
                Hypothesis(tokens[1 : 1 + size - done], score, done)
                for tokens, size, done, score in zip(*row, strict=True)
            ]
            for row in rows
        ]
