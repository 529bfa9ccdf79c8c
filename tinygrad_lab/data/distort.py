"""Random planar affine distortions, with which LeNet-5's authors enlarged MNIST (section III-A of the 1998 paper).

They are translation, scaling, squeezing (narrower and taller, or the reverse) and horizontal shear.  All of them leave
rows level, so the source of an output pixel (x, y), measured from the image's centre, has the form

    x' = a x + b y + c        y' = d y + e

and bilinear sampling splits exactly into a vertical and a horizontal linear interpolation.  The paper does not give the
amounts; those below are ours.
"""

import numpy as np
from jaxtyping import Float

from tinygrad_lab.typing import Array, Generator

TRANSLATION = 2.0  # pixels, either way, in x and in y
SCALING = 0.15  # size divided by 1 +- this
SQUEEZE = 0.15  # width times, and height divided by, 1 +- this
SHEAR = 0.3  # columns per row
CHUNK = 256  # images at a time, so that what is worked on stays in the cache


def distort(images: Float[Array, "n c h w"], generator: Generator) -> Float[Array, "n c h w"]:
    """Put each image under an affine map of its own, drawn uniformly; outside is background 0."""
    return warp(images, draw(len(images), generator))


def draw(count: int, generator: Generator) -> Float[Array, "{count} 5"]:
    """Draw the coefficients (a, b, c, d, e) of ``count`` distortions."""
    dx, dy, scaling, squeeze, shear = generator.uniform(-1.0, 1.0, (5, count))
    scale, ratio = 1 + SCALING * scaling, 1 + SQUEEZE * squeeze
    a, d = scale / ratio, scale * ratio
    return np.stack([a, SHEAR * shear, TRANSLATION * dx, d, TRANSLATION * dy], axis=1)


def warp(images: Float[Array, "n c h w"], coefficients: Float[Array, "n 5"]) -> Float[Array, "n c h w"]:
    """Sample image i bilinearly at (a x + b y + c, d y + e), with (x, y) from its centre.

    Args:
        images: background 0, since 0 is what lies outside.
        coefficients: (a, b, c, d, e) of each image; (1, 0, 0, 1, 0) leaves it as it is.
    """
    warped = np.empty_like(images)
    for start in range(0, len(images), CHUNK):
        part = slice(start, start + CHUNK)
        a, b, c, d, e = coefficients[part].T.astype(images.dtype)[:, :, None]
        levelled = _sample_rows(images[part], d, e)
        warped[part] = _sample_columns(levelled, a, b, c)
    return warped


def _sample_rows(images: np.ndarray, d: np.ndarray, e: np.ndarray) -> np.ndarray:
    """Row y of the result is the input at height d y + e.   (n, c, h, w), (n, 1), (n, 1) -> (n, c, h, w)"""
    height = images.shape[2]
    y = _from_centre(height, images.dtype)
    row, fraction = _whole_and_fraction(d * y + e, height)  # (n, h)
    padded = np.pad(images, ((0, 0), (0, 0), (1, 2), (0, 0))).swapaxes(1, 2)  # (n, 1 + h + 2, c, w)
    item = np.arange(len(images))[:, None]
    upper, lower = padded[item, row], padded[item, row + 1]  # (n, h, c, w)
    lower -= upper
    lower *= fraction[:, :, None, None]
    lower += upper
    sampled: np.ndarray = lower.swapaxes(1, 2)
    return sampled


def _sample_columns(images: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Pixel (x, y) of the result is the input's row y at a x + b y + c.   (n, c, h, w), 3 of (n, 1) -> (n, c, h, w)"""
    count, channels, height, width = images.shape
    x, y = _from_centre(width, images.dtype), _from_centre(height, images.dtype)
    offset = b * y + c  # (n, h)
    column, fraction = _whole_and_fraction(a[:, :, None] * x + offset[:, :, None], width)  # (n, h, w)
    padded = np.pad(images, ((0, 0), (0, 0), (0, 0), (1, 2)))
    first = np.arange(count * channels * height) * (width + 3)  # where each padded row begins
    index = first.reshape(count, channels, height, 1) + column[:, None]
    left, right = padded.take(index), padded.take(index + 1)
    right -= left
    right *= fraction[:, None]
    right += left
    sampled: np.ndarray = right
    return sampled


def _from_centre(size: int, dtype: np.dtype) -> np.ndarray:
    return np.asarray(np.arange(size, dtype=dtype) - dtype.type((size - 1) / 2))


def _whole_and_fraction(position: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions from the centre as an index into a line padded by one pixel before and two after, and what is left."""
    position = np.clip(position + position.dtype.type((size + 1) / 2), 0, size + 1)
    whole = position.astype(np.intp)  # truncation is floor: nothing is negative
    return whole, position - whole.astype(position.dtype)
