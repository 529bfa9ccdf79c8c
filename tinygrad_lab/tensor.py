"""Tensor, the tape and backward(): the whole of reverse-mode differentiation, in one file.

A ``Tensor`` wraps a NumPy array.  Each operation on tensors that require a gradient leaves a
``Node`` behind: its inputs, a closure that turns the gradient of its outputs into the gradients of
its inputs, and a number that counts upwards.  That number *is* the tape: an operation can only use
what was made before it, so visiting the nodes from the newest to the oldest meets every node after
all of its consumers, however often a value was reused.

``memory.py`` below knows whose memory an array is and whether it changed; ``modes.py`` holds what
is private to a thread, as graphs are.  Gradients are plain data, they carry no graph themselves.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from tinygrad_lab.memory import Counter, Owners, Remembered, Sum, check_unchanged, remembered
from tinygrad_lab.modes import not_finite_from, origin, state
from tinygrad_lab.typing import Backward, Gradients

if TYPE_CHECKING:
    from tinygrad_lab.ops.methods import TensorMethods
    from tinygrad_lab.ops.operation import OperationInfo
else:
    TensorMethods = object  # tinygrad_lab.ops installs the methods: imports run downwards only


class Tensor(TensorMethods):
    """An n-dimensional array that remembers how it was computed.

    Args:
        data: anything ``np.asarray`` accepts; it is copied.  Python floats and lists of floats become
            float32, NumPy arrays keep their dtype.
        dtype: the NumPy dtype to convert to.
        requires_grad: whether ``backward()`` leaves a gradient in ``grad``.  Floating point only.

    Raises:
        TypeError: a non-numeric ``data``, or ``requires_grad`` on an integer or boolean tensor.
    """

    __slots__ = ("_data", "_requires_grad", "_grad", "_node", "_index", "_version", "__weakref__")

    _data: np.ndarray
    _requires_grad: bool
    _grad: Tensor | None
    _node: Node | None  # the operation that made it; None for a leaf
    _index: int  # which of that operation's outputs it is
    _version: Counter  # counts in-place changes; one counter for all views of the same memory

    def __init__(self, data: Any, dtype: Any = None, requires_grad: bool = False) -> None:
        if isinstance(data, Tensor):
            data = data._data
        try:
            array = np.array(data, dtype=dtype)
        except ValueError as error:  # of rows of different lengths NumPy speaks of inhomogeneous shapes
            why = "its rows have different lengths" if "inhomogeneous" in str(error) else str(error)
            raise ValueError(f"Tensor: data cannot be made into one array of numbers: {why}") from None
        if dtype is None and not isinstance(data, np.ndarray | np.generic) and array.dtype == np.float64:
            array = array.astype(np.float32)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"Tensor: data must be numeric, got {type(data).__name__} with dtype {array.dtype}")
        self._set(array, None, 0, [0])
        if requires_grad:
            self.requires_grad_()

    def _set(self, data: np.ndarray, node: Node | None, index: int, version: Counter) -> None:
        self._data = data
        self._requires_grad = node is not None
        self._grad = None
        self._node = node
        self._index = index
        self._version = version

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each dimension."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype:
        """The kind of its numbers, one of NumPy's."""
        return self._data.dtype

    @property
    def is_leaf(self) -> bool:
        """Whether it was given and not computed: no recorded operation made it."""
        return self._node is None

    @property
    def requires_grad(self) -> bool:
        """Whether ``backward()`` brings a gradient here."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    @property
    def grad(self) -> Tensor | None:
        """The gradient, of this tensor's shape and dtype; ``backward()`` adds to it on leaves.

        Raises:
            TypeError: something is assigned that is no Tensor, or has another dtype.
            ValueError: a gradient of another shape is assigned.
        """
        return self._grad

    @grad.setter
    def grad(self, gradient: Tensor | None) -> None:
        if gradient is not None:
            if not isinstance(gradient, Tensor):
                raise TypeError(f"grad must be a Tensor or None, got {type(gradient).__name__}")
            self._check_alike("grad", gradient)
            if not gradient._data.flags.writeable:  # what comes later is added to it
                gradient = wrap(gradient._data.copy())
        self._grad = gradient

    @property
    def data(self) -> Tensor:
        """The values, outside the graph; assigning other ones of this shape and dtype keeps the tensor itself."""
        return self.detach()

    @data.setter
    def data(self, values: Tensor) -> None:
        if not isinstance(values, Tensor):
            raise TypeError(f"data must be a Tensor, got {type(values).__name__}")
        self._check_alike("data", values)
        self._data, self._version = values._data, values._version

    def _check_alike(self, name: str, other: Tensor) -> None:
        if other.shape != self.shape:
            raise ValueError(f"{name} must have the tensor's shape {self.shape}, got {other.shape}")
        if other.dtype != self.dtype:
            raise TypeError(f"{name} must have the tensor's dtype {self.dtype}, got {other.dtype}")

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for a gradient on this leaf (or stop asking)."""
        if requires_grad and self._data.dtype.kind != "f":
            raise TypeError(f"requires_grad: only floating point tensors have gradients, this one is {self.dtype}")
        if self._node is not None and not requires_grad:
            raise RuntimeError("requires_grad_(False): this tensor is the result of an operation; use detach()")
        self._requires_grad = bool(requires_grad)
        return self

    def detach(self) -> Tensor:
        """Return the same memory, outside the graph."""
        return wrap(self._data, version=self._version)

    def retain_grad(self) -> None:
        """Keep the gradient of this interior tensor in ``grad`` too; leaves keep theirs anyway."""
        if not self.requires_grad:
            raise RuntimeError("retain_grad(): this tensor does not require a gradient")
        if self._node is not None:
            self._node.retained[self._index] = ref(self)

    def backward(self, gradient: Any = None, retain_graph: bool = False, create_graph: bool = False) -> None:
        """Add d(self)/d(leaf) to ``grad`` of every leaf that requires a gradient.

        Args:
            gradient: the incoming gradient, same shape as this tensor; a one-element tensor needs none.
            retain_graph: keep the graph for a second call; otherwise it is released on the way.
            create_graph: torch's; gradients of gradients are not recorded here, so it must be False.

        Raises:
            NotImplementedError: ``create_graph``.
            TypeError: a ``gradient`` that is no array of numbers.
            RuntimeError: no graph, a released graph, a saved array changed in place, no ``gradient``.
            ValueError: a ``gradient`` of the wrong shape.
        """
        if create_graph:
            raise NotImplementedError(
                "backward(): create_graph is True, it must be False here: no gradients of gradients"
            )
        for tensor, value in backpropagate(self, gradient, retain_graph):
            if not tensor._requires_grad:  # it was frozen after the forward pass
                continue
            if tensor._grad is None:
                tensor._grad = wrap(value)
            else:
                tensor._grad._data += value
                tensor._grad._version[0] += 1

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        self._check_leaf("deepcopy")
        copied = memo[id(self)] = type(self).__new__(type(self))
        copied._set(self._data.copy(order="K"), None, 0, [0])
        copied._requires_grad, copied._grad = self._requires_grad, deepcopy(self._grad, memo)
        return copied

    def __reduce__(self) -> Any:
        self._check_leaf("pickle")
        return _unpickled, (type(self), self._data, self._requires_grad)

    def _check_leaf(self, action: str) -> None:
        if self._node is not None:
            raise RuntimeError(
                f"{action}: this tensor is the result of {self._node.operation.name!r}, a copy would be cut off from "
                "its graph: use clone() to stay in it, or detach() to leave it"
            )


