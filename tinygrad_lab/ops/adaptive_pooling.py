"""Average pooling to an output of a given size, whatever the size of the input."""

from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.shapes import stack
from tinygrad_lab.tensor import Tensor

Sizes = int | tuple[int | None, int | None] | list[int | None]


@gated
def adaptive_avg_pool2d(input: Tensor, output_size: Sizes) -> Tensor:
    """Output i along an axis is the mean of ⌊i H / OH⌋ ... ⌈(i + 1) H / OH⌉ - 1.    (*, H, W) -> (*, OH, OW)

    The mean of a window is a mean over its columns of means over its rows, so it takes OH + OW means in all.

    Args:
        input: images, (N, C, H, W) or (C, H, W).
        output_size: (OH, OW), or one number for a square; None keeps the input's size.

    Raises:
        ValueError: an input of another rank or without pixels, an output size below 1.
    """
    sizes = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
    if input.ndim not in (3, 4) or not all(input.shape[-2:]):
        raise ValueError(f"adaptive_avg_pool2d: input has shape {input.shape}, it must be images ([N,] C, H, W)")
    if len(sizes) != 2 or any(size is not None and size < 1 for size in sizes):
        raise ValueError(f"adaptive_avg_pool2d: output_size must be one or two sizes from 1 up, got {output_size}")
    for dim, size in zip((-2, -1), sizes, strict=True):
        if size not in (None, input.shape[dim]):
            input = _means(input, dim, size)
    return input


def _means(input: Tensor, dim: int, outputs: int) -> Tensor:
    """The means of ``outputs`` windows along one of the last two dimensions."""
    size, rest = input.shape[dim], (slice(None),) * (-1 - dim)
    windows = [slice(i * size // outputs, -(-(i + 1) * size // outputs)) for i in range(outputs)]
    return stack([input[..., window, *rest].mean(dim) for window in windows], dim)


__all__ = ["Sizes", "adaptive_avg_pool2d"]
