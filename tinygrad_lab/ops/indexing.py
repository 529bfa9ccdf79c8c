"""Picking elements by index, and adding into chosen places. An element picked k times receives k gradients."""

from types import EllipsisType, NoneType
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.operation import Bool, Int, Num, Result, operation
from tinygrad_lab.ops.shapes import expand, flatten
from tinygrad_lab.tensor import Tensor, wrap
from tinygrad_lab.typing import Array, Gradients, Needs

AnyArray = Num[Array, "..."] | Bool[Array, "..."]
Indices = Int[Array, "..."]
BASIC = {int, slice, NoneType, EllipsisType}  # parts of a key that choose a view, and mean the same to NumPy and torch


@operation(rule="dinput[key] += dy", view=True)
def getitem(input: AnyArray, key: Any) -> Result:
    """``input[key]`` by NumPy's rules: slices (also backwards), None, ``...``, integer arrays, masks, any mixture."""
    keys = key if isinstance(key, tuple) else (key,)
    basic = BASIC.issuperset(map(type, keys)) or not any(isinstance(part, np.ndarray | list | bool) for part in keys)
    shape = input.shape  # backward needs no more: holding the array would forbid changing it

    def backward(needs: Needs, dy: Array) -> Gradients:
        dx = np.zeros(shape, dy.dtype)
        if basic:
            dx[key] = dy
        else:
            np.add.at(dx, key, dy)
        return (dx,)

    if basic and EllipsisType not in map(type, keys):
        key = (*keys, ...)  # then even a single element comes as a view of the input, not as a copied number
    return input[key], backward


def index(input: Tensor, key: Any) -> Tensor:
    """``input[key]``, where parts of the key may be integer or boolean Tensors."""
    if BASIC.issuperset(map(type, key if isinstance(key, tuple) else (key,))):
        return getitem(input, key)
    numbers, rest = apart(plain_key(key))
    return getitem(input if numbers is None else getitem(input, numbers), rest)


def apart(key: Any) -> tuple[Any, Any]:
    """Split a key with numbers beside index arrays in two: torch picks by the numbers first, then by the rest.

    NumPy takes a number there for one more index array, and puts the axes elsewhere.
    """
    keys = key if isinstance(key, tuple) else (key,)
    if not any(isinstance(part, np.ndarray) for part in keys) or not any(type(part) is int for part in keys):
        return None, key
    numbers: list[Any] = []
    for part in keys:
        if type(part) is int or part is Ellipsis:
            numbers.append(part)
        elif part is not None:
            axes = part.ndim if isinstance(part, np.ndarray) and part.dtype == bool else 1
            numbers += [slice(None)] * axes
    return tuple(numbers), tuple(part for part in keys if type(part) is not int)


def plain_key(key: Any) -> Any:
    """Replace Tensors in a key by copies of their arrays, since a backward must see today's indices.

    Raises:
        IndexError: an index that is not integer or boolean; a list of lists, which could mean two things.
    """
    if isinstance(key, tuple):
        return tuple(plain_key(part) for part in key)
    if isinstance(key, np.integer):
        return int(key)
    if isinstance(key, list) and any(isinstance(part, list | tuple | slice) for part in key):
        raise IndexError("index: a list of lists may mean one index array or several: write a tensor or a tuple")
    if isinstance(key, Tensor | np.ndarray | list):
        key = np.array(key)
        if key.dtype.kind == "f" and key.size:
            raise IndexError(f"index: tensors used as indices must be integer or boolean, got {key.dtype}")
        if key.dtype == np.uint8:
            raise IndexError("index: uint8 may mean a mask or places: convert it with .bool() or .long()")
        key = key.astype(np.int64) if key.dtype.kind == "f" else key
        return key if key.ndim or key.dtype == bool else int(key)  # one number picks as a number does
    return key


@operation(rule="dinput[along(index, dim)] += dy")
def gather(input: AnyArray, dim: int, index: Indices) -> Result:
    """out[i, j, k] = input[i, index[i, j, k], k] for dim 1: one index per output element; no broadcasting.

    Raises:
        ValueError: an index with another number of dimensions, or longer than the input in another one than ``dim``.
    """
    places, shape = _places("gather", input, dim, index), input.shape

    def backward(needs: Needs, dy: Array) -> Gradients:
        dx = np.zeros(shape, dy.dtype)
        np.add.at(dx, places, dy)
        return (dx,)

    return input[places], backward


