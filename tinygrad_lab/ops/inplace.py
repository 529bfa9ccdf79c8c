"""Changes in place: ``x += y``, ``x[i] = y``, ``x.mul_(y)`` and relatives, on the tape as in torch.

Where a gradient is involved, the change is an operation like any other: it is recorded on a copy of the old values,
and the tensor takes over the result, values and history.  Tensors that look at the same memory would keep their old
history beside the new values; where there are such, the change is refused.
"""

from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np

from tinygrad_lab.memory import others
from tinygrad_lab.modes import state
from tinygrad_lab.ops import elementwise, indexing
from tinygrad_lab.ops.gate import TOLD_AGAIN, gated
from tinygrad_lab.ops.operation import Bool, Num, Result, operation
from tinygrad_lab.ops.shapes import expand
from tinygrad_lab.tensor import Tensor, unbroadcast, wrap
from tinygrad_lab.typing import Array, Gradients, Needs

AnyArray = Num[Array, "..."] | Bool[Array, "..."]
LEAF = (
    "in-place change of a tensor that requires a gradient: wrap it in no_grad(), or write the operation out of place "
    "(x = x + 1 instead of x.add_(1))"
)


@operation(rule="dinput = dy; dinput[key] = 0; dvalue = sum_like(dy[key], value)")
def setitem(input: AnyArray, value: AnyArray | float | int | bool, key: Any) -> Result:
    """A copy of ``input`` with ``value`` at ``key``: what ``input[key] = value`` makes."""
    out, shape = input.copy(), np.shape(value)
    numbers, rest = indexing.apart(key)
    _picked(out, numbers)[rest] = value

    def backward(needs: Needs, dy: Array) -> Gradients:
        dx = dy.copy()
        _picked(dx, numbers)[rest] = 0
        dv = unbroadcast(np.asarray(_picked(dy, numbers)[rest]), shape) if needs.value else None
        return dx if needs.input else None, dv

    return out, backward


def _picked(array: Array, numbers: Any) -> Array:
    """What the numbers of a key pick: a view, which has at least no dimension."""
    return array if numbers is None else array[numbers]


def change(name: str, x: Tensor, make: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """Give ``x`` the values, and where a gradient is involved the history, of ``make(x, *args)``.

    Raises:
        RuntimeError: a leaf that requires a gradient, or one that shares its memory, where gradients are on.
        TypeError: a result that the dtype of ``x`` cannot hold.
        ValueError: a result of another shape.
    """
    if state.grad_enabled and x._requires_grad and x._node is None:
        raise RuntimeError(LEAF)
    _check_writable(name, x)
    tracked = _tracked(x, *args, *kwargs.values())
    old = wrap(x._data.copy(order="K"), x._node, x._index) if tracked else x
    result = _fitting(name, x, make(old, *args, **kwargs))
    if result._requires_grad:
        _adopt(name, x, result)
    x._version[0] += 1
    x._data[...] = result._data
    return x


def _tracked(*values: Any) -> bool:
    return state.grad_enabled and any(isinstance(value, Tensor) and value._requires_grad for value in values)


def _check_writable(name: str, x: Tensor) -> None:
    if not x._data.flags.writeable:
        raise RuntimeError(f"{name}: the memory is read-only, or shared by places as after expand(): clone() it")


def _fitting(name: str, x: Tensor, result: Tensor) -> Tensor:
    """The result in the dtype of ``x``."""
    if result.shape != x.shape:
        raise ValueError(f"{name}: the result has shape {result.shape}, it must have that of the tensor, {x.shape}")
    if result.dtype == x.dtype:
        return result
    if not np.can_cast(result.dtype, x.dtype, "same_kind"):
        raise TypeError(f"{name}: the result is {result.dtype}, a tensor of {x.dtype} cannot hold it")
    return result.to(x.dtype)


def _adopt(name: str, x: Tensor, result: Tensor) -> None:
    """Take over where a result came from."""
    if alive := others(x._version, x):
        raise RuntimeError(
            f"{name}: {len(alive)} other tensor(s) look at this memory, as views do, and would lose the gradient: "
            "change a clone(), or write x[i] = x[i] + y instead of x[i] += y"
        )
    if x._node is not None and x._node.retained.pop(x._index, None) is not None and result._node is not None:
        result._node.retained[result._index] = ref(x)
    x._node, x._index, x._requires_grad = result._node, result._index, True


# ---- the methods ----------------------------------------------------------------------------------------------------


def in_place(name: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the method ``name`` that changes its tensor to what ``function`` makes of it."""

    def changed(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return change(name, self, function, *args, **kwargs)

    changed.__name__, changed.__doc__ = name, f"Change the tensor to the result of ``{name.rstrip('_')}``; return it."
    return changed


def assign(x: Tensor, key: Any, value: Any) -> None:
    """``x[key] = value``: broadcast, and in the dtype of ``x``."""
    key, value = indexing.plain_key(key), as_tensor(value, x.dtype)
    if _tracked(x, value):
        change("x[key] = value", x, setitem, value, key)
        return
    _check_writable("x[key] = value", x)
    numbers, rest = indexing.apart(key)
    try:
        _picked(x._data, numbers)[rest] = value._data
    except TOLD_AGAIN as error:
        raise setitem.info.gate.told_again(error, [x._data, value._data, key], {}) from error
    x._version[0] += 1


@gated
def copy_(x: Tensor, source: Any, non_blocking: bool = False) -> Tensor:
    """Take over the values of ``source``, broadcast and in this tensor's dtype."""
    source = as_tensor(source, x.dtype)
    if _tracked(x, source):
        return change("copy_", x, lambda old, new: expand(new, old.shape), source)
    _check_writable("copy_", x)
    x._data[...] = source._data
    x._version[0] += 1
    return x


@gated
def fill_(x: Tensor, value: float | int | bool | Tensor) -> Tensor:
    """Make every element ``value``; no gradient goes back to the values of before.

    Raises:
        ValueError: a tensor with dimensions.
    """
    if isinstance(value, Tensor):
        if value.ndim:
            raise ValueError(f"fill_: value must be a number, or a tensor without dimensions, got shape {value.shape}")
        return copy_(x, value)
    if _tracked(x):
        everywhere = np.ones(x.shape, bool)
        return change("fill_", x, lambda old: elementwise.masked_fill(old, everywhere, value))
    _check_writable("fill_", x)
    x._data.fill(value)
    x._version[0] += 1
    return x


def as_tensor(value: Any, dtype: np.dtype) -> Tensor:
    """Return ``value`` in a dtype, on the tape if it is there.

    Raises:
        TypeError: a list of tensors that need a gradient, which would be lost.
    """
    if isinstance(value, list | tuple) and any(_tracked(item) for item in value):
        raise TypeError("a list of tensors that need a gradient would lose it: stack() them first")
    return (value if isinstance(value, Tensor) else Tensor(value)).to(dtype)
