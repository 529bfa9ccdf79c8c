"""Convolution with fewer multiplications: Winograd's minimal filtering, for float32 and stride 1.

*One dimension.*  A polynomial of degree below n = m + r - 1 is known from its values at n points (one of them ∞, where
the value is the leading coefficient).  With V_k the powers 0 ... k - 1 of those points, one point per row, the product
of two polynomials g (r coefficients) and d (m) has the coefficients V_n⁻¹ [(V_r g) ∘ (V_m d)]: n multiplications in
place of r m.  That product is the full convolution of d with g; the transpose of the map d -> product is correlation:

    y = V_mᵀ [(V_r g) ∘ (V_n⁻ᵀ x)]        m outputs y from n pixels x and r taps g

*Two dimensions.*  The same along rows and columns at once: A = V_m ⊗ V_m, B = V_n⁻¹ ⊗ V_n⁻¹, G = V_r ⊗ V_r.  The image
is cut into T tiles of n × n pixels that start m apart.  The sum over channels happens between the transforms, so each
of the n² places of a tile has a matrix product of its own:

    U = G w (n², F, C)      X = Bᵀ tiles (n², C, T N)      P = U X (n², F, T N)      y = Aᵀ P (m², F, T N)

and the backward pass takes the adjoint of each step:  P̄ = A ȳ,  Ū = Σ P̄ Xᵀ,  w̄ = Gᵀ Ū,  X̄ = Uᵀ P̄,  tiles̄ = B X̄.

A 3 × 3 kernel and 5 × 5 outputs per tile need 49 products in place of 225, and the transforms.
"""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinygrad_lab.ops.kernels.sliding import Window
from tinygrad_lab.typing import Array

POINTS = (0.0, 1.0, -1.0, 2.0, -0.5, 0.5, -2.0)  # and ∞; small and in balance, which keeps rounding errors small
COLUMNS = 256  # more than this no longer make a small product faster
GAIN = 1.5  # times fewer multiplications, transforms included, that outweigh the additional copies (measured)


class Strip(NamedTuple):
    """What is worked on at a time: some rows of tiles of one group of channels."""

    group: int
    first: int
    rows: int