@gated
def take_along_dim(input: Tensor, indices: Any, dim: int | None = None) -> Tensor:
    """``gather`` with input and indices broadcast together outside ``dim``; None works on the flattened tensor.

    Negative indices count from the end.
    """
    indices = indices if isinstance(indices, Tensor) else Tensor(indices)
    if dim is None:
        return gather(flatten(input), 0, flatten(indices))
    dim = normalize_axis_index(dim, input.ndim)

    def beside(shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:dim], 1, *shape[dim + 1 :])

    around = np.broadcast_shapes(beside(input.shape), beside(indices.shape))
    places = indices.numpy()
    _check_range("take_along_dim", places + input.shape[dim] * (places < 0), input.shape[dim])
    indices = Tensor(np.where(places < 0, places + input.shape[dim], places))
    ours, theirs = list(around), list(around)
    ours[dim], theirs[dim] = input.shape[dim], indices.shape[dim]
    return gather(expand(input, ours), dim, expand(indices, theirs))


@operation(
    rule="dinput[slices(index, dim, input)] += reshape(dy, shape(input)) if ndim(input) == 0 else dy",
)
def index_select(input: AnyArray, dim: int, index: Int[Array, "#n"]) -> Result:
    """Return the slices of ``input`` named by ``index``, along ``dim``; a number has one slice, itself.

    Raises:
        ValueError: an ``index`` that is not a vector or a number.
        IndexError: an entry outside ``dim``, or a negative one.
    """
    dim, index, shape = _slices("index_select", input, dim, index)

    def backward(needs: Needs, dy: Array) -> Gradients:
        dx = np.zeros(shape or 1, dy.dtype)
        np.add.at(np.moveaxis(dx, dim, 0), index, np.moveaxis(dy.reshape(dy.shape or 1), dim, 0))
        return (dx.reshape(shape),)

    picked = np.take(input.reshape(shape or 1), index, axis=dim)
    return picked if shape else picked.reshape(()), backward


@operation(rule="dinput = dy; dsrc[corner(index)] = dy[along(index, dim)]")
def scatter_add(input: AnyArray, dim: int, index: Indices, src: AnyArray) -> Result:
    """out = input, and for dim 1 out[i, index[i, j, k], k] += src[i, j, k]; the opposite of ``gather``.

    Raises:
        ValueError: an index that does not fit ``input`` or ``src``.
    """
    places = _places("scatter_add", input, dim, index)
    if index.ndim != src.ndim or any(i > s for i, s in zip(index.shape, src.shape, strict=True)):
        raise ValueError(f"scatter_add: index of shape {index.shape} does not fit src of shape {src.shape}")
    _check_dtypes("scatter_add", input, "src", src)
    used, shape = tuple(slice(size) for size in index.shape), src.shape
    out = input.copy()
    np.add.at(out, places, src[used])

    def backward(needs: Needs, dy: Array) -> Gradients:
        dsrc = None
        if needs.src:
            dsrc = np.zeros(shape, dy.dtype)
            dsrc[used] = dy[places]
        return dy if needs.input else None, dsrc

    return out, backward


@operation(
    rule="dinput = dy; dinput[along(index, dim)] = 0; dsrc[corner(index)] = dy[along(index, dim)]",
)
def scatter(input: AnyArray, dim: int, index: Indices, src: AnyArray | float | int) -> Result:
    """out = input, and for dim 1 out[i, index[i, j, k], k] = src[i, j, k], or the number ``src``.

    Of several values for one place the last one stays, and each of them gets that place's gradient, as in torch.

    Raises:
        ValueError: an index that does not fit ``input`` or ``src``; a ``src`` of another dtype.
    """
    places, used = _places("scatter", input, dim, index), tuple(slice(size) for size in index.shape)
    out = input.copy()
    shape: tuple[int, ...] = np.shape(src)
    if isinstance(src, np.ndarray):
        if index.ndim != src.ndim or any(i > s for i, s in zip(index.shape, shape, strict=True)):
            raise ValueError(f"scatter: index of shape {index.shape} does not fit src of shape {shape}")
        if src.dtype != input.dtype:
            raise ValueError(f"scatter: src is {src.dtype}, input is {input.dtype}; they must agree")
        out[places] = src[used]
    else:
        out[places] = src

    def backward(needs: Needs, dy: Array) -> Gradients:
        dinput = dsrc = None
        if needs.input:
            dinput = dy.copy()
            dinput[places] = 0
        if needs.src:
            dsrc = np.zeros(shape, dy.dtype)
            dsrc[used] = dy[places]
        return dinput, dsrc

    return out, backward


