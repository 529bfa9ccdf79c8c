"""The arguments that answers are tried at: drawn anew for each seed, then once more in float32 and in other layouts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_lab import random

SEEDS = (0, 1)
MASK_SEED = 7


@dataclass(frozen=True)
class Case:
    """Arguments of one call, what is special about them, and whether a numerical derivative means anything there."""

    label: str
    arguments: Mapping[str, Any]
    smooth: bool = True
    layout: Callable[[np.ndarray], np.ndarray] | None = None  # of the arrays in memory, the incoming gradient's too

    def fresh(self) -> dict[str, Any]:
        """Return the arguments in arrays of their own, laid out as this case wants them."""
        return {name: self.placed(value) for name, value in self.arguments.items()}

    def placed(self, value: Any) -> Any:
        """Return a copy of an array in this case's layout; anything else as it is."""
        if not isinstance(value, np.ndarray):
            return value
        return value.copy() if self.layout is None else self.layout(value)

    def incoming(self, y: np.ndarray | np.generic) -> np.ndarray:
        """Return a gradient to come in, in the shape and dtype of the output; the same one every time."""
        rng = np.random.default_rng(len(self.label))
        dy = rng.uniform(0.5, 2.0, y.shape) * rng.choice((-1, 1), y.shape)
        placed: np.ndarray = self.placed(np.asarray(dy, y.dtype))
        return placed


class Draw:
    """Random arrays for the cases of one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def normal(self, *shape: int) -> np.ndarray:
        """Draw standard normal numbers."""
        return np.asarray(self.rng.standard_normal(shape))

    def positive(self, *shape: int) -> np.ndarray:
        """Draw numbers from 0.5 to 2."""
        return np.asarray(self.rng.uniform(0.5, 2.0, shape))

    def distinct(self, *shape: int) -> np.ndarray:
        """Draw numbers at least 0.1 apart, and 0.05 away from 0: no ties, no kinks."""
        count = int(np.prod(shape))
        return self.rng.permutation((np.arange(count) - count // 2 + 0.5) * 0.1).reshape(shape)

    def indices(self, high: int, *shape: int) -> np.ndarray:
        """Draw whole numbers from 0 to ``high`` - 1."""
        return np.asarray(self.rng.integers(0, high, shape))

    @staticmethod
    def kept(p: float, *shape: int) -> np.ndarray:
        """Draw dropout's mask, the one that the engine draws from a generator of MASK_SEED."""
        return random.bernoulli(random.generator(MASK_SEED), shape, 1 - p, np.dtype(bool))


def cases_of(cases: Callable[[Draw], Iterator[Case]]) -> list[Case]:
    """Return all cases of an exercise, the ordinary ones first."""
    drawn = [case for seed in SEEDS for case in cases(Draw(seed))]
    first = drawn[0]
    return [
        *drawn,
        replace(first, label=f"{first.label}, in float32", arguments=_single(first.arguments), smooth=False),
        replace(first, label=f"{first.label}, columns first in memory", layout=_columns_first),
        replace(first, label=f"{first.label}, every other element of a larger array", layout=_every_other),
    ]


def _single(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.astype(np.float32) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value
        for name, value in arguments.items()
    }


def _columns_first(array: np.ndarray) -> np.ndarray:
    return np.array(array, order="F")


def _every_other(array: np.ndarray) -> np.ndarray:
    if not array.ndim:
        return array.copy()
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]
