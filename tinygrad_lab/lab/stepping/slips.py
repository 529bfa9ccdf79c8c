"""Classic slips in a backward step, each with the number that one gets by it.

All are computed from the step's own numbers; whoever types one of them is told what was probably forgotten.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinygrad_lab.tensor import unbroadcast
from tinygrad_lab.trace import Backward, Contribution

Index = tuple[int, ...]


@dataclass(frozen=True)
class Slip:
    """A wrong answer and what is said to it."""

    value: float
    says: str


def slips(step: Backward, given: Contribution, index: Index) -> list[Slip]:
    """The slips that lead to another number at ``index`` of the accumulated gradient, likeliest first."""
    before = 0.0 if given.first else float(given.accumulated[index]) - float(given.gradient[index])
    slips = []
    if not given.first:
        says = "That is this step's contribution alone. The value is used more than once: add it to what is there."
        slips.append(Slip(float(given.gradient[index]), says))
    for contribution, says in _contributions(step, given, index):
        slips.append(Slip(before + contribution, says))
        if not given.first:
            slips.append(Slip(contribution, f"{says} And the value is used more than once: add up."))
    return [slip for slip in slips if np.isfinite(slip.value)]


def _contributions(step: Backward, given: Contribution, index: Index) -> Iterator[tuple[float, str]]:
    """What this step might wrongly be thought to contribute."""
    right = float(given.gradient[index])
    yield -right, "The size is right, the sign is not."
    incoming = step.incoming[0]
    if incoming is None:
        return
    one_copy = _one_copy(step, given, index)
    if one_copy is not None:
        yield one_copy, "The value was broadcast: every copy sends a gradient back. Sum them over the broadcast axis."
    for wrong in _transposed(step, given, index):
        yield wrong, "A factor is transposed the wrong way round. Let the shapes decide."
    local = _with_incoming(step, given, np.ones_like(incoming))
    if local is not None:
        yield float(local[index]), "That is the local derivative. Multiply it by the gradient that comes in."
    passed = _fitted(incoming, given.gradient.shape)
    if passed is not None:
        yield float(passed[index]), "That is the gradient that comes in. Multiply it by the local derivative."


def _with_incoming(step: Backward, given: Contribution, incoming: np.ndarray) -> np.ndarray | None:
    """The contribution if another gradient came in, in the value's shape."""
    raw = _raw(step, given, incoming)
    return None if raw is None else _fitted(raw, given.gradient.shape)


def _raw(step: Backward, given: Contribution, incoming: np.ndarray) -> np.ndarray | None:
    """Return the contribution before sums over broadcast axes; None where the operation cannot be run again."""
    info = step.operation
    settings = step.forward.settings
    if info.variadic or len(step.incoming) > 1 or any(isinstance(v, np.random.Generator) for v in settings.values()):
        return None
    arrays = {item.parameter: item.value.array.copy() for item in step.forward.inputs}
    with np.errstate(all="ignore"):
        _, backward = info.body(**arrays, **settings)
        wanted = [name if name == given.parameter else None for name in info.differentiable]
        result = backward(info.needs_of(wanted), incoming)[info.differentiable.index(given.parameter)]
    return None if result is None else np.asarray(result)


def _fitted(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Sum over broadcast axes down to ``shape``; None where it is no broadcast of it."""
    try:
        if np.broadcast_shapes(array.shape, shape) != array.shape:
            return None
    except ValueError:
        return None
    return unbroadcast(array, shape)


def _one_copy(step: Backward, given: Contribution, index: Index) -> float | None:
    """One of the copies of a broadcast value: of an elementwise operand, or of a layer's bias."""
    incoming = step.incoming[0]
    assert incoming is not None  # the caller has seen to it
    if step.operation.elementwise:
        raw = _raw(step, given, incoming)
    else:
        raw = incoming if (step.operation.name, given.parameter) == ("linear", "bias") else None
    if raw is None or raw.shape == given.gradient.shape:
        return None
    return float(raw[(0,) * (raw.ndim - len(index)) + index])


def _transposed(step: Backward, given: Contribution, index: Index) -> Iterator[float]:
    """Products of the same factors, one of them transposed the wrong way, of the right shape all the same."""
    if step.operation.name not in ("matmul", "linear") or given.gradient.ndim != 2:
        return
    others = [i.value.array for i in step.forward.inputs if i.parameter != given.parameter and i.value.array.ndim == 2]
    incoming = step.incoming[0]
    for other in others:
        for left in (incoming, incoming.T) if incoming is not None and incoming.ndim == 2 else ():
            for right in (other, other.T):
                for a, b in ((left, right), (right, left)):
                    if a.shape[1] == b.shape[0] and (a.shape[0], b.shape[1]) == given.gradient.shape:
                        yield float((a @ b)[index])
    rows, columns = given.gradient.shape
    if index[1] < rows and index[0] < columns:
        yield float(given.gradient[index[::-1]])
