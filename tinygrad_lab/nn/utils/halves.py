"""A loss worked out on the two halves of its batch at once, on two threads.

NumPy's matrix products use two cores by themselves; everything between them uses one.  So a large enough step is cut at
the top: each thread runs forward and backward on half of the batch, with one core for its products, and the gradients
are added.  Losses are sums over a denominator that the batch carries, so the two add up to that of the whole.
"""

import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import numpy as np

from tinygrad_lab import random
from tinygrad_lab.modes import state
from tinygrad_lab.nn.module import Module
from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.tensor import Tensor, backpropagate
from tinygrad_lab.typing import Array, Backward, Generator, Gradients, Needs

try:
    from threadpoolctl import ThreadpoolController
except ImportError:  # the engine alone needs NumPy only; then batches stay whole
    ThreadpoolController = None

WORTHWHILE = 6e6  # elements of the batch times elements of a parameter, on average over the parameters (see _pays)
M = TypeVar("M", bound=Module)
Batch = TypeVar("Batch", bound=Mapping[str, Any])  # Tensors, and plain numbers
Streams = dict[int, Generator]  # by the identity of the generators that they stand for


def in_halves(loss: Callable[[M, Batch], Tensor]) -> Callable[[M, Batch], Tensor]:
    """Decorate ``loss(model, batch)``: where it pays, the batch is worked on in two halves, on two threads.

    For a loss in which no item of the batch depends on another (no statistics over the batch), and a batch of Tensors
    whose first axis is the batch and of plain numbers, which both halves get: the denominators among them.  The result
    is the same up to rounding, but for dropout: each half draws from a stream of its own, seeded by the generator.
    Same seed, same numbers, as long as batches are halved in both runs.

    It pays where gradients are on, NumPy's BLAS has exactly two threads (more were not measured) and operations are
    large: Transformers of the papers' size ``small`` take four fifths of the time, those of size ``tiny`` stay whole.
    A step that is traced, checked for anomalies or whose draws are recorded is worked on as a whole.
    """

    @functools.wraps(loss)
    def halved(model: M, batch: Batch) -> Tensor:
        parameters = list(model.parameters())
        if not _pays(batch, parameters):
            return loss(model, batch)
        first, second = split(batch)
        streams = streams_of(model) if model.training else ({}, {})
        both = Both(lambda: loss(model, first), lambda: loss(model, second), streams)
        return halves(both, *(parameter for parameter in parameters if parameter.requires_grad))

    return halved


class Both:
    """Two functions, run and differentiated side by side."""

    def __init__(
        self, first: Callable[[], Tensor], second: Callable[[], Tensor], streams: tuple[Streams, Streams] = ({}, {})
    ) -> None:
        self.run = first, second
        self.streams = streams
        self.roots: list[Tensor] = []

    def value(self) -> Array:
        self.roots = self._at_once(lambda k: self.run[k]())
        return np.asarray(self.roots[0]._data + self.roots[1]._data)

    def gradients(self, dy: Array) -> dict[int, Array]:
        """Return the gradients of the sum, by the identity of the parameters' arrays."""
        first, second = self._at_once(lambda k: backpropagate(self.roots[k], dy))
        total = {id(tensor._data): gradient for tensor, gradient in first}
        for tensor, gradient in second:
            known = total.get(id(tensor._data))
            total[id(tensor._data)] = gradient if known is None else np.add(known, gradient, out=known)
        return total

    def differentiated(self, given: Sequence[Array], k: int, dy: Array) -> Array:
        """Run both once more, one after the other, and return the gradient of value k of those given."""
        found = np.zeros_like(given[k])
        for run in self.run:
            for tensor, gradient in backpropagate(run(), dy):
                found = found + gradient if tensor._data is given[k] else found
        return found

    def _at_once(self, work: Callable[[int], Any]) -> list[Any]:
        """work(0) here and work(1) on the other thread, one core each for matrix products."""

        def one(k: int) -> Any:
            before = state.streams, state.grad_enabled
            state.streams, state.grad_enabled = self.streams[k], True
            try:
                return work(k)
            finally:
                state.streams, state.grad_enabled = before

        with _one_blas_thread(), _frequent_turns():
            other = _other_thread().submit(one, 1)
            try:
                mine = one(0)
            finally:
                other.exception()  # never leave while the other half is at work
            return [mine, other.result()]


@operation(rule="dparameters[k] = differentiated(both, parameters, k, dy)")
def halves(both: Both, *parameters: Float[Array, "..."]) -> tuple[Float[Array, ""], Backward]:
    """y = y_1 + y_2, each a function of all ``parameters``; once only, the graphs of both are then released."""

    def backward(needs: Needs, dy: Array) -> Gradients:  # noqa: ARG001  (only parameters that need a gradient are passed)
        gradients = both.gradients(dy)
        return tuple(gradients.get(id(parameter)) for parameter in parameters)

    return both.value(), backward


def split(batch: Batch) -> tuple[Batch, Batch]:
    """Cut a batch into halves; plain numbers go to both."""
    size = next(len(value) for value in batch.values() if isinstance(value, Tensor))
    parts = slice(0, (size + 1) // 2), slice((size + 1) // 2, size)
    first, second = ({k: v[part] if isinstance(v, Tensor) else v for k, v in batch.items()} for part in parts)
    return cast(Batch, first), cast(Batch, second)


def streams_of(model: Module) -> tuple[Streams, Streams]:
    """Make, for each half, a stream in place of every generator that the model holds, seeded by
    that generator.
    """
    streams: tuple[Streams, Streams] = ({}, {})
    for rng in random.held_by(model.modules()):
        seed = int(rng.integers(2**63))
        for half, stream in enumerate(streams):
            stream[id(rng)] = np.random.Generator(np.random.SFC64([seed, half]))
    return streams


def _pays(batch: Mapping[str, Any], parameters: Sequence[Tensor]) -> bool:
    """The threads take turns at the interpreter between any two operations, so operations must be large on average."""
    if not state.grad_enabled or state.recorder is not None or state.draws is not None or state.anomaly:
        return False
    tensors = [value for value in batch.values() if isinstance(value, Tensor)]
    sizes = {len(tensor) if tensor.ndim else 0 for tensor in tensors}
    if len(sizes) != 1 or min(sizes) < 2 or any(tensor.requires_grad for tensor in tensors):
        return False
    work = max(tensor.numel() for tensor in tensors) * sum(parameter.numel() for parameter in parameters)
    return work >= WORTHWHILE * len(parameters) and blas_threads() == 2


# ---- threads --------------------------------------------------------------------------------------------------------


@functools.cache
def _blas() -> Any:
    return ThreadpoolController().select(user_api="blas") if ThreadpoolController else None


def blas_threads() -> int:
    """Tell how many threads NumPy's BLAS uses now; 0 where that cannot be told."""
    libraries = _blas().lib_controllers if _blas() else []
    return max((library.get_num_threads() for library in libraries), default=0)


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """BLAS's own threads and Python's together would be many times slower than either."""
    if _blas() is None:
        yield
        return
    with _blas().limit(limits=1):
        yield


@contextmanager
def _frequent_turns() -> Iterator[None]:
    """A thread asks for the interpreter after a tenth of a millisecond, not after five: a few percent of a step."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@functools.cache
def _other_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "half of a batch")
