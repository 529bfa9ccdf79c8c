"""Upsample: images made larger by repeating pixels."""

from tinygrad_lab.nn.module import Module
from tinygrad_lab.ops.interpolation import Factors, Sizes, interpolate
from tinygrad_lab.ops.operation import Float
from tinygrad_lab.tensor import Tensor


class Upsample(Module):
    """``interpolate`` as a layer.    (N, C, *positions) -> (N, C, *size)"""

    def __init__(self, size: Sizes | None = None, scale_factor: Factors | None = None, mode: str = "nearest") -> None:
        super().__init__()
        self.size, self.scale_factor, self.mode = size, scale_factor, mode

    def forward(self, input: Float[Tensor, "n c *positions"]) -> Float[Tensor, "n c *larger"]:
        return interpolate(input, self.size, self.scale_factor, self.mode)

    def extra_repr(self) -> str:
        how = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{how}, mode={self.mode!r}"
