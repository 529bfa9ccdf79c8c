"""Tensor's methods, with torch's names: thin names for the functions of the other files.

``tensor.py`` stands below the operations and cannot import them, so they are put on ``Tensor`` from here.  A static
type checker sees ``TensorMethods`` as a base class of ``Tensor``.
"""

import builtins
import operator
import typing
from typing import Any

import numpy as np

from tinygrad_lab.modes import state
from tinygrad_lab.ops import (
    activation,
    contraction,
    elementwise,
    indexing,
    inplace,
    queries,
    reductions,
    rounding,
    shapes,
    sorting,
)
from tinygrad_lab.ops.casting import cast
from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.kinds import what_is
from tinygrad_lab.ops.operators import TensorOperators
from tinygrad_lab.ops.softmax import log_softmax, softmax
from tinygrad_lab.tensor import Tensor, wrap


def _sizes(given: tuple[Any, ...]) -> tuple[Any, ...]:
    """``x.reshape(2, 3)`` and ``x.reshape((2, 3))`` mean the same."""
    return tuple(given[0]) if len(given) == 1 and isinstance(given[0], tuple | list) else given


class TensorMethods(TensorOperators):
    """What every Tensor can do."""

    __slots__ = ()

    _data: np.ndarray  # what the methods know of a Tensor
    _node: Any
    _version: list[int]
    requires_grad: builtins.bool  # here bool and float are methods

    # ---- elementwise ------------------------------------------------------------------------------------------------
    add = elementwise.add
    sub = subtract = elementwise.subtract
    mul = multiply = elementwise.multiply
    div = divide = elementwise.divide
    pow = elementwise.power
    neg = negative = elementwise.negative
    exp = elementwise.exp
    expm1 = elementwise.expm1
    log = elementwise.log
    log1p = elementwise.log1p
    log2 = rounding.log2
    log10 = rounding.log10
    sqrt = elementwise.sqrt
    rsqrt = elementwise.rsqrt
    sin = elementwise.sin
    cos = elementwise.cos
    abs = elementwise.abs
    square = elementwise.square
    reciprocal = elementwise.reciprocal
    floor = rounding.floor
    ceil = rounding.ceil
    round = rounding.round
    sign = rounding.sign
    floor_divide = rounding.floor_divide
    remainder = rounding.remainder
    isnan = queries.isnan
    isinf = queries.isinf
    isfinite = queries.isfinite
    allclose = queries.allclose
    equal = queries.equal
    maximum = elementwise.maximum
    minimum = elementwise.minimum
    clamp = elementwise.clamp
    masked_fill = elementwise.masked_fill
    relu = activation.relu
    sigmoid = activation.sigmoid
    tanh = activation.tanh
    softmax = softmax
    log_softmax = log_softmax

    def where(self, condition: Any, other: Any) -> Tensor:
        """self where condition holds, other elsewhere."""
        return elementwise.where(condition, self, other)

    logical_and = queries.logical("logical_and", np.logical_and)  # whether elements are zero, of any kind
    logical_or = queries.logical("logical_or", np.logical_or)
    logical_xor = queries.logical("logical_xor", np.logical_xor)

    # ---- reductions -------------------------------------------------------------------------------------------------
    sum = reductions.sum
    mean = reductions.mean
    var = reductions.var
    std = reductions.std
    prod = reductions.prod
    norm = reductions.norm
    max = reductions.max
    min = reductions.min
    amax = reductions.amax
    amin = reductions.amin
    argmax = reductions.argmax
    argmin = reductions.argmin
    logsumexp = reductions.logsumexp
    cumsum = reductions.cumsum
    sort = sorting.sort
    argsort = sorting.argsort
    topk = sorting.topk

    @gated
    def any(self, dim: Any = None, keepdim: Any = False) -> Tensor:
        """Tell whether some element is not zero."""
        return queries.truth(np.any, self, dim, keepdim)

    @gated
    def all(self, dim: Any = None, keepdim: Any = False) -> Tensor:
        """Tell whether no element is zero."""
        return queries.truth(np.all, self, dim, keepdim)

    # ---- shapes and indexing ----------------------------------------------------------------------------------------
    transpose = shapes.transpose
    flatten = shapes.flatten
    squeeze = shapes.squeeze
    unsqueeze = shapes.unsqueeze
    split = shapes.split
    chunk = shapes.chunk
    unbind = shapes.unbind
    roll = shapes.roll
    tril = shapes.tril
    triu = shapes.triu
    gather = indexing.gather
    index_select = indexing.index_select
    index_add = indexing.index_add
    scatter_add = indexing.scatter_add
    scatter = indexing.scatter
    nonzero = indexing.nonzero
    take_along_dim = indexing.take_along_dim
    matmul = contraction.matmul
    bmm = contraction.bmm
    outer = contraction.outer

    def reshape(self, *shape: Any) -> Tensor:
        """Return the same elements in row-major order; a view where the memory layout allows one."""
        return shapes.reshape(self, _sizes(shape))

    view = reshape  # any strides are accepted: the layout never shows in shapes

    def repeat(self, *repeats: Any) -> Tensor:
        """Put copies one after the other along each dimension."""
        return shapes.repeat(typing.cast(Tensor, self), _sizes(repeats))

    def permute(self, *dims: Any) -> Tensor:
        """Dimension ``dims[i]`` becomes dimension i."""
        return shapes.permute(self, _sizes(dims))

    def expand(self, *sizes: Any) -> Tensor:
        """Broadcast without a copy; -1 keeps a dimension."""
        return shapes.expand(self, _sizes(sizes))

    @gated
    def flip(self, *given: Any, dims: Any = None) -> Tensor:
        """Reverse the order of elements along ``dims``."""
        return shapes.flip(self, _sizes(given) if dims is None else dims)

    @property
    def T(self) -> Tensor:  # noqa: N802
        """All dimensions in reverse order."""
        return shapes.permute(self, tuple(reversed(range(self.ndim))))

    @property
    def mT(self) -> Tensor:  # noqa: N802
        """The last two dimensions swapped."""
        return shapes.transpose(self, -2, -1)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim

    def dim(self) -> int:
        """Return the number of dimensions."""
        return self.ndim

    def numel(self) -> int:
        """Return the number of elements."""
        return self._data.size

    def size(self, dim: Any = None) -> Any:
        """Return the shape, or the length of one dimension."""
        if dim is None:
            return self._data.shape
        try:
            return self._data.shape[operator.index(dim)]
        except TypeError:
            raise TypeError(f"size: dim must be an int, got {what_is(dim)}") from None
        except IndexError:
            raise IndexError(f"size: dim {dim} is out of range for input of shape {self._data.shape}") from None

    # ---- out of the engine ------------------------------------------------------------------------------------------
    def __repr__(self) -> str:
        body = np.array2string(self._data, separator=", ", prefix="tensor(", precision=4)
        dtype = "" if self._data.dtype in (np.float32, np.int64, np.bool_) else f", dtype={self._data.dtype}"
        made_by = f", made_by={self._node.operation.name}" if self._node else ""
        leaf = ", requires_grad=True" if self.requires_grad and self._node is None else ""
        return f"tensor({body}{dtype}{made_by}{leaf})"

    def numpy(self) -> np.ndarray:
        """Return a read-only view: writes could corrupt a graph. Copy it to own the values."""
        view = self._data.view()
        view.flags.writeable = False
        return view

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._data, dtype=dtype) if copy else np.asarray(self.numpy(), dtype=dtype)

    @gated
    def item(self) -> Any:
        """Return the value of a one-element tensor as a Python number."""
        return self._data.item()

    def tolist(self) -> Any:
        """Return the values as Python numbers, in lists of lists; a tensor without dimensions as a number."""
        return self._data.tolist()

    # ---- dtype and copies -------------------------------------------------------------------------------------------
    @gated
    def to(self, *given: Any, dtype: Any = None, copy: builtins.bool = False) -> Tensor:
        """Return the same values as ``dtype``: this very tensor if it is so already, otherwise a copy.

        As in torch the dtype may be another tensor's, "cpu" may stand before it, and ``non_blocking`` and ``copy``
        behind it.
        """
        this = typing.cast(Tensor, self)
        given = given[1:] if given and isinstance(given[0], str) and given[0] == "cpu" else given
        wanted, *flags = given or (dtype,)
        dtype = this.dtype if wanted is None else wanted.dtype if isinstance(wanted, Tensor) else np.dtype(wanted)
        if this.dtype == dtype and not (copy or flags[1:] == [True]):
            return this
        return cast(this if dtype.kind == "f" else this.detach(), dtype)

    def cpu(self) -> Tensor:
        """Return the tensor itself: it is there already."""
        return typing.cast(Tensor, self)

    @gated
    def new_zeros(self, *size: Any, dtype: Any = None) -> Tensor:
        """Return zeros of another shape in this tensor's dtype, or in the one given."""
        return wrap(np.zeros(_sizes(size), dtype or self._data.dtype))

    @gated
    def new_full(self, size: Any, fill_value: Any, dtype: Any = None) -> Tensor:
        """Return one value, in another shape and this tensor's dtype, or in the one given."""
        return wrap(np.full(size, fill_value, dtype or self._data.dtype))

    def __copy__(self) -> Tensor:
        this = typing.cast(Tensor, self)
        this._check_leaf("copy")
        made, of = this.__reduce__()
        return typing.cast(Tensor, made(*of))

    def clone(self) -> Tensor:
        """Return a copy of the values that passes gradients on."""
        return cast(self, self._data.dtype)

    def contiguous(self) -> Tensor:
        """Return this tensor if its memory is in row-major order, otherwise a copy that is."""
        return typing.cast(Tensor, self) if self._data.flags.c_contiguous else self.clone()

    def float(self) -> Tensor:
        """Return the same values as float32; see ``to``."""
        return self.to(np.float32)

    def double(self) -> Tensor:
        """Return the same values as float64; see ``to``."""
        return self.to(np.float64)

    def long(self) -> Tensor:
        """Return the same values as int64, outside the graph; see ``to``."""
        return self.to(np.int64)

    def bool(self) -> Tensor:
        """Return which elements are not 0, outside the graph; see ``to``."""
        return self.to(np.bool_)

    # ---- in place ---------------------------------------------------------------------------------------------------
    def writable(self) -> np.ndarray:
        """Return the array itself, for work in place; the change is counted, and ``backward()`` sees it.

        Raises:
            RuntimeError: the tensor takes part in a graph and gradients are on.
        """
        if self.requires_grad and state.grad_enabled:
            raise RuntimeError(inplace.LEAF)
        self._version[0] += 1
        return self._data

    add_ = __iadd__ = inplace.in_place("add_", elementwise.add)
    sub_ = __isub__ = inplace.in_place("sub_", elementwise.subtract)
    mul_ = __imul__ = inplace.in_place("mul_", elementwise.multiply)
    div_ = __itruediv__ = inplace.in_place("div_", elementwise.divide)
    pow_ = __ipow__ = inplace.in_place("pow_", elementwise.power)
    neg_ = inplace.in_place("neg_", elementwise.negative)
    abs_ = inplace.in_place("abs_", elementwise.abs)
    exp_ = inplace.in_place("exp_", elementwise.exp)
    log_ = inplace.in_place("log_", elementwise.log)
    sqrt_ = inplace.in_place("sqrt_", elementwise.sqrt)
    rsqrt_ = inplace.in_place("rsqrt_", elementwise.rsqrt)
    square_ = inplace.in_place("square_", elementwise.square)
    reciprocal_ = inplace.in_place("reciprocal_", elementwise.reciprocal)
    clamp_ = inplace.in_place("clamp_", elementwise.clamp)
    relu_ = inplace.in_place("relu_", activation.relu)
    sigmoid_ = inplace.in_place("sigmoid_", activation.sigmoid)
    tanh_ = inplace.in_place("tanh_", activation.tanh)
    masked_fill_ = inplace.in_place("masked_fill_", elementwise.masked_fill)
    index_add_ = inplace.in_place("index_add_", indexing.index_add)
    scatter_add_ = inplace.in_place("scatter_add_", indexing.scatter_add)
    __setitem__ = inplace.assign
    copy_ = inplace.copy_
    fill_ = inplace.fill_

    def zero_(self) -> Tensor:
        """Make every element 0."""
        return inplace.fill_(typing.cast(Tensor, self), 0)


def install(tensor_class: type) -> None:
    """Put the operators and methods on ``tensor_class``."""
    kept = {
        "__module__", "__doc__", "__slots__", "__qualname__", "__annotations__", "__firstlineno__",
        "__static_attributes__",
    }  # fmt: skip
    for name, value in (vars(TensorOperators) | vars(TensorMethods)).items():
        if name not in kept:
            setattr(tensor_class, name, value)


install(Tensor)
