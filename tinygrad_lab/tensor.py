"""Tensor, the tape and backward(): the whole of reverse-mode differentiation, in one file.

A ``Tensor`` wraps a NumPy array.  Each operation on tensors that require a gradient leaves a ``Node`` behind: its
inputs, a closure that turns the gradient of its outputs into the gradients of its inputs, and a number that counts
upwards.  That number *is* the tape: an operation can only use what was made before it, so visiting the nodes from the
newest to the oldest meets every node after all of its consumers, however often a value was reused.

Graphs are private to the thread that records them; ``modes.py`` holds what is thread-local.  Version 1 is first order:
gradients are plain data, they do not themselves carry a graph.
"""

from __future__ import annotations

import heapq
import itertools
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lab.modes import not_finite_from, origin, state

if TYPE_CHECKING:
    from tinygrad_lab.ops.methods import TensorMethods
    from tinygrad_lab.ops.operation import OperationInfo
else:
    TensorMethods = object  # tinygrad_lab.ops installs the methods when it is imported: imports run downwards only


class Tensor(TensorMethods):
    """An n-dimensional array that remembers how it was computed.

    Args:
        data: anything ``np.asarray`` accepts; it is copied.  Python floats and lists of floats become float32, NumPy
            arrays keep their dtype.
        dtype: the NumPy dtype to convert to.
        requires_grad: whether ``backward()`` should leave a gradient in ``grad``.  Floating point only.

    Raises:
        TypeError: a non-numeric ``data``, or ``requires_grad`` on an integer or boolean tensor.
    """

    __slots__ = ("_data", "requires_grad", "grad", "_node", "_index", "_version", "__weakref__")

    _data: np.ndarray
    requires_grad: bool
    grad: Tensor | None  # same shape and dtype as the tensor; set by backward() on leaves
    _node: Node | None  # the operation that made it; None for a leaf
    _index: int  # which of that operation's outputs it is
    _version: list[int]  # counts in-place changes; one counter for all views of the same memory

    def __init__(self, data: Any, dtype: Any = None, requires_grad: bool = False) -> None:
        if isinstance(data, Tensor):
            data = data._data
        array = np.array(data, dtype=dtype)
        if dtype is None and not isinstance(data, np.ndarray | np.generic) and array.dtype == np.float64:
            array = array.astype(np.float32)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"Tensor: data must be numeric, got {type(data).__name__} with dtype {array.dtype}")
        _fill(self, array, None, 0, [0])
        if requires_grad:
            self.requires_grad_()

    # ---- what it is -------------------------------------------------------------------------------------------------
    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def dtype(self) -> np.dtype:
        return self._data.dtype

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def is_leaf(self) -> bool:
        return self._node is None

    def numel(self) -> int:
        """Number of elements."""
        return self._data.size

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        body = np.array2string(self._data, separator=", ", prefix="tensor(", precision=4)
        dtype = "" if self.dtype in (np.float32, np.int64, np.bool_) else f", dtype={self.dtype}"
        made_by = f", made_by={self._node.operation.name}" if self._node else ""
        leaf = ", requires_grad=True" if self.requires_grad and self._node is None else ""
        return f"tensor({body}{dtype}{made_by}{leaf})"

    def numpy(self) -> np.ndarray:
        """A read-only view: writing through it could silently corrupt a recorded graph. Copy it to own the values."""
        view = self._data.view()
        view.flags.writeable = False
        return view

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._data, dtype=dtype) if copy else np.asarray(self.numpy(), dtype=dtype)

    def item(self) -> Any:
        """The value of a one-element tensor as a Python number."""
        return self._data.item()

    def tolist(self) -> Any:
        return self._data.tolist()

    # ---- its place in the graph -------------------------------------------------------------------------------------
    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for a gradient on this leaf (or stop asking)."""
        if requires_grad and self._data.dtype.kind != "f":
            raise TypeError(f"requires_grad: only floating point tensors have gradients, this one is {self.dtype}")
        if self._node is not None and not requires_grad:
            raise RuntimeError("requires_grad_(False): this tensor is the result of an operation; use detach()")
        self.requires_grad = requires_grad
        return self

    def detach(self) -> Tensor:
        """The same memory, outside the graph."""
        return wrap(self._data, version=self._version)

    def retain_grad(self) -> None:
        """Keep the gradient of this interior tensor in ``grad`` too; leaves keep theirs anyway."""
        if not self.requires_grad:
            raise RuntimeError("retain_grad(): this tensor does not require a gradient")
        if self._node is not None:
            self._node.retained[self._index] = weakref.ref(self)

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Add d(self)/d(leaf) to ``grad`` of every leaf that requires a gradient.

        Args:
            gradient: the incoming gradient, same shape as this tensor; may be left out for a one-element tensor.
            retain_graph: keep the graph for a second call; otherwise its memory is released on the way.

        Raises:
            RuntimeError: no graph, a released graph, a saved array that was changed in place, a missing ``gradient``.
            ValueError: a ``gradient`` of the wrong shape.
        """
        for tensor, value in backpropagate(self, gradient, retain_graph):
            if tensor.grad is None:
                tensor.grad = wrap(value)
            else:
                tensor.grad._data += value

    # ---- changing it ------------------------------------------------------------------------------------------------
    def writable(self) -> np.ndarray:
        """The array itself, for in-place work; counted, so that backward() can tell that a saved value changed.

        Raises:
            RuntimeError: the tensor takes part in a graph and gradients are on.
        """
        if self.requires_grad and state.grad_enabled:
            raise RuntimeError(
                "in-place change of a tensor that requires a gradient: wrap it in no_grad(), or write the "
                "operation out of place (x = x + 1 instead of x.add_(1))"
            )
        self._version[0] += 1
        return self._data


