"""What is stepped through of a paper: a model and one batch, whose numbers can be changed one by one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lab import Tensor
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.shown import shown
from tinygrad_lab.lab.sides import NumpySide
from tinygrad_lab.lab.stepping.values import short
from tinygrad_lab.paper import Paper
from tinygrad_lab.random import generator
from tinygrad_lab.shown import Item
from tinygrad_lab.trace import Trace, record, trace
from tinygrad_lab.trace.axes import Axis
from tinygrad_lab.trace.steps import Value

RECORDED = 50_000  # operations that are recorded, of which a module may be chosen
LARGEST, LARGEST_WHOLE = 1e30, 1_000_000  # numbers that can be put in


class Subject:
    """A paper's model with the weights and the item that it is shown with, or with random ones.

    Args:
        paper: which one.
        variant: its default one if None.
        random: the untrained model, seed 0, on the batch of random numbers that parity compares.

    Attributes:
        title: "lenet 1998".
        item: what it is shown with; None if that is random.

    Raises:
        UsageError: no such variant.
    """

    def __init__(self, paper: Paper, variant: str | None = None, random: bool = False) -> None:
        self.side = NumpySide(paper)
        self.config = registry.configuration(paper, variant)
        self.title = f"{paper.slug} {variant or paper.default_variant}"
        self.item: Item | None = None
        real = None if random else shown(paper, variant)
        if real is None:
            self.model = self.side.build(self.config, seed=0)
            batch = registry.part(paper, "data").example_batch(self.config, generator(0))
        else:
            self.config, self.item, batch = real.config, real.item, real.item.batch
            self.model = self.side.build(self.config, seed=0)
            self.side.load(self.model, real.weights)
        self.batch = self.side.batch(batch)
        self._start = self.side.random_state()  # what dropout draws from is the same at every trace

    @property
    def words(self) -> Mapping[str, Sequence[str]]:
        """Return by the name of an array of the batch what its numbers stand for."""
        return self.item.words if self.item else {}

    def labels(self) -> Mapping[int, Sequence[str]]:
        """Return by the length of an axis what its places are called."""
        return self.item.labels(self.batch) if self.item else {}

    def trace(self) -> Trace:
        """The loss, forwards and backwards."""
        self.side.restore_random_state(self._start)
        with record({name: v for name, v in self.batch.items() if isinstance(v, Tensor)}, RECORDED):
            loss = self.side.loss(self.model, self.batch)
        traced, labels = trace(loss), self.labels()
        for value in traced.values:
            value.axes = _labelled(value, labels)
        return traced

    def arrays(self) -> dict[str, np.ndarray]:
        """What can be changed, by the names that it has in a trace: the batch and the model's parameters."""
        given = {name: value.numpy() for name, value in self.batch.items() if isinstance(value, Tensor)}
        return given | {name: parameter.detach().numpy() for name, parameter in self.model.named_parameters()}

    def get(self, name: Any, index: Any) -> Any:
        """The number in a place.

        Raises:
            UsageError: no such array or place.
        """
        array = self._array(name)
        return array[_place(name, array, index)].item()

    def change(self, name: Any, index: Any, value: Any) -> None:
        """Put a number into its place.

        Args:
            name: of the array: "image", "c1.weight".
            index: a whole number for each of its dimensions.
            value: the number; of tokens and labels a whole one, or the word that it stands for.

        Raises:
            UsageError: no such array or place, or a number that cannot stand there.
        """
        array = self._array(name).copy()
        array[_place(name, array, index)] = self._number(name, array, value)
        if name in self.batch:
            self.batch = {**self.batch, name: Tensor(array)}
        else:
            self.side.load(self.model, {name: array}, strict=False)

    def _array(self, name: Any) -> np.ndarray:
        arrays = self.arrays()
        if not isinstance(name, str) or name not in arrays:
            raise UsageError(f"{short(repr(name))} cannot be changed; what can be: {', '.join(arrays)}")
        return arrays[name]

    def _number(self, name: str, array: np.ndarray, value: Any) -> float:
        words = list(self.words.get(name, ()))
        if isinstance(value, str) and value in words:
            return float(words.index(value))
        try:
            found = float(value)
        except OverflowError:  # a whole number of hundreds of digits
            found = math.inf
        except (TypeError, ValueError):
            known = f" or one of: {', '.join(words)}" if words else ""
            raise UsageError(f"{name}: {short(repr(value))} is no number{known}") from None
        if not abs(found) <= LARGEST:
            raise UsageError(f"{name}: {short(repr(value))} must be at most {LARGEST:g} in size")
        most = 1 if array.dtype.kind == "b" else len(words) - 1 if words else LARGEST_WHOLE
        if array.dtype.kind != "f" and not (found.is_integer() and 0 <= found <= most):
            raise UsageError(f"{name}: {short(repr(value))} must be a whole number from 0 to {most}")
        return found


def _labelled(value: Value, labels: Mapping[int, Sequence[str]]) -> list[Axis]:
    """A value's dimensions with the words that stand along them."""
    axes = value.axes or [Axis()] * value.array.ndim
    known = [replace(a, labels=labels[n]) if n in labels else a for a, n in zip(axes, value.array.shape, strict=True)]
    return known if any(axis != Axis() for axis in known) else []


def _place(name: str, array: np.ndarray, index: Any) -> tuple[int, ...]:
    whole = isinstance(index, list) and all(isinstance(i, int) and not isinstance(i, bool) for i in index)
    if not whole or len(index) != array.ndim or not all(0 <= i < n for i, n in zip(index, array.shape, strict=True)):
        raise UsageError(f"{name}: {short(repr(index))} is no place in a tensor of shape {list(array.shape)}")
    return tuple(index)
