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
from tinygrad_lab.ops.operation import Bool, Num, Result, operation
from tinygrad_lab.ops.shapes import expand
from tinygrad_lab.tensor import Tensor, unbroadcast, wrap
from tinygrad_lab.typing import Array, Gradients, Needs

AnyArray = Num[Array, "..."] | Bool[Array, "..."]
LEAF = (
    "in-place change of a tensor that requires a gradient: wrap it in no_grad(), or write the operation out of place "
    "(x = x + 1 instead of x.add_(1))"
)


@operation(r"\bar x = \bar y \, [\text{not at key}] \qquad \bar v = \bar y_{key}")
def put(input: AnyArray, value: AnyArray | float | int | bool, key: Any) -> Result:
    """A copy of ``input`` with ``value`` at ``key``: what ``input[key] = value`` makes."""
    out, shape = input.copy(), np.shape(value)
    out[key] = value

    def backward(needs: Needs, dy: Array) -> Gradients:
        dx = dy.copy()
        dx[key] = 0
        return dx if needs.input else None, unbroadcast(np.asarray(dy[key]), shape) if needs.value else None

    return out, backward


def change(name: str, x: Tensor, make: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """Give ``x`` the values, and where a gradient is involved the history, of ``make(x, *args)``.

    Raises:
        RuntimeError: a leaf that requires a gradient, or one that shares its memory, where gradients are on.
        TypeError: a result that the dtype of ``x`` cannot hold.
        ValueError: a result of another shape.
    """
    if state.grad_enabled and x._requires_grad and x._node is None:
        raise RuntimeError(LEAF)
    tracked = state.grad_enabled and any(isinstance(v, Tensor) and v._requires_grad for v in (x, *args))
    old = wrap(x._data.copy(order="K"), x._node, x._index) if tracked else x
    result = _fitting(name, x, make(old, *args, **kwargs))
    if result._requires_grad:
        _adopt(name, x, result)
    x._version[0] += 1
    x._data[...] = result._data
    return x


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
    change("x[key] = value", x, put, as_tensor(value, x.dtype), indexing.plain_key(key))


def copy_(x: Tensor, source: Any) -> Tensor:
    """Take over the values of ``source``, broadcast and in this tensor's dtype."""
    return change("copy_", x, lambda old, new: expand(new, old.shape), as_tensor(source, x.dtype))


def fill_(x: Tensor, value: float | int | bool) -> Tensor:
    """Make every element ``value``; no gradient goes back to the values of before."""
    everywhere = np.ones(x.shape, bool)
    return change("fill_", x, lambda old: elementwise.masked_fill(old, everywhere, x.dtype.type(value).item()))


def as_tensor(value: Any, dtype: np.dtype) -> Tensor:
    """Return ``value`` in a dtype, on the tape if it is there."""
    return (value if isinstance(value, Tensor) else Tensor(value)).to(dtype)