def _unpickled(kind: type[Tensor], data: np.ndarray, requires_grad: bool) -> Tensor:
    tensor = kind.__new__(kind)
    tensor._set(data, None, 0, [0])
    tensor._requires_grad = requires_grad
    return tensor


def wrap(data: np.ndarray, node: Node | None = None, index: int = 0, version: Counter | None = None) -> Tensor:
    """Make a Tensor around ``data`` without a copy: the engine's own constructor."""
    tensor = Tensor.__new__(Tensor)
    tensor._set(data, node, index, [0] if version is None else version)
    return tensor


class Node:
    """One recorded operation: what went in, how gradients come back, what must not have changed.

    An input that was computed is remembered as its node and the number of that node's output, not
    as a Tensor, so the graph keeps only those arrays alive that some backward closure has saved.
    """

    __slots__ = ("order", "operation", "inputs", "backward", "saved", "made", "retained", "origin")

    _count = itertools.count()

    def __init__(
        self, operation: OperationInfo, inputs: Sequence[Any], backward: Backward, tensors: list[Tensor]
    ) -> None:
        self.order = next(Node._count)  # creation order is a topological order
        self.operation = operation
        self.backward: Backward | None = backward
        self.inputs: list[Place | None] = []  # the differentiable arguments, None for a constant
        for given in inputs:
            if not (isinstance(given, Tensor) and given._requires_grad):
                self.inputs.append(None)
            else:
                self.inputs.append(given if given._node is None else (given._node, given._index))
        # Arguments and outputs, which must not change before ``backward`` has run if it reads them.
        self.saved: list[Remembered] = []
        for tensor in tensors:
            self.saved.append(remembered(tensor._data, tensor._version))
        self.made: list[tuple[tuple[int, ...], np.dtype]] = []  # shape and dtype of each output
        self.retained: dict[int, ref[Tensor]] = {}  # outputs that want their gradient
        self.origin = origin() if state.anomaly else None  # module path and source line

    def output(self, data: np.ndarray, version: Counter) -> Tensor:
        """Wrap one more output of this node; a view of an input shares that one's ``version``."""
        tensor = Tensor.__new__(Tensor)
        tensor._set(data, self, len(self.made), version)
        self.made.append((data.shape, data.dtype))
        self.saved.append(remembered(data, version))
        return tensor

    def pull_back(self, gradients: list[np.ndarray | None]) -> Gradients:
        """Turn gradients of the outputs into one for each input (None where none is needed)."""
        if self.backward is None:
            raise RuntimeError(
                f"backward() a second time through {self.operation.name!r}: its saved values were released by the "
                "first call; pass retain_graph=True to the first call, or run the forward pass again"
            )
        check_unchanged(self.saved, self.backward, self.operation.name)
        return self.backward(self.operation.needs_of(self.inputs), *gradients)

    def release(self) -> None:
        """Drop everything that was kept for the backward pass."""
        self.backward = None
        self.inputs = []
        self.saved = []