@operation(rule="dinput = dy; dsource = alpha * dy[slices(index, dim, input)]")
def index_add(
    input: AnyArray, dim: int, index: Int[Array, "#n"], source: AnyArray, *, alpha: float | int = 1
) -> Result:
    """out = input, and alpha times slice j of ``source`` added to slice index[j] of out, along ``dim``.

    Raises:
        ValueError: a ``source`` that does not have one slice, of the input's shape, for each entry of ``index``.
        IndexError: an entry outside ``dim``, or a negative one.
    """
    dim, index, shape = _slices("index_add", input, dim, index)
    wanted = (*shape[:dim], len(index), *shape[dim + 1 :]) if shape else ()
    if source.shape != wanted or (not shape and len(index) != 1):
        raise ValueError(f"index_add: source has shape {source.shape}, input and index need {wanted}")
    _check_dtypes("index_add", input, "source", source)
    factor = np.array(alpha).astype(source.dtype)[()]
    out = input.reshape(shape or 1).copy()
    np.add.at(np.moveaxis(out, dim, 0), index, np.moveaxis(source.reshape(wanted or 1) * factor, dim, 0))

    def backward(needs: Needs, dy: Array) -> Gradients:
        dsource = np.take(dy.reshape(shape or 1), index, axis=dim).reshape(wanted) * factor if needs.source else None
        return dy if needs.input else None, dsource

    return out.reshape(shape), backward


def _slices(name: str, input: Array, dim: int, index: Array) -> tuple[int, Array, tuple[int, ...]]:
    """Check ``dim`` and a vector of slices along it; return both as they are counted, and the shape of the input."""
    dim = _counted(name, dim, input.ndim)
    if index.ndim > 1:
        raise ValueError(f"{name}: index must be a vector, got shape {index.shape}")
    _check_range(name, index, input.shape[dim] if input.ndim else 1)
    return dim, index.reshape(-1), input.shape


def _counted(name: str, dim: int, ndim: int) -> int:
    if not -max(ndim, 1) <= dim < max(ndim, 1):
        raise IndexError(f"{name}: dim {dim} is out of range for an input of {ndim} dimensions")
    return dim % max(ndim, 1)


def _check_dtypes(name: str, input: Array, other: str, added: Array) -> None:
    if input.dtype != added.dtype:
        raise TypeError(f"{name}: {other} must have the dtype of input, {input.dtype}, got {added.dtype}")


def _check_range(name: str, index: Array, size: int) -> None:
    if index.size and not 0 <= (smallest := index.min()) <= (largest := index.max()) < size:
        wrong = smallest if smallest < 0 else largest
        raise IndexError(f"{name}: index {wrong} is out of range for a dimension of size {size}")


@gated
def nonzero(input: Tensor, as_tuple: bool = False) -> Tensor | tuple[Tensor, ...]:
    """Return where the elements that are not zero stand, row by row, (n, dims); or a tensor (n,) for each dimension."""
    if as_tuple:
        return tuple(wrap(places) for places in np.nonzero(np.atleast_1d(input._data)))
    return wrap(np.argwhere(input._data))


@gated
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Return int64 rows of zeros with a one at each class.    (*) -> (*, num_classes)

    Raises:
        TypeError: classes that are not integers.
        ValueError: a class outside [0, num_classes), or none to count the classes by where ``num_classes`` is -1.
    """
    classes = tensor._data
    if classes.dtype != np.int64:
        raise TypeError(f"one_hot: tensor: classes must be integers, got {classes.dtype}, and int64 at that")
    if num_classes == -1 and not classes.size:
        raise ValueError("one_hot: without any class num_classes must be given")
    count = int(classes.max()) + 1 if num_classes == -1 else num_classes
    if count < 1 or (classes < 0).any() or (classes >= count).any():
        raise ValueError(f"one_hot: classes must be in [0, {count}), they are in [{classes.min()}, {classes.max()}]")
    return wrap((classes[..., None] == np.arange(count)).astype(np.int64))


def _places(name: str, input: Array, dim: int, index: Array) -> tuple[Array, ...]:
    """One index array per dimension of ``input``: the given one along ``dim``, running numbers elsewhere."""
    dim = _counted(name, dim, input.ndim)
    others = [axis for axis in range(input.ndim) if axis != dim]
    if index.ndim != input.ndim or any(index.shape[axis] > input.shape[axis] for axis in others):
        raise ValueError(f"{name}: index of shape {index.shape} does not fit input of shape {input.shape} at dim {dim}")
    _check_range(name, index, input.shape[dim] if input.ndim else 1)
    running = np.ogrid[tuple(slice(size) for size in index.shape)]
    return tuple(index if axis == dim else running[axis] for axis in range(input.ndim))