def _fill(tensor: Tensor, data: np.ndarray, node: Node | None, index: int, version: list[int]) -> None:
    tensor._data = data
    tensor.requires_grad = node is not None
    tensor.grad = None
    tensor._node = node
    tensor._index = index
    tensor._version = version


def wrap(data: np.ndarray, node: Node | None = None, index: int = 0, version: list[int] | None = None) -> Tensor:
    """A Tensor around ``data`` without a copy: the engine's own constructor."""
    tensor = Tensor.__new__(Tensor)
    _fill(tensor, data, node, index, [0] if version is None else version)
    return tensor


def from_numpy(array: np.ndarray) -> Tensor:
    """A Tensor that shares memory with ``array``. Changes of ``array`` are not seen by the version check."""
    return wrap(np.asarray(array))


# An array as the graph knows it, without keeping it alive: (weak reference, the counter of in-place changes it shares
# with the tensors on that memory, what the counter stood at). A plain tuple, since every operation makes a few.
Memory = tuple["weakref.ref[np.ndarray]", list[int], int]


class Node:
    """One recorded operation: what went in, how gradients come back, what must not have changed since.

    An input that was computed is remembered as its node and the number of that node's output, not as a Tensor, so the
    graph keeps only those arrays alive that some backward closure has saved.
    """

    __slots__ = ("order", "operation", "inputs", "backward", "saved", "made", "retained", "origin")

    _count = itertools.count()

    def __init__(self, operation: OperationInfo, inputs: tuple, backward: Callable, tensors: list[Tensor]) -> None:
        self.order = next(Node._count)  # creation order is a topological order
        self.operation = operation
        # The differentiable arguments: a leaf, (node, output number), or None for a constant.
        self.inputs: list[Tensor | tuple[Node, int] | None] = [
            (given if given._node is None else (given._node, given._index))
            if isinstance(given, Tensor) and given.requires_grad
            else None
            for given in inputs
        ]
        self.backward: Callable | None = backward
        self.saved: list[Memory] = [(weakref.ref(t._data), t._version, t._version[0]) for t in tensors]
        self.made: list[tuple[Memory, tuple[int, ...], np.dtype]] = []  # the outputs, their shapes and dtypes
        self.retained: dict[int, weakref.ref[Tensor]] = {}
        self.origin = origin() if state.anomaly else None  # module path and source line

    def output(self, data: np.ndarray, version: list[int]) -> Tensor:
        """Wrap one more output of this node; ``version`` is shared when the output is a view of an input."""
        tensor = wrap(data, self, len(self.made), version)
        self.made.append(((weakref.ref(data), version, version[0]), data.shape, data.dtype))
        return tensor

    def pull_back(self, gradients: list[np.ndarray | None]) -> tuple:
        """Gradients of the outputs -> gradients of the inputs, one each (None where none is needed)."""
        if self.backward is None:
            raise RuntimeError(
                f"backward() a second time through {self.operation.name!r}: its saved values were released by the "
                "first call; pass retain_graph=True to the first call, or run the forward pass again"
            )
        self._check_versions()
        return self.backward(self.operation.needs_of(self.inputs), *gradients)

    def release(self) -> None:
        """Drop everything that was kept for the backward pass."""
        self.backward = None
        self.inputs = []
        self.saved = []

    def _check_versions(self) -> None:
        for reference, counter, version in (*self.saved, *(memory for memory, _, _ in self.made)):
            if counter[0] == version:
                continue
            array = reference()  # changed in place: an error only if this backward reads that memory
            if array is not None and any(np.may_share_memory(array, kept) for kept in _arrays_in(self.backward)):
                raise RuntimeError(
                    f"a tensor of shape {array.shape} that {self.operation.name!r} saved for its backward was changed "
                    f"in place (version {counter[0]}, saved at {version}): call backward() first, or change a clone()"
                )


