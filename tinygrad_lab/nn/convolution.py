"""Convolution layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_lab import random
from tinygrad_lab.nn import init
from tinygrad_lab.nn.module import Module, Parameter
from tinygrad_lab.ops.conv1d import Single, conv1d, single
from tinygrad_lab.ops.convolution import conv2d, conv_transpose2d
from tinygrad_lab.ops.windows import Pair, pair
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Generator


class _Convolution(Module):
    """What both layers share: settings, parameters and their initial values U(±1/√fan_in)."""

    weight: Parameter
    bias: Parameter | None
    stride: Any  # as given: one number, or several
    padding: Any
    dilation: Any

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        weight_channels: tuple[int, int],
        kernel_size: Pair | tuple[int],
        bias: bool,
        groups: int,
        generator: Generator | None,
        dtype: Any,
    ) -> None:
        super().__init__()
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{type(self).__name__}: groups must divide in_channels and out_channels, "
                f"got groups={groups}, in_channels={in_channels}, out_channels={out_channels}"
            )
        if in_channels < 1:
            raise ValueError(f"{type(self).__name__}: in_channels must be at least 1, got {in_channels}")
        pair(type(self).__name__, "kernel_size", kernel_size, 1)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
        generator = random.ambient() if generator is None else generator
        self.weight = Parameter(np.empty((*weight_channels, *self.kernel_size), dtype))
        init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=generator)
        if not bias:
            self.register_parameter("bias", None)
            return
        bound = 1 / math.sqrt(math.prod(self.weight.shape[1:]))
        self.bias = Parameter(np.empty(out_channels, dtype))
        init.uniform_(self.bias, -bound, bound, generator=generator)

    def _check_steps(self) -> None:
        """Refuse what no convolution can be computed with when the layer is made, not when it is called."""
        name = type(self).__name__
        pair(name, "stride", self.stride, 1)
        pair(name, "dilation", self.dilation, 1)
        if not isinstance(self.padding, str):
            pair(name, "padding", self.padding)
        elif self.padding not in ("same", "valid"):
            raise ValueError(f"{name}: padding must be numbers, 'same' or 'valid', got {self.padding!r}")


class Conv1d(_Convolution):
    """y = conv1d(x) + b over sequences.    (N, in_channels, L) -> (N, out_channels, OL), or both without N

    Args:
        kernel_size: length of the kernel.
        others: as in ``Conv2d``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Single,
        stride: Single = 1,
        padding: Single | str = 0,
        dilation: Single = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        generator: Generator | None = None,
        dtype: Any = np.float32,
    ) -> None:
        channels = (out_channels, in_channels // max(groups, 1))
        kernel = (single("kernel_size", kernel_size),)
        super().__init__(in_channels, out_channels, channels, kernel, bias, groups, generator, dtype)
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self._check_steps()

    def forward(self, input: Tensor) -> Tensor:
        return conv1d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding!r}, dilation={self.dilation}, groups={self.groups}, bias={self.bias is not None}"
        )


class Conv2d(_Convolution):
    """y = conv2d(x) + b over images.    (N, in_channels, H, W) -> (N, out_channels, OH, OW)

    Args:
        in_channels: C of the input.
        out_channels: number of filters.
        kernel_size: height and width of the kernel; one number for a square.
        stride: step of the kernel.
        padding: zeros around the input, or "same" or "valid".
        dilation: distance between taps of the kernel.
        groups: number of channel blocks that do not see each other.
        bias: whether to add a trained number to each filter's output.
        generator: draws the initial values; the ambient one unless given.
        dtype: of the parameters.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair | str = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        generator: Generator | None = None,
        dtype: Any = np.float32,
    ) -> None:
        channels = (out_channels, in_channels // max(groups, 1))
        super().__init__(in_channels, out_channels, channels, kernel_size, bias, groups, generator, dtype)
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self._check_steps()

    def forward(self, input: Tensor) -> Tensor:
        return conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding!r}, dilation={self.dilation}, groups={self.groups}, bias={self.bias is not None}"
        )


class ConvTranspose2d(_Convolution):
    """The adjoint of a Conv2d from ``out_channels`` to ``in_channels``, as a layer that enlarges images.

    (N, in_channels, H, W) -> (N, out_channels, OH, OW)

    Args:
        in_channels: C of the input.
        out_channels: number of filters.
        kernel_size: height and width of the kernel; one number for a square.
        stride: distance between the stamps of neighbouring input pixels.
        padding: rows and columns cut off around the output.
        output_padding: rows and columns put back at the bottom and right.
        groups: number of channel blocks that do not see each other.
        bias: whether to add a trained number to each filter's output.
        dilation: distance between taps of the kernel.
        generator: draws the initial values; the ambient one unless given.
        dtype: of the parameters.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        output_padding: Pair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Pair = 1,
        *,
        generator: Generator | None = None,
        dtype: Any = np.float32,
    ) -> None:
        channels = (in_channels, out_channels // max(groups, 1))
        super().__init__(in_channels, out_channels, channels, kernel_size, bias, groups, generator, dtype)
        self.stride, self.padding, self.output_padding, self.dilation = stride, padding, output_padding, dilation
        self._check_steps()

    def forward(self, input: Tensor) -> Tensor:
        shape = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        return conv_transpose2d(input, self.weight, self.bias, *shape)

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding}, output_padding={self.output_padding}, dilation={self.dilation}, "
            f"groups={self.groups}, bias={self.bias is not None}"
        )
