"""Random crops, mirror images and colour shifts, with which AlexNet's authors enlarged ImageNet (section 4.1, 2012).

All functions take images (n, c, h, w), return new arrays of the same dtype, and draw from the generator they are given.
"""

import numpy as np
from jaxtyping import Float, Float64
from numpy.lib.stride_tricks import sliding_window_view

from tinygrad_lab.typing import Array, Generator


def random_crop(images: Float[Array, "n c h w"], size: int, generator: Generator) -> Float[Array, "n c {size} {size}"]:
    """Cut a square out of each image, every place equally likely.

    Raises:
        ValueError: a ``size`` below 1, or one that is larger than the images.
    """
    windows = _windows("random_crop", images, size)
    top = generator.integers(windows.shape[2], size=len(images))
    left = generator.integers(windows.shape[3], size=len(images))
    return windows[np.arange(len(images)), :, top, left]


def centre_crop(images: Float[Array, "n c h w"], size: int) -> Float[Array, "n c {size} {size}"]:
    """Cut the middle square out of each image; an odd pixel is lost at the bottom and right.

    Raises:
        ValueError: as ``random_crop``.
    """
    windows = _windows("centre_crop", images, size)
    return windows[:, :, (windows.shape[2] - 1) // 2, (windows.shape[3] - 1) // 2].copy()


def flip(images: Float[Array, "n c h w"]) -> Float[Array, "n c h w"]:
    """Mirror every image, left for right."""
    return images[..., ::-1].copy()


def random_flip(images: Float[Array, "n c h w"], generator: Generator) -> Float[Array, "n c h w"]:
    """Mirror each image, left for right, with probability 1/2."""
    flipped = images.copy()
    chosen = generator.random(len(images)) < 0.5
    flipped[chosen] = images[chosen, ..., ::-1]
    return flipped


def ten_views(images: Float[Array, "n c h w"], size: int) -> Float[Array, "10 n c {size} {size}"]:
    """Cut out the four corners and the centre of each image, and mirror the five; a network's
    answers are averaged.

    Raises:
        ValueError: as ``random_crop``.
    """
    windows = _windows("ten_views", images, size)
    corners = [windows[:, :, top, left] for top in (0, -1) for left in (0, -1)]
    five = np.stack([*corners, centre_crop(images, size)])
    return np.concatenate([five, five[..., ::-1]])


def principal_colours(images: Float[Array, "n c h w"]) -> tuple[Float64[Array, " c"], Float64[Array, "c c"]]:
    """Return the directions in which the pixels' colours vary most: the eigenvalues of their
    covariance over all images, largest first, and the eigenvectors, which are the columns.

    Raises:
        ValueError: no images.
    """
    if images.size == 0:
        raise ValueError(f"principal_colours: needs at least one pixel, got images of shape {images.shape}")
    colours = images.swapaxes(0, 1).reshape(images.shape[1], -1)
    covariance = np.atleast_2d(np.cov(colours, bias=True, dtype=np.float64))
    eigenvalues, eigenvectors = np.linalg.eigh(covariance)
    return eigenvalues[::-1], eigenvectors[:, ::-1]


def shift_colours(
    images: Float[Array, "n c h w"],
    eigenvalues: Float[Array, " k"],
    eigenvectors: Float[Array, "k k"],
    generator: Generator,
    std: float = 0.1,
) -> Float[Array, "n c h w"]:
    """Add p_1 a_1 l_1 + p_2 a_2 l_2 + ... to all pixels of an image; each image draws its own a_i ~ N(0, std²).

    An l is a variance, so on pixels from 0 to 255 the shift would be 255 times as strong as on pixels from 0 to 1. The
    paper does not name its scale; on [0, 1] the shifts are of the size of a few grey levels, and that is meant here.

    Args:
        images: on the scale, [0, 1], that the principal colours were found on.
        eigenvalues: l, from ``principal_colours``.
        eigenvectors: the columns are p.
        generator: where the a come from.
        std: of the a, at least 0.

    Raises:
        ValueError: principal colours of another number of channels, or a negative ``std``.
    """
    if len(eigenvalues) != images.shape[1]:
        raise ValueError(
            f"shift_colours: images of {images.shape[1]} channels need as many eigenvalues, got {len(eigenvalues)}"
        )
    if std < 0:
        raise ValueError(f"shift_colours: std must be at least 0, got {std}")
    factors = std * generator.standard_normal((len(images), len(eigenvalues)))
    shift = (factors * eigenvalues) @ eigenvectors.T  # (n, c): row i is sum_j p_j a_ij l_j
    return images + shift.astype(images.dtype)[:, :, None, None]


def _windows(name: str, images: np.ndarray, size: int) -> np.ndarray:
    """Views of all squares.    (n, c, h, w) -> (n, c, h - size + 1, w - size + 1, size, size)"""
    height, width = images.shape[2:]
    if not 1 <= size <= min(height, width):
        raise ValueError(f"{name}: size must be from 1 to the side of the {height}x{width} images, got {size}")
    return sliding_window_view(images, (size, size), axis=(2, 3))
