"""Opening a fused operation: its definition, the composition of elementary operations, run again step by step."""

import inspect
import sys
from collections.abc import Sequence
from dataclasses import replace
from types import CodeType

import numpy as np

from tinygrad_lab.modes import state
from tinygrad_lab.ops.operation import OperationInfo
from tinygrad_lab.tensor import Node, Tensor
from tinygrad_lab.trace.axes import annotated, name_axes
from tinygrad_lab.trace.record import LIMIT, Place, Recorder, in_frame, listening
from tinygrad_lab.trace.steps import Forward, Input, Trace, Value


def can_open(step: Forward) -> bool:
    """Tell whether an operation has a definition to open, and no generator that would draw anew."""
    return step.operation.definition is not None and not any(
        isinstance(value, np.random.Generator) for value in step.settings.values()
    )


def inside(step: Forward, incoming: Sequence[np.ndarray | None] | None = None, limit: int = LIMIT) -> Trace:
    """Trace what happens inside a fused operation, on the numbers that it was given.

    Args:
        step: the operation, in a trace that has been made, so that it is known which inputs have a gradient.
        incoming: the gradient of each of its outputs, None for one that nobody used; without it forwards only.
        limit: the largest number of forward steps.

    Returns:
        The steps of its definition: file and line are the definition's, names are those of its variables.  The
        gradients of the arguments add up to what the fused operation gives them, but for rounding.

    Raises:
        ValueError: the operation has no definition, or draws random numbers.
        TooLargeError: more steps than ``limit``.
    """
    if not can_open(step):
        raise ValueError(f"inside: {step.operation.name!r} is elementary or draws random numbers: it cannot be opened")
    tensors = {i.value: Tensor(i.value.array, requires_grad=i.value.gradient is not None) for i in step.inputs}
    given = {item.parameter: tensors[item.value] for item in step.inputs}
    settings = {name: Tensor(v) if isinstance(v, np.ndarray) else v for name, v in step.settings.items()}
    recorder = _Inside(step.operation, given, limit)
    before, state.modules = state.modules, []
    try:
        with listening(recorder):
            made = step.operation.definition(**given, **settings)  # type: ignore[misc]  # can_open
    finally:
        state.modules = before
    for item in step.inputs:
        _hand_over_axes(step, item, recorder.seen(tensors[item.value]))
    outputs = made if isinstance(made, tuple) else (made,)
    pairs = [(out, g) for out, g in zip(outputs, incoming or [], strict=False) if g is not None and out.requires_grad]
    if not pairs:
        return _named(recorder, outputs[0])
    products = [(out * Tensor(gradient)).sum() for out, gradient in pairs]  # d<out, g>/d(out) is g
    total = products[0]
    for product in products[1:]:
        total = total + product
    recorder.differentiate(total)
    return _named(recorder, outputs[0])


def _hand_over_axes(step: Forward, item: Input, value: Value | None) -> None:
    """Inside, an argument's dimensions have the operation's names for them; their labels stay."""
    outer = item.value.axes
    if value is None or outer is None:
        return
    inner = annotated(step.operation, item.parameter, len(outer)) or outer
    names = {old.name: new.name or old.name for old, new in zip(outer, inner, strict=True)}
    value.axes = [replace(o, name=names[o.name], by=names.get(o.by, o.by)) for o in outer]


def _named(recorder: Recorder, result: Tensor) -> Trace:
    traced = Trace(list(recorder.steps), recorder.values, recorder.value_of(result))
    name_axes(traced)
    return traced


class _Inside(Recorder):
    """Finds names and lines in the definition, and does not tell of what only brings the incoming gradients in."""

    def __init__(self, info: OperationInfo, names: dict[str, Tensor], limit: int) -> None:
        super().__init__(names, limit)
        assert info.definition is not None  # can_open
        self._code: CodeType = inspect.unwrap(info.definition).__code__
        self._known_node = False

    def place(self) -> Place:
        frame = sys._getframe(1)
        while frame.f_back and frame.f_code is not self._code:
            frame = frame.f_back
        return in_frame(frame)

    def seen(self, tensor: Tensor) -> Value | None:
        """Return what is known of an argument; None where the definition did not use it."""
        return self._known.get(id(tensor._data))

    def backward(self, node: Node, gradients: list[np.ndarray | None]) -> None:
        self._known_node = id(node) in self._made_by
        if self._known_node:
            super().backward(node, gradients)

    def contribution(self, position: int, gradient: np.ndarray, accumulated: np.ndarray) -> None:
        if self._known_node:
            super().contribution(position, gradient, accumulated)
