"""Operations that only move elements: reshape, permute, join, split, pad. Views wherever NumPy can make one."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.operation import Bool, Num, Result, operation
from tinygrad_lab.tensor import Tensor, unbroadcast
from tinygrad_lab.typing import Array, Backward, Gradients, Needs

AnyArray = Num[Array, "..."] | Bool[Array, "..."]

# ---- the same elements in another shape -----------------------------------------------------------------------------


@operation(rule="dinput = reshape(dy, shape(input))", view=True)
def reshape(input: AnyArray, shape: Sequence[int]) -> Result:
    """Return the same elements in row-major order; one size may be -1."""
    if min(shape, default=0) < -1:  # to NumPy any negative number is -1
        raise ValueError(f"a size must be at least 0, or -1, got {tuple(shape)}")
    before = input.shape  # backward needs no more: holding the array would forbid changing it

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (dy.reshape(before),)

    return input.reshape(shape), backward


@operation(rule="dinput = permute(dy, argsort(dims, input))", view=True)
def permute(input: AnyArray, dims: Sequence[int]) -> Result:
    """Dimension ``dims[i]`` becomes dimension i."""
    dims = normalize_axis_tuple(dims, input.ndim)

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (dy.transpose(np.argsort(dims)),)

    return input.transpose(dims), backward


@operation(rule="dinput = transpose(dy, dim0, dim1)", view=True)
def transpose(input: AnyArray, dim0: int, dim1: int) -> Result:
    """Swap two dimensions."""
    if input.ndim == 0:  # torch allows dimensions 0 and -1 of a number
        return input.view(), lambda _needs, dy: (dy,)

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (dy.swapaxes(dim0, dim1),)

    return input.swapaxes(dim0, dim1), backward


@operation(rule="dinput = sum_like(dy, input)", view=True)
def expand(input: AnyArray, size: Sequence[int]) -> Result:
    """Broadcast to ``size`` without a copy; -1 keeps a dimension as it is.

    Raises:
        ValueError: a size that the input cannot be broadcast to.
    """
    new = len(size) - input.ndim
    if new < 0 or any(given == -1 for given in size[:new]):
        raise ValueError(f"expand: size {tuple(size)} does not fit an input of shape {input.shape}")
    before = input.shape
    shape = (*size[:new], *(have if want == -1 else want for want, have in zip(size[new:], input.shape, strict=True)))

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (unbroadcast(dy, before),)

    return np.broadcast_to(input, shape), backward


@gated
def repeat(input: Tensor, repeats: Sequence[int]) -> Tensor:
    """Put ``repeats[d]`` copies one after the other along each dimension d; more of them than dimensions make new ones.

    Raises:
        ValueError: fewer than the dimensions, or a negative one.
    """
    new = len(repeats) - input.ndim
    if new < 0 or any(count < 0 for count in repeats):
        raise ValueError(f"repeat: repeats must be at least {input.ndim} numbers from 0 up, got {tuple(repeats)}")
    shape = (1,) * new + input.shape
    apart = reshape(input, [part for size in shape for part in (1, size)])  # (1, s0, 1, s1, ...)
    copies = expand(apart, [part for count, size in zip(repeats, shape, strict=True) for part in (count, size)])
    return reshape(copies, [count * size for count, size in zip(repeats, shape, strict=True)])


@gated
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Make one dimension of ``start_dim`` to ``end_dim``, both included."""
    if input.ndim == 0:
        return reshape(input, (1,))
    start, end = normalize_axis_index(start_dim, input.ndim), normalize_axis_index(end_dim, input.ndim)
    if start > end:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    shape = input.shape
    return reshape(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


@gated
def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Drop the dimensions of length one: all of them, or those named; a longer one stays."""
    chosen = range(input.ndim) if dim is None else normalize_axis_tuple(dim, input.ndim or 1)
    return reshape(input, [size for axis, size in enumerate(input.shape) if size != 1 or axis not in chosen])


@gated
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Insert a new dimension of length one at position ``dim``."""
    dim = normalize_axis_index(dim, input.ndim + 1)
    return reshape(input, (*input.shape[:dim], 1, *input.shape[dim:]))


# ---- joining and splitting ------------------------------------------------------------------------------------------


@operation(
    rule="dtensors[k] = narrow(dy, dim, start(tensors, k, dim), length(tensors[k], dim))",
    promotes=True,
)
def concatenate(*tensors: AnyArray, dim: int = 0) -> Result:
    """Join tensors along an existing dimension."""
    lengths = [array.shape[dim] for array in tensors]

    def backward(needs: Needs, dy: Array) -> Gradients:
        return tuple(np.split(dy, np.cumsum(lengths)[:-1], axis=dim))

    return np.concatenate(tensors, axis=dim), backward


@operation(rule="dinput = joined(dy, dim)", view=True, outputs=None)
def split_at(input: AnyArray, sizes: Sequence[int], dim: int) -> tuple[tuple[AnyArray, ...], Backward]:
    """Cut into consecutive pieces of the given sizes along ``dim``."""
    pieces = tuple(np.split(input, np.cumsum(sizes)[:-1], axis=dim))
    shapes, dtype = [piece.shape for piece in pieces], input.dtype

    def backward(needs: Needs, *dys: Array) -> Gradients:
        filled = [np.zeros(shape, dtype) if dy is None else dy for dy, shape in zip(dys, shapes, strict=True)]
        return (np.concatenate(filled, axis=dim),)

    return pieces, backward


@gated
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors along an existing dimension.

    Raises:
        ValueError: nothing to join, or shapes that differ in another dimension.
    """
    if not tensors:
        raise ValueError("cat: tensors must not be empty")
    shapes = [tensor._data.shape for tensor in tensors]
    distinct = set(shapes)
    if not all(distinct) or len(set(map(len, distinct))) > 1:
        raise ValueError(f"cat: tensors must all have as many dimensions, and at least one, got shapes {shapes}")
    dim = normalize_axis_index(dim, len(shapes[0]))
    if len(distinct) > 1 and len({(*shape[:dim], *shape[dim + 1 :]) for shape in distinct}) > 1:
        raise ValueError(f"cat: tensors must differ in dim {dim} only, got shapes {shapes}")
    return concatenate(*tensors, dim=dim)


@gated
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors of one shape along a new dimension.

    Raises:
        ValueError: nothing to join, or shapes that differ.
    """
    shapes = {tensor.shape for tensor in tensors}
    if len(shapes) != 1:
        raise ValueError(f"stack: tensors must be at least one, all of one shape, got shapes {sorted(shapes)}")
    return cat([unsqueeze(tensor, dim) for tensor in tensors], dim)


@gated
def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Cut into pieces along ``dim``: of one size (the last may be smaller), or of the sizes listed.

    Raises:
        ValueError: sizes that do not add up to the dimension, or a size that is not positive.
    """
    length, sizes = tensor.shape[dim], split_size_or_sections
    if isinstance(sizes, int):
        if sizes < 1:
            raise ValueError(f"split: split_size_or_sections must be positive, got {sizes}")
        sizes = [min(sizes, length - start) for start in range(0, length, sizes)] or [0]
    if sum(sizes) != length or min(sizes) < 0:
        raise ValueError(f"split: split_size_or_sections {list(sizes)} must add up to {length}, the size of dim {dim}")
    return split_at(tensor, sizes, dim)


@gated
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Cut into at most ``chunks`` pieces along ``dim``, equally long; the last may be shorter.

    Raises:
        ValueError: ``chunks`` is not positive.
    """
    if chunks < 1:
        raise ValueError(f"chunk: chunks must be positive, got {chunks}")
    length = input.shape[dim]
    return split(input, -(-length // chunks), dim) if length else split_at(input, [0] * chunks, dim)


@gated
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Return the slices along ``dim``, without that dimension."""
    if input.shape[dim] == 0:
        return ()
    return tuple(squeeze(piece, dim) for piece in split_at(input, [1] * input.shape[dim], dim))


# ---- moving elements ------------------------------------------------------------------------------------------------


@operation(rule="dinput[kept(pad, input)] = dy[inside(pad, dy)]")
def pad(input: AnyArray, pad: Sequence[int], mode: str = "constant", value: float | int = 0) -> Result:
    """Pad with a constant, (before, after) for the last dimension first, as torch does; negative crops.

    Raises:
        ValueError: another mode, or a ``pad`` that is not made of pairs for at most all dimensions.
    """
    if mode != "constant":
        raise ValueError(f"pad: mode must be 'constant', got {mode!r}")
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ValueError(f"pad: pad must have one pair for each of at most {input.ndim} dimensions, got {tuple(pad)}")
    pairs = [(0, 0)] * (input.ndim - len(pad) // 2) + list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    widths = [(max(before, 0), max(after, 0)) for before, after in pairs]
    kept = _inner([(max(-before, 0), max(-after, 0)) for before, after in pairs], input.shape)
    out, before = np.pad(input[kept], widths, constant_values=value), input.shape

    def backward(needs: Needs, dy: Array) -> Gradients:
        dx = np.zeros(before, dy.dtype)
        dx[kept] = dy[_inner(widths, dy.shape)]
        return (dx,)

    return out, backward


@operation(rule="dinput = flip(dy, dims)", view=True)
def flip(input: AnyArray, dims: int | Sequence[int]) -> Result:
    """Reverse the order of elements along ``dims``; a view, where torch copies."""
    dims = normalize_axis_tuple(dims, input.ndim)

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (np.flip(dy, dims),)

    return np.flip(input, dims), backward


@operation(rule="dinput = roll_back(dy, shifts, dims)")
def roll(input: AnyArray, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Result:
    """Move elements by ``shifts`` along ``dims``; those that fall off come back at the front.

    Raises:
        ValueError: not one shift for each dimension.
    """
    if (dims is not None and np.size(shifts) != np.size(dims)) or not np.size(shifts):
        raise ValueError(f"roll: shifts and dims must be equally many, and at least one, got {shifts} and {dims}")

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (np.roll(dy, np.negative(shifts), axis=dims),)

    return np.roll(input, shifts, axis=dims), backward


@operation(rule="dinput = tril(dy, diagonal)")
def tril(input: AnyArray, diagonal: int = 0) -> Result:
    """Keep the lower triangle of the last two dimensions, 0 above ``diagonal``."""

    _check_matrix("tril", input)

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (np.tril(dy, diagonal),)

    return np.tril(input, diagonal), backward


@operation(rule="dinput = triu(dy, diagonal)")
def triu(input: AnyArray, diagonal: int = 0) -> Result:
    """Keep the upper triangle of the last two dimensions, 0 below ``diagonal``."""

    _check_matrix("triu", input)

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (np.triu(dy, diagonal),)

    return np.triu(input, diagonal), backward


def _check_matrix(name: str, input: Array) -> None:
    if input.ndim < 2:
        raise ValueError(f"{name}: input must be a matrix, or a batch of them, got shape {input.shape}")


def _inner(widths: list[tuple[int, int]], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """What is left of an array of ``shape`` when ``widths`` are cut off at both ends."""
    return tuple(slice(before, size - after) for (before, after), size in zip(widths, shape, strict=True))
