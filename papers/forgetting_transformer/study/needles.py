"""Two tasks with needles: one where what is stale must be forgotten, and one where nothing may be.

A token tells a key and its value at once, asks for a key's value, or is noise.  Only what follows a question counts.
"""

import hashlib
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_lab.data import Batches
from tinygrad_lab.data.generated import Generated
from tinygrad_lab.random import generator
from tinygrad_lab.typing import Generator

from ..config import FoXConfig

KEYS, VALUES, NOISE = 4, 8, 8
PAIRS = KEYS * VALUES  # tokens that tell: key * VALUES + value
VOCABULARY = PAIRS + KEYS + NOISE
NOTHING = -100  # the target of a token that asks nothing: cross-entropy leaves it out
TOLD = (0.02, 0.6)  # the share of the tokens of "stale" that tell is between these, from one sequence to the next
ASKED = 0.2  # of them ask; the others are noise
QUESTIONS = 32  # at the end of a sequence of "far"
SPLITS = {"validation": 10**6, "test": 2 * 10**6}  # their seeds, which no run has
TESTED = 64 * 1024  # tokens that a test looks at
LONGER = {
    "stale": 4,
    "far": 1,
}  # a test's sequences, in those of training: what is stale grows, where it is not forgotten


@dataclass(frozen=True)
class NeedleConfig(FoXConfig):
    """The recipe of a needle task."""

    task: str = "stale"  # or "far"


def dataset(config: NeedleConfig, split: str) -> Generated:  # noqa: ARG001  (all splits are drawn alike)
    """What is known of the sequences of a task, which never come again in training."""
    sample = drawn(config, 16, generator(SPLITS["test"]))
    checksum = hashlib.sha256(b"".join(part.tobytes() for part in sample)).hexdigest()
    return Generated(f"needle, {config.task}", config.windows * config.epochs, checksum)


def training_batches(config: NeedleConfig, generator: Generator) -> Batches:
    """Sequences that are drawn anew for every batch."""

    def fresh(batch: dict[str, Any], rng: Generator) -> dict[str, Any]:
        return as_batch(*drawn(config, len(batch["window"]), rng))

    return Batches({"window": np.arange(config.windows)}, config.batch_size, generator, transform=fresh)


def evaluation_batches(config: NeedleConfig, split: str) -> list[dict[str, Any]]:
    """The same sequences for every run; for "test" longer ones."""
    longer = LONGER[config.task] if split == "test" else 1
    config, rng = replace(config, length=longer * config.length), generator(SPLITS[split])
    count = min(config.windows, TESTED // config.length) // config.batch_size
    return [as_batch(*drawn(config, config.batch_size, rng)) for _ in range(count)]


def as_batch(tokens: np.ndarray, target: np.ndarray) -> dict[str, Any]:
    """Tokens, the answers to those that ask, and how many ask."""
    return {"tokens": tokens, "target": target, "count": float((target != NOTHING).sum())}


def drawn(config: NeedleConfig, count: int, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """So many sequences of a task, tokens and targets."""
    return {"stale": stale, "far": far}[config.task](count, config.length, rng)


def stale(count: int, length: int, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Keys are told again and again, between questions and more or less noise; the last value counts."""
    key, value = (rng.integers(0, size, (count, length)) for size in (KEYS, VALUES))
    low, high = map(math.log, TOLD)
    share, kind = np.exp(rng.uniform(low, high, (count, 1))), rng.uniform(size=(count, length))
    key[:, :KEYS], kind[:, :KEYS] = np.arange(KEYS), 0.0  # every key has a value before the first question
    told, asked = kind < share, (kind >= share) & (kind < share + ASKED)
    tokens = np.where(told, key * VALUES + value, np.where(asked, PAIRS + key, PAIRS + KEYS + value % NOISE))
    target = np.where(asked, np.take_along_axis(value, latest(told, key), 1), NOTHING)
    return tokens, target


def latest(told: np.ndarray, key: np.ndarray) -> np.ndarray:
    """The place before each token where its key was last told.    (count, length) -> the same"""
    places = np.where(told[..., None] & (key[..., None] == np.arange(KEYS)), np.arange(key.shape[1])[:, None], -1)
    return np.take_along_axis(np.maximum.accumulate(places, axis=1), key[..., None], 2)[..., 0]


def far(count: int, length: int, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Every key is told once, at the beginning; then comes noise, and at the end the questions."""
    told = np.argsort(rng.uniform(size=(count, KEYS)), axis=1)
    value, asked = rng.integers(0, VALUES, (count, KEYS)), rng.integers(0, KEYS, (count, QUESTIONS))
    tokens = PAIRS + KEYS + rng.integers(0, NOISE, (count, length))
    tokens[:, :KEYS] = told * VALUES + np.take_along_axis(value, told, 1)
    tokens[:, -QUESTIONS:] = PAIRS + asked
    target = np.full((count, length), NOTHING)
    target[:, -QUESTIONS:] = np.take_along_axis(value, asked, 1)
    return tokens, target
