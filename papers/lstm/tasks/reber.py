"""The embedded Reber grammar, section 5.1, figures 3 and 4.

    B T <Reber string> T E        or        B P <Reber string> P E

The last symbol but one repeats the second, across a Reber string of any length: that is what has to be remembered. All
other predictions need the last few symbols only. Where the grammar branches, both symbols are equally likely.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lab.data import Batches
from tinygrad_lab.data.characters import encode
from tinygrad_lab.data.generated import Generated
from tinygrad_lab.random import generator
from tinygrad_lab.typing import Generator

from ..config import REBER_SYMBOLS, LSTMConfig

# Figure 3: what may follow in each state, and the state it leads to.
GRAMMAR: tuple[dict[str, int], ...] = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
)
END = 7
STRINGS = 256  # of the training set, and as many of the test set
NO_TARGET = -100  # what cross-entropy ignores: places after the end of a string
SEEDS = {"train": 10**6, "test": 2 * 10**6, "validation": 3 * 10**6}  # streams beside those of the weights


@dataclass(frozen=True)
class ReberString:
    """A string, and for each symbol after the first the symbols that could have stood there."""

    symbols: str
    legal: tuple[str, ...]


def reber_string(rng: Generator) -> ReberString:
    """A walk through figure 3."""
    state, symbols, legal = 0, "", []
    while state != END:
        options = "".join(GRAMMAR[state])
        symbol = options[rng.integers(len(options))]
        symbols += symbol
        legal.append(options)
        state = GRAMMAR[state][symbol]
    return ReberString(symbols, tuple(legal[1:]))


def embedded_string(rng: Generator) -> ReberString:
    """A walk through figure 4."""
    second = "TP"[rng.integers(2)]
    inner = reber_string(rng)
    return ReberString(f"B{second}{inner.symbols}{second}E", ("TP", "B", *inner.legal, second, "E"))


def batch_of(strings: list[ReberString]) -> dict[str, Any]:
    """Symbols to read, the symbols that follow, and those that could follow; after the end of a string anything can.

    The count is the number of strings, so the loss is summed over a string.
    """
    longest = max(len(string.legal) for string in strings)
    sequence = np.zeros((len(strings), longest), np.int64)
    target = np.full((len(strings), longest), NO_TARGET)
    legal = np.ones((len(strings), longest, len(REBER_SYMBOLS)), bool)
    for row, string in enumerate(strings):
        numbers = encode(string.symbols, REBER_SYMBOLS)
        steps = len(string.legal)
        sequence[row, :steps], target[row, :steps] = numbers[:-1], numbers[1:]
        legal[row, :steps] = [[symbol in options for symbol in REBER_SYMBOLS] for options in string.legal]
    return {"sequence": sequence, "target": target, "legal": legal, "count": float(len(strings))}


def strings_of(config: LSTMConfig, split: str) -> list[ReberString]:
    """The strings of a split, drawn with ``seed``: short strings are common, so some occur in both splits."""
    rng = generator(SEEDS[split] + config.seed)
    return [embedded_string(rng) for _ in range(STRINGS)]


def example_batch(config: LSTMConfig, rng: Generator) -> dict[str, Any]:
    """As in training."""
    return batch_of([embedded_string(rng) for _ in range(config.batch_size)])


def dataset(config: LSTMConfig, split: str) -> Generated:
    """The strings of a split."""
    strings = strings_of(config, split)
    text = "\n".join(string.symbols for string in strings)
    return Generated("embedded Reber grammar", len(strings), hashlib.sha256(text.encode()).hexdigest())


def training_batches(config: LSTMConfig, generator: Generator) -> Batches:
    """The training strings in random order."""
    strings = strings_of(config, "train")

    def chosen(batch: dict[str, Any], _rng: Generator) -> dict[str, Any]:
        return batch_of([strings[item] for item in batch["item"]])

    return Batches({"item": np.arange(len(strings))}, config.batch_size, generator, transform=chosen)


def evaluation_batches(config: LSTMConfig, split: str) -> list[dict[str, Any]]:
    """All strings of a split in one batch."""
    return [batch_of(strings_of(config, split))]