class Tiling(NamedTuple):
    """How a batch of images is cut into tiles."""

    taps: int  # r, along one axis
    outputs: int  # m, of one tile along one axis
    groups: int
    down: int  # tiles along H
    across: int  # tiles along W
    batch: int

    @property
    def size(self) -> int:
        """n, the pixels of a tile along one axis."""
        return self.outputs + self.taps - 1

    def multiplications(self, filters: int, channels: int) -> int:
        """Count the products of one correlation with so many filters and channels in a group,
        transforms included.
        """
        places, columns = self.size**2, self.down * self.across * self.batch
        per_column = channels * places + channels * filters + filters * self.outputs**2
        return self.groups * places * (columns * per_column + channels * filters * self.taps**2)

    def strips(self) -> Iterator[Strip]:
        """Yield all tiles: as few at a time as fill a product, so that they stay in the cache
        between the transforms.
        """
        rows = -(-COLUMNS // (self.across * self.batch))
        for group in range(self.groups):
            for first in range(0, self.down, rows):
                yield Strip(group, first, min(rows, self.down - first))

    def share(self, items: Array, strip: Strip) -> Array:
        """Return the strip's group's part of an array with an entry per filter or per channel."""
        count = len(items) // self.groups
        return items[strip.group * count : (strip.group + 1) * count]


def pays(x: Array, weight: Array, window: Window) -> bool:
    """Tell whether tiles save time: float32, a square kernel (up to 7 × 7, for want of points),
    stride and dilation 1, 8 images, ``GAIN``.

    Errors are about 1e-5 of the largest output: float32 sums are allowed that much, float64 promises far more.
    """
    single, square = x.dtype == weight.dtype == np.float32, window.kernel[0] == window.kernel[1]
    few_taps, many_images = window.kernel[0] <= len(POINTS), x.shape[-1] >= 8  # runs of a cache line
    if not (single and square and few_taps and many_images and window.stride == window.dilation == (1, 1)):
        return False
    tiling = _tiling(x.shape, weight.shape, window)
    height, width = window.outputs(x.shape[1:3])
    fewest = tiling.multiplications(len(weight) // window.groups, weight.shape[1])
    return bool(height * width * tiling.batch * weight.size >= GAIN * fewest)


@functools.lru_cache
def _tiling(images: tuple[int, ...], weight: tuple[int, ...], window: Window) -> Tiling:
    """The tiling with the fewest multiplications."""
    (height, width), taps, groups = window.outputs(images[1:3]), window.kernel[0], window.groups
    choices = [
        Tiling(taps, outputs, groups, -(-height // outputs), -(-width // outputs), images[-1])
        for outputs in range(2, len(POINTS) + 3 - taps)
    ]
    return min(choices, key=lambda choice: choice.multiplications(weight[0] // groups, weight[1]))


# ---- the products, as in kernels/sliding.py -------------------------------------------------------------------------


def correlate(x: Array, weight: Array, bias: Array | None, window: Window) -> Array:
    """(C, H, W, N), (F, C / groups, K, K), (F,) -> (F, OH, OW, N)"""
    tiling = _tiling(x.shape, weight.shape, window)
    y = np.empty((len(weight), *window.outputs(x.shape[1:3]), tiling.batch), x.dtype)
    shift = np.zeros(len(weight), x.dtype) if bias is None else bias
    x, spectra = _whole_tiles(x, tiling), _weight_spectra(weight, tiling)
    for strip in tiling.strips():
        products = spectra[strip.group] @ _input_spectra(x, strip, tiling)
        tiles = _transform(_transforms(tiling).outputs.T, products)
        for tile, place in _places(tiles, y, strip, tiling):
            np.add(tile, tiling.share(shift, strip)[:, None, None, None], out=place)
    return y


def gradients(
    x: Array, weight: Array, dy: Array, window: Window, needs_x: bool, needs_weight: bool
) -> tuple[Array | None, Array | None]:
    """(C, H, W, N), (F, C / groups, K, K), (F, OH, OW, N) -> gradients of x and of weight, where they are needed."""
    tiling = _tiling(x.shape, weight.shape, window)
    whole, spectra = _whole_tiles(x, tiling), _weight_spectra(weight, tiling)
    dwhole = np.zeros(whole.shape, x.dtype) if needs_x else None
    dspectra = np.empty_like(spectra) if needs_weight else None
    for strip in tiling.strips():
        dproducts = _output_spectra(dy, strip, tiling)
        if dspectra is not None:
            image_spectra = _input_spectra(whole, strip, tiling).swapaxes(1, 2)
            if strip.first == 0:
                np.matmul(dproducts, image_spectra, out=dspectra[strip.group])
            else:
                dspectra[strip.group] += dproducts @ image_spectra
        if dwhole is not None:
            dtiles = _transform(_transforms(tiling).inputs, spectra[strip.group].swapaxes(1, 2) @ dproducts)
            _add_tiles(dtiles, dwhole, strip, tiling)
    dx = None if dwhole is None else dwhole[:, : x.shape[1], : x.shape[2]]
    return dx, None if dspectra is None else _weight_gradient(dspectra, weight.shape, tiling)


# ---- transforms -----------------------------------------------------------------------------------------------------


class Transforms(NamedTuple):
    """The matrices for both axes at once."""

    taps: Array  # G, (n², r²)
    inputs: Array  # B, (n², n²)
    outputs: Array  # A, (n², m²)


def _transforms(tiling: Tiling) -> Transforms:
    return _matrices(tiling.taps, tiling.outputs)


@functools.lru_cache
def _matrices(taps: int, outputs: int) -> Transforms:
    size = outputs + taps - 1

    def powers(count: int) -> Array:
        """V_count, (n, count); its last row is the point ∞."""
        return np.vstack([np.vander(POINTS[: size - 1], count, increasing=True), np.eye(count)[-1]])

    along_one_axis = powers(taps), np.linalg.inv(powers(size)), powers(outputs)
    return Transforms(*(np.kron(matrix, matrix).astype(np.float32) for matrix in along_one_axis))


def _transform(matrix: Array, spectra: Array) -> Array:
    """Along the first axis: (q, p), (p, ...) -> (q, ...)"""
    return (matrix @ spectra.reshape(len(spectra), -1)).reshape(len(matrix), *spectra.shape[1:])


def _weight_spectra(weight: Array, tiling: Tiling) -> Array:
    """(F, C, K, K) -> U by group, (groups, n², F / groups, C)"""
    filters, channels, _, _ = weight.shape
    spectra = _transforms(tiling).taps @ weight.reshape(filters * channels, tiling.taps**2).T
    return spectra.reshape(-1, tiling.groups, filters // tiling.groups, channels).swapaxes(0, 1)


def _weight_gradient(dspectra: Array, shape: tuple[int, ...], tiling: Tiling) -> Array:
    """Ū by group, (groups, n², F / groups, C) -> (F, C, K, K)"""
    dspectra = dspectra.swapaxes(0, 1).reshape(tiling.size**2, -1)
    return (dspectra.T @ _transforms(tiling).taps).reshape(shape)


def _input_spectra(x: Array, strip: Strip, tiling: Tiling) -> Array:
    """X of a strip, (n², C / groups, T N)"""
    x, size = tiling.share(x, strip)[:, strip.first * tiling.outputs :], tiling.size
    channel, down, across, image = x.strides
    tiles = as_strided(
        x,
        (size, size, len(x), strip.rows, tiling.across, tiling.batch),
        (down, across, channel, down * tiling.outputs, across * tiling.outputs, image),
        writeable=False,
    )
    return _transform(_transforms(tiling).inputs.T, tiles.reshape(size**2, len(x), -1))


def _output_spectra(dy: Array, strip: Strip, tiling: Tiling) -> Array:
    """P̄ of a strip, (n², F / groups, T N)"""
    filters = len(dy) // tiling.groups
    dtiles = np.zeros((tiling.outputs**2, filters, strip.rows * tiling.across * tiling.batch), dy.dtype)
    for dtile, place in _places(dtiles, dy, strip, tiling):
        dtile[...] = place
    return _transform(_transforms(tiling).outputs, dtiles)


# ---- images and tiles -----------------------------------------------------------------------------------------------


def _whole_tiles(x: Array, tiling: Tiling) -> Array:
    """(C, H, W, N) with zeros below and to the right until tiles fit; x itself where they do."""
    height, width = (tiles * tiling.outputs + tiling.taps - 1 for tiles in (tiling.down, tiling.across))
    if x.shape[1:3] == (height, width):
        return x
    whole = np.zeros((len(x), height, width, x.shape[-1]), x.dtype)
    whole[:, : x.shape[1], : x.shape[2]] = x
    return whole


def _places(tiles: Array, y: Array, strip: Strip, tiling: Tiling) -> Iterator[tuple[Array, Array]]:
    """For each of the m² outputs of a tile, (m², F / groups, T N), the strip's ones and their place in (F, OH, OW, N).

    The last tiles may stick out of the image; what does is left out.
    """
    m = tiling.outputs
    tiles = tiles.reshape(m, m, -1, strip.rows, tiling.across, tiling.batch)
    y = tiling.share(y, strip)[:, strip.first * m : (strip.first + strip.rows) * m]
    for row in range(m):
        for column in range(m):
            place = y[:, row::m, column::m]
            yield tiles[row, column, :, : place.shape[1], : place.shape[2]], place


def _add_tiles(tiles: Array, x: Array, strip: Strip, tiling: Tiling) -> None:
    """Add (n², C / groups, T N) to where the strip's tiles stand, and overlap, in (C, H, W, N)."""
    n, m = tiling.size, tiling.outputs
    tiles = tiles.reshape(n, n, -1, strip.rows, tiling.across, tiling.batch)
    x = tiling.share(x, strip)[:, strip.first * m :]
    for row in range(n):
        for column in range(n):
            down = slice(row, row + (strip.rows - 1) * m + 1, m)
            x[:, down, column : column + (tiling.across - 1) * m + 1 : m] += tiles[row, column]
