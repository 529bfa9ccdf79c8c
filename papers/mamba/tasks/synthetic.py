"""The synthetic tasks of section 4.1: selective copying and induction heads.

    copying      . . b . a . . c . . ? ? ?   ->   at the question marks:  b a c
    induction    c b ! a c b b a c a b !     ->   after the last sign:    a

Copying asks a model to keep some tokens and to leave out the noise between them, so it has to look at what a token is,
not only at how long ago it was. Induction asks it to notice what followed a sign, and to say it when the sign comes
again, however long that takes.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lab.data import Batches
from tinygrad_lab.data.generated import Generated
from tinygrad_lab.random import generator
from tinygrad_lab.typing import Generator

from ..config import MambaConfig

NOISE = 0  # of copying
IGNORED = -100  # a place where nothing is asked
TEST_ITEMS = 512
TEST_SEED = 10**6  # test sequences are the same for every seed, and come from a stream of their own
STREAMS = {"test": 0, "train": 1, "validation": 2}  # added to it: each split has its own


def copying(config: MambaConfig, items: int, rng: Generator) -> dict[str, Any]:
    """``length`` places, ``copies`` of which have tokens and the others noise; then as many question marks as tokens.

    Tokens are 1 ... V - 2, the question mark is V - 1.
    """
    places = np.sort(rng.permuted(np.tile(np.arange(config.length), (items, 1)), axis=1)[:, : config.copies], axis=1)
    copied = rng.integers(1, config.vocab_size - 1, (items, config.copies))
    tokens = np.full((items, config.length + config.copies), NOISE)
    np.put_along_axis(tokens, places, copied, axis=1)
    tokens[:, config.length :] = config.vocab_size - 1
    target = np.full(tokens.shape, IGNORED)
    target[:, config.length :] = copied
    return {"tokens": tokens, "target": target, "count": float(copied.size)}


def induction(config: MambaConfig, items: int, rng: Generator) -> dict[str, Any]:
    """``length`` random tokens, the sign V - 1 once among them at a random place and once more at the end."""
    rows, sign = np.arange(items), config.vocab_size - 1
    tokens = rng.integers(0, sign, (items, config.length))
    place = rng.integers(0, config.length - 2, items)
    tokens[rows, place] = tokens[:, -1] = sign
    target = np.full(tokens.shape, IGNORED)
    target[:, -1] = tokens[rows, place + 1]
    return {"tokens": tokens, "target": target, "count": float(items)}


TASKS: dict[str, Callable[[MambaConfig, int, Generator], dict[str, Any]]] = {
    "copying": copying,
    "induction": induction,
}


def draw(config: MambaConfig, items: int, rng: Generator) -> dict[str, Any]:
    """A batch of the configured task."""
    return TASKS[config.task](config, items, rng)


def example_batch(config: MambaConfig, rng: Generator) -> dict[str, Any]:
    """As in training."""
    return draw(config, config.batch_size, rng)


def dataset(config: MambaConfig, split: str) -> Generated:
    """What is generated; a training sequence is never seen twice."""
    example = draw(config, 100, generator(TEST_SEED))
    checksum = hashlib.sha256(b"".join(example[name].tobytes() for name in ("tokens", "target"))).hexdigest()
    return Generated(config.task, TEST_ITEMS if split == "test" else config.items, checksum)


def training_batches(config: MambaConfig, generator: Generator) -> Batches:
    """New sequences in every batch of every epoch."""

    def fresh(batch: dict[str, Any], rng: Generator) -> dict[str, Any]:
        return draw(config, len(batch["item"]), rng)

    return Batches({"item": np.arange(config.items)}, config.batch_size, generator, transform=fresh)


def evaluation_batches(config: MambaConfig, split: str) -> list[dict[str, Any]]:
    """The test sequences, or as many others: of "validation", or like those trained on."""
    rng = generator(TEST_SEED + STREAMS[split])
    return [draw(config, 64, rng) for _ in range(TEST_ITEMS // 64)]
