"""Processor time and memory by length: all scores at once, in blocks, pruned; of writing with a cache or a state."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tinygrad_lab.costs import megabytes, milliseconds
from tinygrad_lab.ops.forgetting_attention import all_at_once, forgetting_attention, in_blocks
from tinygrad_lab.random import generator

from ..config import FoXConfig
from ..inference import read
from ..model import build, new_caches

LENGTHS = (512, 1024, 2048, 4096, 8192)
LARGEST_AT_ONCE = 2048  # four heads' scores of 8,192 tokens would be a gigabyte, several times
HEADS, SIZE = 4, 64
MEMORIES = (4.0, 256.0)  # tokens after which a head has forgotten to 1/e, of the first and the last
WRITTEN = (100, 300, 1000, 3000, 10_000)  # positions
TIMED = 20  # tokens written at each position, of whose times the median counts

EVERYTHING = forgetting_attention.info.needs_of([True] * 4)  # a gradient for each input

Kernel = Callable[..., tuple[np.ndarray, Callable[..., Any]]]


def attention(lengths: Sequence[int], pruning: float) -> dict[str, list[dict[str, Any]]]:
    """Processor seconds, and megabytes beyond the inputs, of a forward and backward pass for each kernel and length."""
    kernels: dict[str, tuple[Kernel, float]] = {
        "all at once": (all_at_once, 0.0),
        "in blocks": (in_blocks, 0.0),
        "pruned": (in_blocks, pruning),
    }
    return {
        name: [_measured(kernel, share, n) for n in lengths if kernel is in_blocks or n <= LARGEST_AT_ONCE]
        for name, (kernel, share) in kernels.items()
    }


def _measured(kernel: Kernel, pruning: float, length: int) -> dict[str, Any]:
    rng = generator(0)
    q, k, v, dy = (rng.standard_normal((1, HEADS, length, SIZE), np.float32) for _ in range(4))
    forgetting = 1 / np.geomspace(*MEMORIES, HEADS)[:, None]
    c = -(forgetting * rng.exponential(1.0, (1, HEADS, length))).cumsum(axis=-1)

    def both_ways() -> None:
        _, backward = kernel(q, k, v, c, SIZE**-0.5, pruning)
        backward(EVERYTHING, dy)

    return {"length": length, "seconds": milliseconds(both_ways) / 1e3, "megabytes": megabytes(both_ways)}


def writing(config: FoXConfig, positions: Sequence[int]) -> dict[str, list[dict[str, Any]]]:
    """Milliseconds a token, and kilobytes that are kept, by position: keys and values of all tokens, or a state."""
    configs = {"softmax": config, "linear": replace(config, variant="linear", attention="linear")}
    return {name: _written(other, positions) for name, other in configs.items()}


def _written(config: FoXConfig, positions: Sequence[int]) -> list[dict[str, Any]]:
    """Random tokens: what they are does not matter to the time."""
    model, memories = build(config, generator(0)).eval(), new_caches(config)
    tokens = generator(1).integers(0, config.vocab_size, positions[-1] + TIMED).tolist()
    costs, at = [], 0
    for position in positions:
        read(model, tokens[at:position], memories)
        at = position + TIMED
        times = [milliseconds(partial(read, model, tokens[n : n + 1], memories)) for n in range(position, at)]
        kept = sum(memory.nbytes for memory in memories) / 1e3
        costs.append({"position": position, "milliseconds": float(np.median(times)), "kilobytes": kept})
    return costs
