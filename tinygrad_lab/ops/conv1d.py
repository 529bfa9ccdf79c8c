"""One-dimensional convolution: a two-dimensional one of images one pixel high."""

from collections.abc import Sequence

from tinygrad_lab.ops.convolution import conv2d
from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.shapes import squeeze, unsqueeze
from tinygrad_lab.tensor import Tensor

Single = int | Sequence[int]  # one number, or one in a tuple


@gated
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Single = 1,
    padding: Single | str = 0,
    dilation: Single = 1,
    groups: int = 1,
) -> Tensor:
    """y[n, f, t] = b[f] + Σ_{c,i} weight[f, c, i] x[n, c, s t + d i - p].    (N, C, L) -> (N, F, OL)

    Args:
        input: sequences (N, C, L), or one, (C, L); zero outside.
        weight: one kernel per filter, (F, C / groups, K).
        bias, stride, padding, dilation, groups: as in ``conv2d``.

    Raises:
        ValueError: arguments that do not fit together.
    """
    if input.ndim not in (2, 3) or weight.ndim != 3:
        raise ValueError(
            f"conv1d: input has shape {input.shape}, it must be (N, C, L) or (C, L); "
            f"weight has {weight.shape}, it must be (F, C / groups, K)"
        )
    if input.ndim == 2:
        return squeeze(conv1d(unsqueeze(input, 0), weight, bias, stride, padding, dilation, groups), 0)
    sides = padding if isinstance(padding, str) else (0, single("padding", padding))
    steps = (1, single("stride", stride)), sides, (1, single("dilation", dilation))
    return squeeze(conv2d(unsqueeze(input, 2), unsqueeze(weight, 2), bias, *steps, groups), 2)


def single(name: str, value: Single) -> int:
    """Return the number itself, or the one in a tuple."""
    if isinstance(value, int):
        return value
    if len(value) != 1:
        raise ValueError(f"conv1d: {name} must be one number, got {value}")
    return int(value[0])


__all__ = ["Single", "conv1d", "single"]