Place = Tensor | tuple[Node, int]  # where a gradient goes: a leaf, or a node's output by its number


# ---- the walk -------------------------------------------------------------------------------------------------------


def backpropagate(root: Tensor, gradient: Any = None, retain_graph: bool = False) -> list[tuple[Tensor, np.ndarray]]:
    """Walk the tape from ``root``; return each leaf reached, and retained tensor, with its gradient.

    Nothing is written into any ``grad``: that is the caller's part, so an error on the way leaves
    all as it was.  The arrays returned belong to the caller.  Arguments and errors are those of
    ``Tensor.backward``.
    """
    seed, recorder = _seed(root, gradient), state.recorder
    if root._node is None:
        return [(root, seed)]
    reached: dict[int, tuple[Tensor, Sum]] = {}  # leaves and retained tensors, by identity
    pending = {root._node: [Sum() for _ in root._node.made]}
    pending[root._node][root._index].add(seed)
    queue = [(-root._node.order, root._node)]  # newest first: consumers come before producers
    while queue:
        node = heapq.heappop(queue)[1]
        gradients = [total.array for total in pending.pop(node)]
        for index, reference in node.retained.items():
            tensor, value = reference(), gradients[index]
            if tensor is not None and value is not None:
                reached[id(tensor)] = (tensor, Sum(value.copy(), owned=True))
        if recorder is not None:
            recorder.backward(node, gradients)
        contributions, owners = _contributions(node, gradients), None
        for position, place, contribution in contributions:
            if not isinstance(place, Tensor):
                source, index = place
                if source not in pending:
                    pending[source] = [Sum() for _ in source.made]
                    heapq.heappush(queue, (-source.order, source))
                total = pending[source][index]
                total.add(contribution)
            elif id(place) in reached:
                total = reached[id(place)][1]
                total.add(contribution)
            else:
                owners = owners or Owners([*gradients, *[given for _, _, given in contributions]])
                owned = node.operation.is_ours and not retain_graph and owners.alone(contribution)
                total = Sum(contribution, owned)
                reached[id(place)] = (place, total)
            if recorder is not None:
                recorder.contribution(position, contribution, total.array)
        if not retain_graph:
            node.release()
    return [(tensor, total.own()) for tensor, total in reached.values()]


def _seed(root: Tensor, gradient: Any) -> np.ndarray:
    """What the walk starts with: the gradient that was given, or 1 for a tensor of one element."""
    if not root.requires_grad:
        raise RuntimeError("backward(): this tensor does not depend on any tensor with requires_grad=True")
    if gradient is None:
        if root._data.size != 1:
            raise RuntimeError(
                f"backward() on a tensor of shape {root.shape} needs a gradient of that shape; only a one-element "
                "tensor has the default gradient 1"
            )
        return np.ones_like(root._data)
    try:
        seed = np.array(gradient._data if isinstance(gradient, Tensor) else gradient, dtype=root.dtype)
    except (TypeError, ValueError):
        what = " ".join(repr(gradient).split())[:60]
        raise TypeError(f"backward(): gradient must be a Tensor or numbers, got {what}") from None
    if seed.shape != root.shape:
        raise ValueError(f"backward(): gradient has shape {seed.shape}, the tensor has {root.shape}")
    return seed


def _contributions(node: Node, gradients: list[np.ndarray | None]) -> list[tuple[int, Place, np.ndarray]]:
    """Run one node backwards; return each input's number, the input, and what it receives."""
    received = []
    for position, (place, value) in enumerate(zip(node.inputs, node.pull_back(gradients), strict=True)):
        if value is None or place is None:
            continue
        shape, dtype = (place._data.shape, place._data.dtype) if isinstance(place, Tensor) else place[0].made[place[1]]
        if type(value) is not np.ndarray:
            value = np.asarray(value)  # arithmetic on 0-dimensional arrays gives NumPy scalars
        if value.shape != shape:
            if not node.operation.elementwise:
                raise AssertionError(f"{node.operation.name}: gradient {value.shape} for an input {shape}")
            value = unbroadcast(value, shape)
        if value.dtype != dtype:
            value = value.astype(dtype)
        received.append((position, place, value))
    if state.anomaly and not_finite_from([value for _, _, value in received], gradients):
        raise FloatingPointError(
            f"backward of {node.operation.name!r} made the first non-finite gradient{node.origin or ''}"
        )
    return received


def unbroadcast(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum a gradient over the axes that broadcasting added or stretched: each copy contributed."""
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis] != 1)
    return np.asarray(gradient.sum(axis=stretched, keepdims=True) if stretched else gradient)
