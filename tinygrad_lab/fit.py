"""The outer loop of training: steps until there are enough, and now and then a look at how far it is.

The inner loop is each paper's own ``train``, a generator that yields the loss of every step.  So whoever trains decides
between two steps what happens next: show the loss, evaluate, save, stop.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

Metrics = dict[str, float]
T = TypeVar("T")


@dataclass(frozen=True)
class Look:
    """Where a run stands between two steps.

    Attributes:
        step: steps so far.
        losses: of the steps since the last look.
        seconds: those steps took.
        metrics: what ``evaluate`` found.
    """

    step: int
    losses: list[float]
    seconds: float
    metrics: Metrics


def fit(
    losses: Iterator[float],
    steps: int,
    every: int,
    evaluate: Callable[[], Metrics] = dict,
    start: int = 0,
    until: Callable[[Look], bool] | None = None,
) -> Iterator[Look]:
    """Train up to step ``steps``; look after every ``every`` of them and after the last.

    Args:
        losses: a paper's ``train`` over batches without end, see ``endless``.
        steps: in the whole run, those before ``start`` included.
        every: steps between two looks, counted from the beginning of the run; an epoch has ``len(batches)``.
        evaluate: called at each look.
        start: steps already made, of a run that is taken up again.
        until: ends the run early, after a look at which it holds.

    Raises:
        ValueError: ``every`` below 1, or ``losses`` that end before ``steps``.
    """
    if every < 1:
        raise ValueError(f"fit: every must be at least 1, got {every}")
    step = start
    while step < steps:
        begin = time.perf_counter()
        wanted = min(every - step % every, steps - step)
        made = list(islice(losses, wanted))
        seconds = time.perf_counter() - begin
        step += len(made)
        if len(made) < wanted:
            raise ValueError(f"fit: the losses ended after step {step}, {steps} were asked for")
        look = Look(step, made, seconds, evaluate())
        yield look
        if until and until(look):
            return


def endless(batches: Iterable[T]) -> Iterator[T]:
    """Yield the batches of one epoch after the other."""
    while True:
        yield from batches
