"""The three products of a sliding window: correlate, its adjoint scatter, and the gradient of the weight.

A convolution is linear in the image x and in the weight w.  With <·, ·> the sum of elementwise products,

    <correlate(x, w), y>  =  <x, scatter(y, w)>  =  <w, weight_gradient(x, y)>

so these three functions are the forward and the backward of both ``conv2d`` and ``conv_transpose2d``.

Memory is laid out as (C, H, W, N), the batch innermost, so every copy below moves runs of at least N numbers.  Work
goes in *bands* of b output rows.  The input rows under a band are copied out once per horizontal tap (im2col along W
only) and multiplied by the weight written b times into a matrix, one stride lower each time:

    band (F b, OW N)  =  spread weight (F b, C S KW)  @  columns (C S KW, OW N)        S = (b - 1) stride + KH rows

With b = 1 this is plain im2col.  A larger b multiplies by some zeros, but gives the matrix product more rows (BLAS is
slow on the 6 or 16 of a first layer) and copies each input row less often; ``band_rows`` holds the rule.  In no case is
there more than one band of columns in memory.

Those zeros are multiplied by pixels that have no part in an output: infinity or NaN would spoil it.  An image with such
pixels is worked on with b = 1 (``finite``).
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinygrad_lab.typing import Array

GEMM_ROWS = 64  # more rows than this no longer make a small product faster (measured with NumPy's OpenBLAS)


class Window(NamedTuple):
    """How the kernel slides over the (already padded) image: a pair (along H, along W) of each."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    def outputs(self, size: Sequence[int]) -> tuple[int, int]:
        """Count the positions along H and W in a padded image of ``size``."""
        parts = zip(size, self.kernel, self.stride, self.dilation, strict=True)
        height, width = ((n - d * (k - 1) - 1) // s + 1 for n, k, s, d in parts)
        return height, width

    def band_rows(self, filters: int) -> int:
        """Return the output rows per product: they fill ``GEMM_ROWS``, with fewer zeros than weights."""
        if self.dilation[0] > 1:
            return 1
        return max(1, min(GEMM_ROWS * self.groups // filters, (self.kernel[0] - 1) // self.stride[0]))

    def bands(self, filters: int, rows: int, whole: bool = True) -> Iterator[tuple[int, int]]:
        """Yield (first output row, number of output rows) of each band; without ``whole`` one row each."""
        step = self.band_rows(filters) if whole else 1
        return ((first, min(step, rows - first)) for first in range(0, rows, step))

    def span(self, rows: int) -> int:
        """Return S, the number of input rows that take part in a band."""
        return (rows - 1) * self.stride[0] + self.kernel[0]

    def under(self, first: int, rows: int) -> slice:
        """Return those input rows.  (More than one output row implies a vertical dilation of 1, see
        ``band_rows``.)
        """
        top, step = first * self.stride[0], self.dilation[0]
        return slice(top, top + (self.span(rows) - 1) * step + 1, step)

    def across(self, tap: int, width: int) -> slice:
        """Return the input columns that tap ``tap`` of a row meets at ``width`` output positions."""
        left, step = tap * self.dilation[1], self.stride[1]
        return slice(left, left + (width - 1) * step + 1, step)


def finite(x: Array) -> bool:
    """Tell whether all numbers are finite and far from overflow: their squares add up to a finite number."""
    return math.isfinite(np.vdot(x, x))


def batch_innermost(x: Array) -> Array:
    """(N, C, H, W) in any memory layout -> (C, H, W, N) contiguous; no copy if it was laid out so."""
    return np.ascontiguousarray(x.transpose(1, 2, 3, 0))


def batch_first(x: Array) -> Array:
    """(C, H, W, N) -> (N, C, H, W), a view."""
    return x.transpose(3, 0, 1, 2)


def correlate(x: Array, weight: Array, bias: Array | None, window: Window) -> Array:
    """(C, H, W, N), (F, C / groups, KH, KW), (F,) -> (F, OH, OW, N)"""
    filters, batch = len(weight), x.shape[-1]
    height, width = window.outputs(x.shape[1:3])
    y = np.empty((filters, height, width, batch), np.result_type(x, weight))
    shift = y.dtype.type(0) if bias is None else bias[:, None, None, None]
    for first, rows in window.bands(filters, height, finite(x)):
        band = _spread(weight, rows, window) @ _columns(x, first, rows, width, window)
        np.add(band.reshape(filters, rows, width, batch), shift, out=y[:, first : first + rows])
    return y


def scatter(y: Array, weight: Array, size: tuple[int, int], window: Window) -> Array:
    """(F, OH, OW, N), (F, C / groups, KH, KW) -> (C, H, W, N) with (H, W) = ``size``: the adjoint of ``correlate``."""
    filters, height, width, batch = y.shape
    channels, taps = weight.shape[1] * window.groups, window.kernel[1]
    x = np.zeros((channels, *size, batch), np.result_type(y, weight))
    for first, rows in window.bands(filters, height, finite(y)):
        columns = _spread(weight, rows, window).swapaxes(1, 2) @ _band(y, first, rows, window)
        columns = columns.reshape(channels, window.span(rows), taps, width, batch)
        under = x[:, window.under(first, rows)]
        for tap in range(taps):
            under[:, :, window.across(tap, width)] += columns[:, :, tap]
    return x


def weight_gradient(x: Array, y: Array, window: Window) -> Array:
    """(C, H, W, N), (F, OH, OW, N) -> (F, C / groups, KH, KW)"""
    filters, height, width, _ = y.shape
    channels, groups, (taps_down, taps) = len(x) // window.groups, window.groups, window.kernel
    total = np.zeros((groups, channels, taps_down, taps, filters // groups), np.result_type(x, y))
    for first, rows in window.bands(filters, height):
        # the long sum is over OW N; BLAS is up to twice as fast with the wider factor (the columns) on the left
        spread = _columns(x, first, rows, width, window) @ _band(y, first, rows, window).swapaxes(1, 2)
        spread = spread.reshape(groups, channels, window.span(rows), taps, filters // groups, rows)
        for row in range(rows):
            top = row * window.stride[0]
            total += spread[:, :, top : top + taps_down, ..., row]
    return np.ascontiguousarray(total.transpose(0, 4, 1, 2, 3)).reshape(filters, channels, taps_down, taps)


def gradients(
    x: Array, weight: Array, dy: Array, window: Window, needs_x: bool, needs_weight: bool
) -> tuple[Array | None, Array | None]:
    """Return both gradients, where they are needed: all that ``correlate``'s backward asks for."""
    dx = scatter(dy, weight, x.shape[1:3], window) if needs_x else None
    return dx, weight_gradient(x, dy, window) if needs_weight else None


def _spread(weight: Array, rows: int, window: Window) -> Array:
    """(F, C, KH, KW) -> (groups, F rows, C S KW): for each output row, the weight as far down as that row stands."""
    filters, channels, taps_down, taps = weight.shape
    if rows == 1:
        return weight.reshape(window.groups, filters // window.groups, channels * taps_down * taps)
    spread = np.zeros((filters, rows, channels, window.span(rows), taps), weight.dtype)
    for row in range(rows):
        top = row * window.stride[0]
        spread[:, row, :, top : top + taps_down] = weight
    return spread.reshape(window.groups, filters // window.groups * rows, -1)


def _columns(x: Array, first: int, rows: int, width: int, window: Window) -> Array:
    """(C, H, W, N) -> (groups, C S KW, OW N): the input rows under a band, once per horizontal tap."""
    channels, _, _, batch = x.shape
    span, taps = window.span(rows), window.kernel[1]
    under = x[:, window.under(first, rows)]
    channel, down, across, image = under.strides
    shifted = as_strided(
        under,
        (channels, span, taps, width, batch),
        (channel, down, across * window.dilation[1], across * window.stride[1], image),
        writeable=False,
    )
    return shifted.reshape(window.groups, channels // window.groups * span * taps, width * batch)


def _band(y: Array, first: int, rows: int, window: Window) -> Array:
    """(F, OH, OW, N) -> (groups, F rows, OW N): some output rows, in the order in which ``_spread`` makes them."""
    filters, _, width, batch = y.shape
    band = y[:, first : first + rows]
    return band.reshape(window.groups, filters // window.groups * rows, width * batch)
