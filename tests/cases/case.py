"""One declaration per operation; from it come the torch comparison, the numerical derivative and the dtype checks.

A case draws its arguments with hypothesis as float64 arrays (integers and masks as such) in any memory layout.  Its
twin in torch is named by a dotted path, so that the engine's own tests run where torch is not installed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

CASES: list["Case"] = []

Draw = Callable[[st.SearchStrategy], Any]
Arguments = tuple[tuple, dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """``ours(*args, **options)`` on Tensors must equal ``theirs(*args, **options)`` on torch tensors."""

    name: str
    ours: Callable
    theirs: str | Callable  # a path below torch, "nn.functional.linear"; or a function that gets torch first
    arguments: st.SearchStrategy[Arguments]
    smooth: bool = True  # whether a numerical derivative means anything (all drawn values are away from kinks)
    reduction: int = field(default=1)  # length of the longest sum, for the float32 tolerance

    def torch_function(self) -> Callable:
        import torch

        if callable(self.theirs):
            return lambda *args, **options: self.theirs(torch, *args, **options)
        found: Any = torch
        for part in self.theirs.split("."):
            found = getattr(found, part)
        return found


def case(
    ours: Callable, theirs: str | Callable, *, name: str = "", smooth: bool = True, reduction: int = 64
) -> Callable[[Callable[[Draw], Arguments]], Callable]:
    """Declare a case; the decorated function draws ``(args, options)``."""

    def declare(arguments: Callable[[Draw], Arguments]) -> Callable:
        label = name or (ours.info.name if hasattr(ours, "info") else arguments.__name__)
        strategy = st.composite(lambda draw: arguments(draw))()
        CASES.append(Case(label, ours, theirs, strategy, smooth, reduction))
        return arguments

    return declare


# ---- what the cases draw --------------------------------------------------------------------------------------------

sizes = st.integers(1, 5)
counts = st.sampled_from((1, 2, 3, 4, 5) * 5 + (0,))  # where nothing is something too
seeds = st.integers(0, 2**32 - 1)


def shapes(
    min_dims: int = 0, max_dims: int = 4, of: st.SearchStrategy[int] = sizes
) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(of, min_size=min_dims, max_size=max_dims).map(tuple)


def normal(draw: Draw, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal values, in a drawn memory layout."""
    return in_some_layout(draw, np.random.default_rng(draw(seeds)).standard_normal(shape))


def distinct(draw: Draw, shape: tuple[int, ...]) -> np.ndarray:
    """Values at least 0.1 apart and at least 0.05 away from 0: for max, sorting, and kinks at 0."""
    count = int(np.prod(shape))
    values = (np.arange(count) - count // 2 + 0.5) * 0.1
    return in_some_layout(draw, np.random.default_rng(draw(seeds)).permutation(values).reshape(shape))


def with_ties(draw: Draw, shape: tuple[int, ...]) -> np.ndarray:
    """Small whole numbers, many of them equal."""
    return np.asarray(np.round(normal(draw, shape)))


def positive(draw: Draw, shape: tuple[int, ...]) -> np.ndarray:
    return in_some_layout(draw, np.random.default_rng(draw(seeds)).uniform(0.5, 2.0, shape))


def integers(draw: Draw, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    """int64 in [low, high)."""
    return np.random.default_rng(draw(seeds)).integers(low, high, shape)


def booleans(draw: Draw, shape: tuple[int, ...]) -> np.ndarray:
    return np.asarray(np.random.default_rng(draw(seeds)).random(shape) < 0.5)


def in_some_layout(draw: Draw, array: np.ndarray) -> np.ndarray:
    """The same values, laid out in memory as C, Fortran, every other element of a larger array, or backwards."""
    layout = draw(st.sampled_from(["C", "F", "strided", "reversed"]))
    if layout == "F":
        return np.array(array, order="F")  # asfortranarray would give a number a dimension
    if layout == "strided" and array.ndim:
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    if layout == "reversed" and array.ndim:
        return np.ascontiguousarray(array[::-1])[::-1]
    return array


def broadcastable(draw: Draw) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes that NumPy broadcasts together."""
    shape = draw(shapes(of=counts))
    stretch = st.sampled_from([True, False])
    pair = []
    for _ in range(2):
        part = tuple(1 if draw(stretch) else size for size in shape)
        pair.append(part[draw(st.integers(0, len(part))) :] if draw(stretch) else part)
    return pair[0], pair[1]
