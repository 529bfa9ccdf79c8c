"""The adding problem, section 5.4: the sum of two marked numbers, told at the end of a long sequence.

Every element is a pair. Its first component is drawn from U[-1, 1]. The second is 1 for the two marked pairs, -1 for
the first and the last pair, and 0 for all others. One of the first ten pairs is marked, then one of the first T/2 - 1
pairs that are still unmarked. The target is 0.5 + (X1 + X2) / 4. The first pair's -1 hides a mark on it: there the
paper counts 0 for its number.
"""

import hashlib
from typing import Any

import numpy as np

from tinygrad_lab.data import Batches
from tinygrad_lab.data.generated import Generated
from tinygrad_lab.random import generator
from tinygrad_lab.typing import Generator

from ..config import LSTMConfig

TEST_ITEMS = 2560  # as in the paper
# Those of a split are the same for every seed, and come from a stream of their own.
SEEDS = {"test": 10**6, "train": 10**6 + 1, "validation": 10**6 + 2}


def draw(config: LSTMConfig, items: int, rng: Generator) -> dict[str, Any]:
    """Sequences with T to T + T/10 pairs, zeros after their end, their lengths and their targets."""
    shortest = config.length
    longest = shortest + shortest // 10
    rows = np.arange(items)
    length = rng.integers(shortest, longest + 1, items)
    number = rng.uniform(-1, 1, (items, longest))
    first = rng.integers(0, 10, items)
    second = rng.integers(0, shortest // 2 - 1, items)
    second += second >= first  # the place among those still unmarked

    mark = np.zeros((items, longest))
    mark[rows, first] = mark[rows, second] = 1
    number[(rows, 0)] = np.where(mark[:, 0] == 1, 0, number[:, 0])
    target = 0.5 + (number[rows, first] + number[rows, second]) / 4
    mark[:, 0] = mark[rows, length - 1] = -1
    inside = np.arange(longest) < length[:, None]
    sequence = np.stack([number, mark], axis=2) * inside[:, :, None]
    return {"sequence": sequence, "length": length, "target": target, "count": float(items)}


def example_batch(config: LSTMConfig, rng: Generator) -> dict[str, Any]:
    """As in training."""
    return draw(config, config.batch_size, rng)


def dataset(config: LSTMConfig, split: str) -> Generated:
    """What is generated; a training sequence is never seen twice."""
    items = TEST_ITEMS if split == "test" else config.items
    example = draw(config, 100, generator(SEEDS["test"]))
    checksum = hashlib.sha256(b"".join(example[name].tobytes() for name in ("sequence", "target"))).hexdigest()
    return Generated("adding", items, checksum)


def training_batches(config: LSTMConfig, generator: Generator) -> Batches:
    """New sequences in every batch of every epoch."""

    def fresh(batch: dict[str, Any], rng: Generator) -> dict[str, Any]:
        return draw(config, len(batch["item"]), rng)

    items = np.arange(config.items or 10_000)
    return Batches({"item": items}, config.batch_size, generator, transform=fresh)


def evaluation_batches(config: LSTMConfig, split: str) -> list[dict[str, Any]]:
    """The sequences of a split, none of which is trained on: "train" has others like those that are."""
    rng = generator(SEEDS[split])
    return [draw(config, 256, rng) for _ in range(TEST_ITEMS // 256)]
