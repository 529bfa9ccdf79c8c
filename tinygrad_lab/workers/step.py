"""One step, whoever works on it: a loss, and the parts of the batch."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_lab import random
from tinygrad_lab.modes import state
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Generator
from tinygrad_lab.workers.gradients import by_number


class Step:
    """A loss on the parts of a batch, and the parameters that it is differentiated by.

    Args:
        loss: of a model and one of ``batches``.
        parameters: all that the parts may share; gradients are found for those that need them now.
        generators: in whose place each part draws from a stream of its own.
    """

    def __init__(
        self,
        loss: Callable[[Any, Any], Tensor],
        model: Any,
        batches: Sequence[Any],
        parameters: Sequence[Tensor],
        generators: Sequence[Generator] = (),
    ) -> None:
        self.loss, self.model, self.batches = loss, model, batches
        self.parameters, self.generators = parameters, generators
        self.learning = [number for number, tensor in enumerate(parameters) if tensor.requires_grad]

    @functools.cached_property
    def seeds(self) -> list[int]:
        """Drawn when somebody begins, from each generator: they say where the noise of this step starts."""
        return [int(generator.integers(2**63)) for generator in self.generators]

    def value(self, part: int) -> Tensor:
        """Run the loss of one part, here and in this thread."""
        own = random.streams(self.seeds, part)
        streams = {id(generator): stream for generator, stream in zip(self.generators, own, strict=True)}
        before = state.streams, state.grad_enabled
        state.streams, state.grad_enabled = streams, True
        try:
            return self.loss(self.model, self.batches[part])
        finally:
            state.streams, state.grad_enabled = before

    def gradients(self, root: Tensor, dy: Array) -> list[Array | None]:
        """Return the gradient for every parameter, by number; none where the loss of a part is a constant."""
        found = by_number(self.parameters, root, dy)
        return [found.get(number) for number in range(len(self.parameters))]


class Work(ABC):
    """Parts whose forward pass is done: their sum, and its gradient for each parameter that needs one."""

    step: Step
    value: Array

    def differentiated(self, given: Sequence[Array], k: int, dy: Array) -> Array:
        """Run all parts once more, one after the other, and return the gradient of value k of those given."""
        found = np.zeros_like(given[k])
        for part in range(len(self.step.batches)):
            for number, gradient in by_number(self.step.parameters, self.step.value(part), dy).items():
                found = found + gradient if self.step.parameters[number]._data is given[k] else found
        return found

    @abstractmethod
    def gradients(self, dy: Array) -> list[Array | None]: ...
