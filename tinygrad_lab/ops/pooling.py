"""Max and average pooling over two-dimensional windows.

A window of KH × KW is KH KW *taps*; tap (i, j) takes one pixel from every window at once, a strided slice of the image.
Pixels outside the image take part in no tap, so nothing is padded: a tap has a slice of the image and the slice of the
output whose windows it falls into.  Memory is (C, H, W, N), as in ``tinygrad_lab.ops.convolution``.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tinygrad_lab.ops.contraction import einsum
from tinygrad_lab.ops.kernels.selection import selected
from tinygrad_lab.ops.kernels.sliding import batch_first, batch_innermost
from tinygrad_lab.ops.operation import Float, Num, operation
from tinygrad_lab.ops.reductions import max as max_over
from tinygrad_lab.ops.shapes import pad, stack
from tinygrad_lab.ops.windows import Pair, alike, as_batch, pair
from tinygrad_lab.tensor import Tensor, wrap
from tinygrad_lab.typing import Array, Backward, Gradients, Needs

Slices = tuple[slice, slice, slice]  # of channels, rows, columns

CHUNK = 1 << 18  # pixels worked on at a time


class Axis(NamedTuple):
    """The windows along H or along W: ``outputs`` of them over ``size`` pixels."""

    size: int
    kernel: int
    stride: int
    padding: int
    dilation: int
    outputs: int

    def taps(self) -> Iterator[tuple[int, slice, slice]]:
        """Yield each tap's number, the windows that have it inside the image, and its place in those."""
        for tap in range(self.kernel):
            offset = tap * self.dilation - self.padding
            first = max(0, -(offset // self.stride))
            last = min(self.outputs - 1, (self.size - 1 - offset) // self.stride)
            if first <= last:
                start, stop = first * self.stride + offset, last * self.stride + offset + 1
                yield tap, slice(first, last + 1), slice(start, stop, self.stride)

    def first_taps(self) -> Array:
        """Return the number of each window's first tap inside the image."""
        outside = self.padding - np.arange(self.outputs) * self.stride
        return np.maximum(0, -(-outside // self.dilation))

    def pixels(self, taps: Array, dim: int = 0) -> Array:
        """Where a tap of each window falls, windows running along dimension ``dim`` of ``taps``."""
        windows = np.arange(self.outputs).reshape(-1, *[1] * (taps.ndim - 1 - dim))
        return taps.astype(np.int64) * self.dilation + windows * self.stride - self.padding

    @property
    def reach(self) -> int:
        """Pixels from the first tap of a window to its last."""
        return self.dilation * (self.kernel - 1) + 1

    def counts(self, include_pad: bool) -> Array:
        """Count the pixels in each window, with those of the padding (which ends ``padding`` after
        the image) or without.
        """
        first = np.arange(self.outputs) * self.stride - self.padding
        last = np.minimum(first + self.kernel, self.size + self.padding)
        return last - first if include_pad else np.minimum(last, self.size) - np.maximum(first, 0)


@operation(rule="dinput[winners(input, kernel_size, stride, padding, dilation, dy)] += dy")
def max_pool2d(
    input: Num[Array, "*n c h w"],
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> tuple[Num[Array, "*n c oh ow"], Backward]:
    """y = the largest pixel of each window.    (N, C, H, W) -> (N, C, OH, OW)

    Of several equal maxima the first in row-major order gets the gradient.  A NaN in a window is its maximum; the last
    one gets the gradient.  (Both as in torch.)

    Args:
        input: images, or one of them without N; pixels outside never win.
        kernel_size: size of the window.
        stride: step of the window; ``kernel_size`` unless given.
        padding: how far windows reach over the edge, at most half of ``kernel_size``.
        dilation: distance between the taps of a window.
        ceil_mode: whether a last window may reach over the lower or right edge.

    Raises:
        ValueError: arguments that do not fit together; the message has every dimension.
    """
    axes = _axes("max_pool2d", input, kernel_size, stride, padding, dilation, ceil_mode)
    x, ndim = batch_innermost(as_batch(input)), input.ndim
    shape, (rows, columns) = x.shape, axes
    y = np.empty(_output_shape(x, axes), x.dtype)
    winners = []
    for some in _channels(shape):
        best_of_rows, winners_of_rows = _largest(x[some], columns, 2)
        y[some], winners_of_columns = _largest(best_of_rows, rows, 1)
        winners.append((winners_of_rows, winners_of_columns))

    def backward(needs: Needs, dy: Array) -> Gradients:  # the winners are all it takes: the images are not kept
        dy, dx = batch_innermost(as_batch(dy)), np.zeros(shape, dy.dtype)
        for some, (winners_of_rows, winners_of_columns) in zip(_channels(shape), winners, strict=True):
            dbest_of_rows = np.zeros(winners_of_rows.shape, dy.dtype)
            _give_to_winners(dy[some], winners_of_columns, dbest_of_rows, rows, 1)
            _give_to_winners(dbest_of_rows, winners_of_rows, dx[some], columns, 2)
        return (alike(batch_first(dx), ndim),)

    return alike(batch_first(y), ndim), backward


def _largest(x: Array, axis: Axis, dim: int) -> tuple[Array, Array]:
    """The largest pixel of each window along one dimension, and the number of its tap, in a byte if it can be.

    Tap after tap challenges the best so far.  Numbers grow, so the last to win has the largest.
    """
    first = axis.first_taps()
    pixels = axis.pixels(first)
    best = x.take(np.minimum(pixels, axis.size - 1), dim)
    if (beside := pixels >= axis.size).any():  # windows whose taps all fall beside the image
        best[(*[slice(None)] * dim, beside)] = lowest(x.dtype)
    winners = np.empty(best.shape, np.min_scalar_type(axis.kernel))
    winners[...] = first.reshape(-1, *[1] * (x.ndim - 1 - dim))
    for tap, windows, pixels in axis.taps():
        if tap == 0:
            continue  # nobody is there to challenge
        challengers = _along(dim, x, pixels).copy()
        champions, champion_taps = _along(dim, best, windows), _along(dim, winners, windows)
        wins = challengers > champions
        wins |= np.isnan(challengers)
        np.maximum(champions, challengers, out=champions)
        np.maximum(champion_taps, wins * winners.dtype.type(tap), out=champion_taps)
    return best, winners


def lowest(dtype: np.dtype) -> float | int:
    """Return what never wins against a number of this dtype."""
    return -np.inf if dtype.kind == "f" else int(np.iinfo(dtype).min)


def _give_to_winners(dy: Array, winners: Array, dx: Array, axis: Axis, dim: int) -> None:
    """Add each window's gradient to the pixel that won it."""
    for tap, windows, pixels in axis.taps():
        target = _along(dim, dx, pixels)
        target += selected(_along(dim, dy, windows), _along(dim, winners, windows) == tap)


def _along(dim: int, x: Array, piece: slice) -> Array:
    """A slice of dimension ``dim``."""
    return x[(*[slice(None)] * dim, piece)]


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return what ``max_pool2d`` does, and where each maximum stands, counted row by row in its channel's image."""
    axes = _axes("max_pool2d", input, kernel_size, stride, padding, dilation, ceil_mode)
    rows, columns = axes
    best_of_rows, winners_of_rows = _largest(as_batch(input.numpy()), columns, 3)
    row = rows.pixels(_largest(best_of_rows, rows, 2)[1], 2)
    column = columns.pixels(winners_of_rows, 3)
    column = np.take_along_axis(column, np.minimum(row, rows.size - 1), 2)
    values = max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode)
    return values, wrap(alike(row * columns.size + column, input.ndim))


@max_pool2d.define
def max_pool2d_definition(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """Take the maximum over a stack of the window's taps."""
    axes = _axes("max_pool2d", input, kernel_size, stride, padding, dilation, ceil_mode)
    return alike(max_over(_stacked_taps(as_batch(input), axes, outside=lowest(input.dtype)), dim=0)[0], input.ndim)


@operation(
    rule="""
    k, l = pair(kernel_size)
    s, t = pair(stride if stride else kernel_size)
    p, q = pair(padding)
    i = range(k)
    j = range(l)
    if divisor_override is not None:
        dinput[..., s * h + i - p, t * w + j - q] += dy[..., h, w] / divisor_override
    elif p == 0 and q == 0 and not ceil_mode:
        dinput[..., s * h + i, t * w + j] += dy[..., h, w] / (k * l)
    else:
        n = window_sizes(length(input, -2), length(dy, -2), k, s, p, count_include_pad)
        m = window_sizes(length(input, -1), length(dy, -1), l, t, q, count_include_pad)
        dinput[..., s * h + i - p, t * w + j - q] += dy[..., h, w] / (n[h] * m[w])
    """,
)
def avg_pool2d(
    input: Float[Array, "*n c h w"],
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> tuple[Float[Array, "*n c oh ow"], Backward]:
    """y = the mean pixel of each window.    (N, C, H, W) -> (N, C, OH, OW)

    Args:
        input: images, or one of them without N; zero outside.
        kernel_size: size of the window.
        stride: step of the window; ``kernel_size`` unless given.
        padding: how far windows reach over the edge, at most half of ``kernel_size``.
        ceil_mode: whether a last window may reach over the lower or right edge.
        count_include_pad: whether zeros of the padding count as pixels in the mean.
        divisor_override: divides the sum in place of the number of pixels.

    Raises:
        ValueError: arguments that do not fit together; the message has every dimension.
    """
    axes = _axes("avg_pool2d", input, kernel_size, stride, padding, 1, ceil_mode)
    x, ndim = batch_innermost(as_batch(input)), input.ndim
    share = _share(axes, count_include_pad, divisor_override, x.dtype)
    y = np.zeros(_output_shape(x, axes), x.dtype)
    for _, windows, pixels in _taps(axes):
        y[windows] += x[pixels]
    y *= share

    def backward(needs: Needs, dy: Array) -> Gradients:
        dx = np.zeros(x.shape, dy.dtype)
        dy = batch_innermost(as_batch(dy)) * share
        for _, windows, pixels in _taps(axes):
            dx[pixels] += dy[windows]
        return (alike(batch_first(dx), ndim),)

    return alike(batch_first(y), ndim), backward


@avg_pool2d.define
def avg_pool2d_definition(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Sum a stack of the window's taps, times one over their number."""
    axes = _axes("avg_pool2d", input, kernel_size, stride, padding, 1, ceil_mode)
    share = Tensor(_share(axes, count_include_pad, divisor_override, input.dtype)[..., 0])
    return alike(einsum("tnchw,hw->nchw", _stacked_taps(as_batch(input), axes, outside=0.0), share), input.ndim)


# ---- windows --------------------------------------------------------------------------------------------------------


def _taps(axes: tuple[Axis, Axis]) -> Iterator[tuple[int, Slices, Slices]]:
    """Each tap in row-major order: its number, its windows, and its pixels, both as slices of (C, H, W, N)."""
    for row, rows_out, rows in axes[0].taps():
        for column, columns_out, columns in axes[1].taps():
            yield row * axes[1].kernel + column, (slice(None), rows_out, columns_out), (slice(None), rows, columns)


def _channels(shape: tuple[int, ...]) -> Iterator[slice]:
    """A few channels of (C, H, W, N) at a time, so that they stay in the cache from tap to tap."""
    step = max(1, CHUNK // max(1, math.prod(shape[1:])))
    return (slice(start, start + step) for start in range(0, shape[0], step))


def _stacked_taps(input: Tensor, axes: tuple[Axis, Axis], outside: float) -> Tensor:
    """(N, C, H, W) -> (KH KW, N, C, OH, OW)"""
    widths, slices = [], []
    for axis in axes:
        after = (axis.outputs - 1) * axis.stride + axis.reach - axis.size - axis.padding
        widths.append((axis.padding, max(after, 0)))
        ends = (axis.outputs - 1) * axis.stride + 1
        starts = range(0, axis.reach, axis.dilation)
        slices.append([slice(start, start + ends, axis.stride) for start in starts])
    padded = pad(input, (*widths[1], *widths[0]), value=outside)
    return stack([padded[:, :, rows, columns] for rows in slices[0] for columns in slices[1]], 0)


def _output_shape(x: Array, axes: tuple[Axis, Axis]) -> tuple[int, ...]:
    return len(x), axes[0].outputs, axes[1].outputs, x.shape[-1]


def _share(axes: tuple[Axis, Axis], include_pad: bool, divisor: int | None, dtype: np.dtype) -> Array:
    """(OH, OW, 1): one over the number of pixels in each window, or over the divisor given."""
    if divisor == 0:
        raise ValueError("avg_pool2d: divisor_override must not be 0")
    counts = np.outer(axes[0].counts(include_pad), axes[1].counts(include_pad))
    return (1.0 / (counts if divisor is None else np.full_like(counts, divisor))).astype(dtype)[..., None]


def _axes(
    caller: str,
    input: Array | Tensor,
    kernel_size: Pair,
    stride: Pair | None,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
) -> tuple[Axis, Axis]:
    if input.ndim not in (3, 4):
        raise ValueError(f"{caller}: input must be (N, C, H, W) or (C, H, W), got {input.shape}")
    kernels = pair(caller, "kernel_size", kernel_size, 1)
    strides = kernels if not stride and stride != 0 else pair(caller, "stride", stride, 1)
    paddings, dilations = pair(caller, "padding", padding, 0), pair(caller, "dilation", dilation, 1)
    settings = zip(input.shape[-2:], kernels, strides, paddings, dilations, strict=True)
    height, width = (_axis(caller, ceil_mode, *setting) for setting in settings)
    return height, width


def _axis(caller: str, ceil_mode: bool, size: int, kernel: int, stride: int, padding: int, dilation: int) -> Axis:
    what = f"size {size}, kernel_size {kernel}, stride {stride}, padding {padding}, dilation {dilation}"
    if padding > kernel // 2:
        raise ValueError(f"{caller}: padding must be at most half of kernel_size, got {what}")
    steps = size + 2 * padding - dilation * (kernel - 1) - 1
    outputs = (steps + stride - 1 if ceil_mode else steps) // stride + 1
    if ceil_mode and (outputs - 1) * stride >= size + padding:
        outputs -= 1  # no window starts beyond the image
    if outputs < 1:
        raise ValueError(f"{caller}: the window is larger than the padded input: {what}")
    return Axis(size, kernel, stride, padding, dilation, outputs)
