"""What Python's operators and built-in functions make of a Tensor: ``x + y``, ``x[i]``, ``len(x)``, ``float(x)``."""

import operator
import typing
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_lab.ops import contraction, elementwise, indexing, queries, rounding, shapes
from tinygrad_lab.ops.kinds import what_is
from tinygrad_lab.tensor import Tensor, wrap


def _reflected(function: Callable[[Any, Any], Tensor]) -> Callable[[Tensor, Any], Tensor]:
    return lambda self, other: function(other, self)


class TensorOperators:
    """What every Tensor can do without being named."""

    __slots__ = ()

    _data: np.ndarray  # what the operators know of a Tensor

    __array_ufunc__ = None  # so that array * tensor reaches __rmul__ below
    __hash__ = object.__hash__  # by identity, although == compares elements

    __add__ = elementwise.add
    __sub__ = elementwise.subtract
    __mul__ = elementwise.multiply
    __truediv__ = elementwise.divide
    __floordiv__ = rounding.floor_divide
    __mod__ = rounding.remainder
    __pow__ = elementwise.power
    __matmul__ = contraction.matmul
    __radd__ = _reflected(elementwise.add)
    __rsub__ = _reflected(elementwise.subtract)
    __rmul__ = _reflected(elementwise.multiply)
    __rtruediv__ = _reflected(elementwise.divide)
    __rfloordiv__ = _reflected(rounding.floor_divide)
    __rmod__ = _reflected(rounding.remainder)
    __rpow__ = _reflected(elementwise.power)
    __rmatmul__ = _reflected(contraction.matmul)
    __neg__ = elementwise.negative
    __abs__ = elementwise.abs
    __getitem__ = indexing.index
    __eq__ = eq = queries.comparison(operator.eq, "==")  # type: ignore[assignment]  # object says bool, arrays compare
    __ne__ = ne = queries.comparison(operator.ne, "!=")  # type: ignore[assignment]  # element by element
    __lt__ = lt = queries.comparison(operator.lt, "<")
    __le__ = le = queries.comparison(operator.le, "<=")
    __gt__ = gt = queries.comparison(operator.gt, ">")
    __ge__ = ge = queries.comparison(operator.ge, ">=")
    __and__ = __rand__ = queries.comparison(operator.and_, "&")  # bit by bit, for integers and booleans
    __or__ = __ror__ = queries.comparison(operator.or_, "|")
    __xor__ = __rxor__ = queries.comparison(operator.xor, "^")

    def __invert__(self) -> Tensor:
        if self._data.dtype.kind == "f":
            raise TypeError(f"invert: input must be a boolean or integer tensor, got {what_is(self)}")
        return wrap(np.asarray(~self._data))

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.ndim:
            raise TypeError("iteration over a tensor without dimensions")
        return iter(shapes.unbind(typing.cast(Tensor, self)))

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise ValueError(f"the truth of a tensor of shape {self._data.shape} is ambiguous: use any() or all()")
        return bool(self._data.item() != 0)

    def __float__(self) -> float:
        if self._data.size != 1:
            raise ValueError(f"float() of a tensor of shape {self._data.shape}: it must have one element")
        return float(self._data.item())

    def __index__(self) -> int:
        if self._data.size != 1 or self._data.dtype.kind not in "iub":
            raise TypeError(f"only an integer tensor with one element is an index, this is {what_is(self)}")
        return int(self._data.item())

    def __int__(self) -> int:
        if self._data.size != 1:
            raise ValueError(f"int() of a tensor of shape {self._data.shape}: it must have one element")
        return int(self._data.item())

    def __format__(self, spec: str) -> str:
        """``f"{loss:.3f}"``: a tensor without dimensions is written as its number."""
        if not self._data.ndim:
            return format(self._data.item(), spec)
        if spec:
            raise TypeError(f"the format {spec!r} is one for numbers, this tensor has shape {self._data.shape}")
        return repr(self)

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("len() of a tensor without dimensions")
        return len(self._data)