def _arrays_in(value: Any) -> Iterator[np.ndarray]:
    """Every array a backward closure holds, also inside tuples, lists and nested functions."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _arrays_in(item)
    elif callable(value):
        for cell in getattr(value, "__closure__", None) or ():
            yield from _arrays_in(cell.cell_contents)


# ---- backpropagation ------------------------------------------------------------------------------------------------


class _Sum:
    """A gradient being summed: the first contribution by reference, an array of our own from the second on."""

    __slots__ = ("array", "owned")

    def __init__(self, array: np.ndarray | None = None, owned: bool = False) -> None:
        self.array: Any = array  # None until the first contribution
        self.owned = owned

    def add(self, contribution: np.ndarray, owned: bool = False) -> None:
        if self.array is None:
            self.array, self.owned = contribution, owned
        elif self.owned:
            self.array += contribution
        else:
            self.array, self.owned = np.asarray(self.array + contribution), True


def backpropagate(root: Tensor, gradient: Any = None, retain_graph: bool = False) -> list[tuple[Tensor, np.ndarray]]:
    """Walk the tape from ``root`` to the leaves; return each leaf reached (and retained tensor) with its gradient.

    Nothing is written into any ``grad``: that is the caller's part, so an error on the way leaves all as it was.  The
    arrays returned belong to the caller.  Arguments and errors as in ``Tensor.backward``.
    """
    seed = _seed(root, gradient)
    if root._node is None:
        return [(root, seed)]
    found: dict[int, tuple[Tensor, _Sum]] = {}
    pending = {root._node: [_Sum() for _ in root._node.made]}
    pending[root._node][root._index].add(seed)
    queue = [(-root._node.order, root._node)]  # newest first: every consumer of a value comes before its producer
    while queue:
        node = heapq.heappop(queue)[1]
        gradients = [total.array for total in pending.pop(node)]
        for index, reference in node.retained.items():
            tensor, value = reference(), gradients[index]
            if tensor is not None and value is not None:
                found[id(tensor)] = (tensor, _Sum(value.copy(), owned=True))
        if state.recorder is not None:
            state.recorder.backward(node, gradients)
        owners = {_owner(given) for given in gradients if given is not None}  # a leaf's gradient must not share memory
        for position, place, contribution in _contributions(node, gradients):
            shared = (owner := _owner(contribution)) in owners
            owners.add(owner)
            if isinstance(place, Tensor):
                total = found.setdefault(id(place), (place, _Sum()))[1]
                total.add(contribution, owned=not retain_graph and not shared)
            else:
                source, index = place
                if source not in pending:
                    pending[source] = [_Sum() for _ in source.made]
                    heapq.heappush(queue, (-source.order, source))
                total = pending[source][index]
                total.add(contribution)
            if state.recorder is not None:
                state.recorder.contribution(position, contribution, total.array)
        if not retain_graph:
            node.release()
    return [(tensor, total.array if total.owned else total.array.copy()) for tensor, total in found.values()]


def _owner(array: np.ndarray) -> int:
    """The identity of the array that owns this one's memory."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return id(array)


