"""Randomness is explicit: operations draw from a generator that is passed in, layers from one that is passed in or
that the block around them names, ``with random.initialising(generator):``.

All noise used while training goes through ``bernoulli`` and ``normal`` below, so that it can be recorded and replayed
into another implementation, draw by draw.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from tinygrad_lab.modes import state
from tinygrad_lab.typing import Generator


def generator(seed: int | None = None) -> Generator:
    """Make a generator on SFC64, NumPy's fastest; seed ``None`` takes entropy from the system."""
    return np.random.Generator(np.random.SFC64(seed))


@contextmanager
def initialising(rng: Generator | None) -> Iterator[Generator]:
    """Layers made in this thread inside the block draw from ``rng`` unless they are given another.

    That is where their initial values come from, and for as long as they live their noise.  ``None`` takes what a layer
    would take here: the generator of the block outside, else a fresh one.

    Raises:
        TypeError: something else, a seed for instance.
    """
    if not isinstance(rng, Generator | None):
        raise TypeError(f"initialising: needs a generator, as random.generator(3) makes one, got {rng!r}")
    before, chosen = state.ambient, ambient() if rng is None else rng
    state.ambient = chosen
    try:
        yield chosen
    finally:
        state.ambient = before


def ambient() -> Generator:
    """The generator of the innermost ``initialising`` block; outside of all a fresh one, seeded by the system."""
    return generator() if state.ambient is None else state.ambient


def bernoulli(rng: Generator, shape: tuple[int, ...], probability: float, dtype: np.dtype) -> np.ndarray:
    """Draw an array of 0 and 1, each 1 with ``probability``, to 2**-16: 16 random bits decide.

    Raises:
        ValueError: a probability outside [0, 1].
    """
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"bernoulli: probability must be in [0, 1], got {probability}")
    count = math.prod(shape)
    words = stream(rng).integers(0, 2**64, (count + 3) // 4, np.uint64)  # raw words: four decisions out of each
    bits = words.view(np.uint16)[:count]
    threshold = round(probability * 2**16)
    kept = np.ones(count, bool) if threshold == 2**16 else bits < threshold
    return _recorded(kept.reshape(shape).astype(dtype, copy=False))


def normal(rng: Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Draw standard normal numbers."""
    draws = stream(rng).standard_normal(shape, np.float64 if dtype == np.float64 else np.float32)
    return _recorded(np.asarray(draws, dtype))


def stream(rng: Generator) -> Generator:
    """Return what this thread draws from in place of ``rng``: its own stream on part of a batch."""
    return state.streams.get(id(rng), rng)


def streams(seeds: Sequence[int], part: int) -> list[Generator]:
    """Make the streams of one part of a batch, one for each seed."""
    return [np.random.Generator(np.random.SFC64([seed, part])) for seed in seeds]


def held_by(holders: Iterable[object]) -> list[Generator]:
    """Return every generator that one of the objects has as an attribute, each once."""
    held = [value for holder in holders for value in vars(holder).values() if isinstance(value, Generator)]
    return list({id(rng): rng for rng in held}.values())


@contextmanager
def record_draws() -> Iterator[list[np.ndarray]]:
    """Collect every draw made in this thread inside the block, in order."""
    before, state.draws = state.draws, []
    try:
        yield state.draws
    finally:
        state.draws = before


def _recorded(draw: np.ndarray) -> np.ndarray:
    if state.draws is not None:
        state.draws.append(draw)
    return draw
