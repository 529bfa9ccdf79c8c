"""What every call of a module was given and gave out, on either side, and the gradients that passed there.

Each call gets its inputs, and gives its outputs, as tensors of its own (equal in value), so that an input's gradient is
what came back through this one call, whoever else uses the same tensor.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_lab.lab.sides import Side
from tinygrad_lab.modes import calling_frame, state
from tinygrad_lab.ops.operation import OPERATIONS, OperationInfo
from tinygrad_lab.tensor import Node, Tensor
from tinygrad_lab.trace.record import listening

LOSS = "the loss"  # the path of the call that stands for all: loss(model, batch)


@dataclass
class Operated:
    """An operation that a call ran itself, outside of the modules that it called."""

    info: OperationInfo
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    file: str
    line: int
    node: Node | None = None  # what is recorded of it for the backward pass


@dataclass(eq=False)
class Call:
    """One call of a module."""

    path: str  # in the model, "" for its root
    number: int  # which of the module's calls it is
    kind: str  # the module's class
    parent: "Call | None"
    inputs: list[Any] = field(default_factory=list)  # tensors
    outputs: list[Any] = field(default_factory=list)
    given: list[np.ndarray] = field(default_factory=list)  # the inputs' values at the time
    made: list[np.ndarray] = field(default_factory=list)  # the outputs' values
    received: list[np.ndarray | None] = field(default_factory=list)  # the outputs' gradients, after backward()
    handed_on: list[np.ndarray | None] = field(default_factory=list)  # the inputs' gradients
    operations: list[Operated] = field(default_factory=list)  # on the engine

    @property
    def key(self) -> tuple[str, int]:
        return self.path, self.number


class Observer:
    """Collects the calls of a model's modules in the order in which they end, the loss last."""

    def __init__(self, side: Side, model: Any) -> None:
        self.calls: list[Call] = []
        self._side, self._model = side, model
        self._running: list[Call] = []
        self._numbers: Counter[str] = Counter()

    def loss(self, batch: dict[str, Any]) -> Any:
        """The loss of a batch, with everything watched that is called on the way."""
        with self._watched(), listening(self):
            return self._call(LOSS, "loss", lambda: self._side.loss(self._model, batch), (), {})

    def read_gradients(self) -> None:
        """Note the gradients of all inputs and outputs, once ``backward()`` of the loss has been called."""
        for call in self.calls:
            for tensors, gradients in ((call.outputs, call.received), (call.inputs, call.handed_on)):
                gradients += [None if t.grad is None else self._side.array(t.grad) for t in tensors]

    @contextmanager
    def _watched(self) -> Iterator[None]:
        modules = list(self._model.named_modules())
        for path, module in modules:
            object.__setattr__(module, "forward", self._watching(path, module))
        try:
            yield
        finally:
            for _, module in modules:
                object.__delattr__(module, "forward")

    def _watching(self, path: str, module: Any) -> Callable[..., Any]:
        forward, kind = module.forward, type(module).__name__
        return lambda *args, **kwargs: self._call(path, kind, forward, args, kwargs)

    def _call(self, path: str, kind: str, run: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        call = Call(path, self._numbers[path], kind, self._running[-1] if self._running else None)
        self._numbers[path] += 1
        args, kwargs = (self._own(value, call.inputs, call.given) for value in (args, kwargs))
        self._running.append(call)
        try:
            output = run(*args, **kwargs)
        finally:
            self._running.pop()
        self.calls.append(call)
        return self._own(output, call.outputs, call.made)

    def _own(self, value: Any, tensors: list[Any], values: list[np.ndarray]) -> Any:
        """The same structure with tensors of its own, which are noted."""
        if isinstance(value, dict):
            return {name: self._own(item, tensors, values) for name, item in value.items()}
        if isinstance(value, tuple | list):
            items = [self._own(item, tensors, values) for item in value]
            return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
        if not hasattr(value, "requires_grad") or not hasattr(value, "shape"):
            return value
        if value.requires_grad:
            value = equal_to(value)
            if value.requires_grad:  # what no_grad() copies needs none
                value.retain_grad()
        tensors.append(value)
        values.append(self._side.array(value))
        return value

    # ---- what the engine tells: it takes this for a recorder -----------------------------------------------------
    def forward(self, info: OperationInfo, args: Any, kwargs: Any, _made: Any, node: Any) -> None:
        frame = calling_frame()
        operated = Operated(info, args, kwargs, frame.f_code.co_filename, frame.f_lineno, node)
        self._running[-1].operations.append(operated)

    def backward(self, *_: Any) -> None:
        """Nothing: gradients are read from the tensors."""

    contribution = backward


def equal_to(tensor: Any) -> Any:
    """A tensor of the same value behind the given one, whose gradient passes on.

    On the engine by a node of its own: an operation could be the very one that is wrong.
    """
    if not isinstance(tensor, Tensor):
        return tensor.clone()
    if not state.grad_enabled:
        return tensor
    node = Node(OPERATIONS["reshape"], [tensor], lambda _needs, dy: (dy,), [])
    return node.output(tensor._data, tensor._version)