def _seed(root: Tensor, gradient: Any) -> np.ndarray:
    if not root.requires_grad:
        raise RuntimeError("backward(): this tensor does not depend on any tensor with requires_grad=True")
    if gradient is None:
        if root._data.size != 1:
            raise RuntimeError(
                f"backward() on a tensor of shape {root.shape} needs a gradient of that shape; only a one-element "
                "tensor has the default gradient 1"
            )
        return np.ones_like(root._data)
    seed = np.array(gradient._data if isinstance(gradient, Tensor) else gradient, dtype=root.dtype)
    if seed.shape != root.shape:
        raise ValueError(f"backward(): gradient has shape {seed.shape}, the tensor has {root.shape}")
    return seed


def _contributions(
    node: Node, gradients: list[np.ndarray | None]
) -> Iterator[tuple[int, Tensor | tuple[Node, int], np.ndarray]]:
    """Run one node backwards; yield each input's number, the input, and what it receives in its own shape and dtype."""
    results = node.pull_back(gradients)
    for position, (place, value) in enumerate(zip(node.inputs, results, strict=True)):
        if value is None or place is None:
            continue
        shape, dtype = (place.shape, place.dtype) if isinstance(place, Tensor) else place[0].made[place[1]][1:]
        value = np.asarray(value)  # arithmetic on 0-dimensional arrays gives NumPy scalars
        if value.shape != shape:
            if not node.operation.elementwise:
                raise AssertionError(f"{node.operation.name}: gradient {value.shape} for an input {shape}")
            value = unbroadcast(value, shape)
        if value.dtype != dtype:
            value = value.astype(dtype)
        if state.anomaly and not_finite_from([value], gradients):
            raise FloatingPointError(
                f"backward of {node.operation.name!r} made the first non-finite gradient{node.origin or ''}"
            )
        yield position, place, value


def unbroadcast(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum a gradient over the axes along which an operand of ``shape`` was broadcast: each copy contributed."""
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis] != 1)
    return np.asarray(gradient.sum(axis=stretched, keepdims=True) if stretched else gradient)


def grad(output: Tensor, inputs: Sequence[Tensor], gradient: Any = None, retain_graph: bool = False) -> list[Tensor]:
    """Gradients of ``output`` with respect to ``inputs``, leaves or interior, without touching any ``grad``.

    Raises:
        RuntimeError: an input that ``output`` does not depend on, and whatever ``Tensor.backward`` raises.
    """
    watched = [(t, t._node) for t in inputs if t._node is not None and t._index not in t._node.retained]
    for tensor, _ in watched:
        tensor.retain_grad()
    try:
        found = {id(tensor): value for tensor, value in backpropagate(output, gradient, retain_graph)}
    finally:
        for tensor, node in watched:
            node.retained.pop(tensor._index, None)
    for position, tensor in enumerate(inputs):
        if id(tensor) not in found:
            raise RuntimeError(f"grad(): the output does not depend on input {position} of shape {tensor.shape}")
    return [wrap(found[id(tensor)]) for tensor in inputs]
