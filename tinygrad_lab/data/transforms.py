"""Images to the size and scale that a model wants.  Every function returns a new array and keeps the dtype."""

import numpy as np
from jaxtyping import Float

from tinygrad_lab.typing import Array


def fit(images: Float[Array, "n c h w"], size: int) -> Float[Array, "n c {size} {size}"]:
    """Make squares of one size: enlarge by the largest whole factor that fits, then ``pad``.

    MNIST's 28x28 become 32x32 by a border of two pixels, as LeNet-5 wants them.  The digits' 8x8 become 32x32 by a
    factor of four, or 28x28 by a factor of three and a border of two.

    Raises:
        ValueError: images larger than ``size``.
    """
    factor = size // max(images.shape[2:])
    if factor < 1:
        raise ValueError(f"fit: images of {_shown(images)} do not fit into {size}x{size}")
    height, width = images.shape[2:]
    return pad(images if factor == 1 else resize(images, height * factor, width * factor), size)


def pad(images: Float[Array, "n c h w"], size: int, background: float = 0.0) -> Float[Array, "n c {size} {size}"]:
    """Centre images in a square of ``background``; an odd pixel goes to the bottom and right.

    Pad before changing the scale, or name the new background: 0 is not background on the 1998 scale.

    Raises:
        ValueError: images larger than ``size``.
    """
    count, channels, height, width = images.shape
    if max(height, width) > size:
        raise ValueError(f"pad: images of {_shown(images)} do not fit into {size}x{size}")
    top, left = (size - height) // 2, (size - width) // 2
    padded = np.full((count, channels, size, size), background, images.dtype)
    padded[:, :, top : top + height, left : left + width] = images
    return padded


def resize(images: Float[Array, "n c h w"], height: int, width: int) -> Float[Array, "n c {height} {width}"]:
    """Interpolate images bilinearly; outer edges stay in place, border pixels are repeated.

    The pixel of index i is centred at i + 1/2, as in torch's ``interpolate(mode="bilinear")``.  It is
    for enlarging: images made smaller alias.

    Raises:
        ValueError: a height or width below 1.
    """
    if min(height, width) < 1:
        raise ValueError(f"resize: height and width must be at least 1, got {height} and {width}")
    rows = _interpolation(images.shape[2], height).astype(images.dtype)  # (height, h)
    columns = _interpolation(images.shape[3], width).astype(images.dtype)  # (width, w)
    return rows @ images @ columns.T  # (height, h) (n, c, h, w) (w, width) -> (n, c, height, width)


def _interpolation(before: int, after: int) -> Float[Array, "{after} {before}"]:
    """The matrix of linear interpolation in one direction: two neighbouring weights in each row, their sum 1."""
    centre = (np.arange(after) + 0.5) * before / after - 0.5
    centre = np.clip(centre, 0, before - 1)
    return np.maximum(0, 1 - np.abs(centre[:, None] - np.arange(before)))


def normalise_1998(images: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Map [0, 1] to LeNet-5's scale: background -0.1 and ink 1.175.

    The paper wants a mean of about 0 and a variance of about 1; MNIST padded to 32x32 has 0.03 and 0.12 on this scale.
    """
    return images * 1.275 - 0.1


def flatten(images: Float[Array, "n c h w"]) -> Float[Array, "n c*h*w"]:
    """Make one row of each image, for networks without a notion of place."""
    return images.reshape(len(images), -1).copy()


def _shown(images: np.ndarray) -> str:
    return f"{images.shape[2]}x{images.shape[3]}"
