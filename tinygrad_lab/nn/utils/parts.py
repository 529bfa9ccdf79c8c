"""A loss worked out on the parts of its batch at once, by worker processes, one for each core.

NumPy's matrix products use several cores by themselves; everything between them uses one.  So a large enough step is
cut at the top: each process runs forward and backward on its part of the batch, with one core for its products, and the
gradients are added.  Losses are sums over a denominator that the batch carries, so they add up to that of the whole.
"""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from tinygrad_lab import random
from tinygrad_lab.modes import state
from tinygrad_lab.nn.module import Module
from tinygrad_lab.nn.normalization import BatchNorm1d, BatchNorm2d
from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs
from tinygrad_lab.workers import shared, threads
from tinygrad_lab.workers.paying import parts_that_pay
from tinygrad_lab.workers.step import Step, Work

M = TypeVar("M", bound=Module)
Batch = TypeVar("Batch", bound=Mapping[str, Any])  # Tensors, and plain numbers
PLAIN = (int, float, complex, str, np.generic, type(None))  # what may be given to all parts as it is


def in_parts(loss: Callable[[M, Batch], Tensor]) -> Callable[[M, Batch], Tensor]:
    """Decorate ``loss(model, batch)``: where it pays, the batch is worked on in parts, one for each core.

    For a loss in which no item of the batch depends on another (no statistics over the batch), and a batch of Tensors
    whose first axis is the batch and of plain numbers, which all parts get: the denominators among them; with anything
    else in it a batch stays whole.  The result is the same up to rounding, but for dropout: each part draws from a
    stream of its own, seeded by the generator.  Same seed, same numbers, for a given number of parts, whoever works on
    them.

    The first part is done here, the others by worker processes (``tinygrad_lab.workers``).  They have a copy of the
    model: what ``loss`` leaves behind in it, other than gradients, stays with them.  They import the modules of loss
    and model anew: what is assigned later to a module's global or a class's attribute they do not see, so what changes
    between steps belongs to the model or the batch.  Where a model cannot be copied
    into another process there are two parts at most, on two threads.

    A step without gradients, or that is traced, checked for anomalies or whose draws are recorded, stays whole, and so
    do a small one (``workers.paying``) and a model with hooks or BatchNorm; ``TINYGRAD_LAB_WORKERS=1`` keeps all whole.
    """

    @functools.wraps(loss)
    def cut(model: M, batch: Batch) -> Tensor:
        parameters = list(model.parameters())
        work = None if _watched() else _begun(loss, model, batch, parameters)
        if work is None:
            return loss(model, batch)
        return parts(work, *(parameter for parameter in parameters if parameter.requires_grad))

    cut.of_a_part = loss  # type: ignore[attr-defined]  # what workers run
    return cut


@operation(rule="dparameters[k] = differentiated(work, parameters, k, dy)")
def parts(work: Work, *parameters: Float[Array, "..."]) -> tuple[Float[Array, ""], Backward]:  # noqa: ARG001
    """y = Σ_k y_k, each a function of all ``parameters``; once only, the graphs of all are then released."""

    def backward(needs: Needs, dy: Array) -> Gradients:  # noqa: ARG001  (only parameters that need one are passed)
        return tuple(work.gradients(dy))

    return work.value, backward


# ---- when and how a batch is cut -----------------------------------------------------------------------------------


def _watched() -> bool:
    """Whether somebody looks at single operations, or none is recorded: then there is one part only."""
    return not state.grad_enabled or state.recorder is not None or state.draws is not None or state.anomaly


def _begun(loss: Any, model: Module, batch: Mapping[str, Any], parameters: Sequence[Tensor]) -> Work | None:
    """Work on the parts of a batch, forward; None if it is better left whole."""
    arrays = [value for value in batch.values() if isinstance(value, Tensor)]
    if not _can_be_cut(batch, arrays) or _needs_whole(model) or not any(p.requires_grad for p in parameters):
        return None
    if (count := parts_that_pay(arrays, parameters)) == 1:
        return None
    generators = random.held_by(model.modules())
    if shared.possible():
        from tinygrad_lab.workers import on_workers  # now only: it takes as long as a tenth of the engine

        if (work := on_workers.begun(Step(loss, model, split(batch, count), parameters, generators))) is not None:
            return work
    if threads.pay(arrays, parameters):
        return threads.OnThreads(Step(loss, model, split(batch, 2), parameters, generators))
    return None


def _needs_whole(model: Module) -> bool:
    """Whether a layer needs all of a batch, for its mean, or a hook would see parts of outputs."""
    return any(isinstance(module, BatchNorm1d | BatchNorm2d) or module._hooks for module in model.modules())


def _can_be_cut(batch: Mapping[str, Any], arrays: Sequence[Tensor]) -> bool:
    """Whether a batch has several items, and no gradient would be lost by cutting it.

    Of a list, an array or a generator in it nobody knows which items belong to which part.
    """
    if not all(isinstance(value, (Tensor, *PLAIN)) for value in batch.values()):
        return False
    sizes = {len(array) if array.ndim else 0 for array in arrays}
    return len(sizes) == 1 and min(sizes) > 1 and not any(array.requires_grad for array in arrays)


def split(batch: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """Cut a batch into parts that differ by one item at most; plain numbers go to all."""
    size = next(len(value) for value in batch.values() if isinstance(value, Tensor))
    ends = [-(-size * part // count) for part in range(count + 1)]
    return [
        {name: v[start:end] if isinstance(v, Tensor) else v for name, v in batch.items()}
        for start, end in itertools.pairwise(ends)
    ]
