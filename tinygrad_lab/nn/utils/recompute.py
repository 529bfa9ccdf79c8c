"""Activation checkpointing: keep what goes into a module, and compute what happens inside it a second time.

A tape keeps what every operation saved until the backward pass comes by.  Of a recomputed module it keeps the inputs
alone; in the backward pass the module runs again, recording this time, and is walked back at once.  That costs one more
forward pass, and of a stack of n such modules only one at a time has its inside in memory (Chen et al. 2016).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tinygrad_lab import random
from tinygrad_lab.modes import no_grad, state
from tinygrad_lab.nn.module import Module
from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.tensor import Tensor, backpropagate, wrap
from tinygrad_lab.typing import Array, Backward, Generator, Gradients, Needs


def recompute(function: Callable[..., Tensor], *args: Any) -> Tensor:
    """Return ``function(*args)``, whose inside is computed again for the backward pass, not kept.

    The same numbers come out, gradients included: generators that belong to the module, such as dropout's, draw the
    same again.  What a forward pass changes beyond that (running statistics of batch_norm) it changes twice.

    Args:
        function: a module, or the bound method of one, so that it is known which parameters take part.
        args: what it is called with; Tensors among them get gradients, other things are passed on.

    Raises:
        TypeError: a function that does not belong to a module, or whose output is no Tensor.
        RuntimeError: in the backward pass, if it uses another tensor that wants a gradient.
    """
    module = function if isinstance(function, Module) else getattr(function, "__self__", None)
    if not isinstance(module, Module):
        raise TypeError(f"recompute: function must be a module or a method of one, got {type(function).__name__}")
    inputs = [arg for arg in args if isinstance(arg, Tensor) and arg.requires_grad]
    weights = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not state.grad_enabled or state.recorder is not None or not (inputs or weights):
        return function(*args)  # a trace wants to see the inside
    return recomputed(_Segment(function, args, inputs, weights, _generators(module)), *inputs, *weights)


class _Segment:
    """A call that can be made again."""

    def __init__(
        self,
        function: Callable[..., Tensor],
        args: tuple[Any, ...],
        inputs: list[Tensor],
        weights: Sequence[Tensor],
        generators: list[Generator],
    ) -> None:
        self.function = function
        self.weights = weights
        self.places = [next((k for k, x in enumerate(inputs) if x is arg), None) for arg in args]
        self.others = [None if place is not None else arg for arg, place in zip(args, self.places, strict=True)]
        self.generators = generators
        self.before = [rng.bit_generator.state for rng in generators]
        self.arrays: list[Array] = [tensor._data for tensor in inputs]

    def output(self) -> Array:
        with no_grad():
            made = self._call([wrap(array) for array in self.arrays])
        self.arrays = []  # the tape keeps them, and gives them back
        if not isinstance(made, Tensor):
            raise TypeError(f"recompute: the output must be a Tensor, got {type(made).__name__}")
        return made._data

    def gradients(self, tensors: tuple[Array, ...], dy: Array) -> tuple[Array | None, ...]:
        leaves = [wrap(array).requires_grad_() for array in tensors[: len(tensors) - len(self.weights)]]
        with _as_before(self.generators, self.before):
            made = self._call(leaves)
        known = [*leaves, *self.weights]
        gradients = {id(leaf): gradient for leaf, gradient in backpropagate(made, dy)} if made.requires_grad else {}
        strangers = gradients.keys() - {id(tensor) for tensor in known}
        if strangers:
            raise RuntimeError(
                f"recompute: {len(strangers)} tensors want a gradient that are neither passed nor parameters"
            )
        return tuple(gradients.get(id(tensor)) for tensor in known)

    def differentiated(self, given: Sequence[Array], k: int, dy: Array) -> Array | None:
        """Return the gradient of value k of those given, by running once more."""
        return self.gradients(tuple(given), dy)[k]

    def _call(self, inputs: list[Tensor]) -> Any:
        pairs = zip(self.places, self.others, strict=True)
        return self.function(*[other if place is None else inputs[place] for place, other in pairs])


@operation(rule="dtensors[k] = differentiated(segment, tensors, k, dy)")
def recomputed(segment: _Segment, *tensors: Float[Array, "..."]) -> tuple[Float[Array, "..."], Backward]:
    """y = f(x): ``tensors`` are everything in it that wants a gradient, and all that is kept."""

    def backward(needs: Needs, dy: Array) -> Gradients:  # noqa: ARG001  (what needs no gradient is not among the tensors)
        return segment.gradients(tensors, dy)

    return segment.output(), backward


@contextmanager
def _as_before(generators: list[Generator], before: list[Any]) -> Iterator[None]:
    """Gradients on, generators where they stood then and afterwards where they stand now; draws are not recorded."""
    now, enabled, draws = [rng.bit_generator.state for rng in generators], state.grad_enabled, state.draws
    state.grad_enabled, state.draws = True, None
    try:
        _set(generators, before)
        yield
    finally:
        _set(generators, now)
        state.grad_enabled, state.draws = enabled, draws


def _set(generators: list[Generator], states: list[Any]) -> None:
    for rng, position in zip(generators, states, strict=True):
        rng.bit_generator.state = position


def _generators(module: Module) -> list[Generator]:
    """What a module and those below it draw from, in this thread."""
    return [random.stream(rng) for rng in random.held_by(module.modules())]
