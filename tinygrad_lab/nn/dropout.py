"""Dropout layers own the generator that their noise comes from: see ``tinygrad_lab.random.initialising``."""

from tinygrad_lab import random
from tinygrad_lab.nn.module import Module
from tinygrad_lab.ops.dropout import dropout, gaussian_dropout
from tinygrad_lab.ops.operation import Float
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Generator


class _Noise(Module):
    def __init__(self, p: float = 0.5, *, generator: Generator | None = None) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p must be in [0, 1], got {p}")
        self.p = p
        self.generator = random.ambient() if generator is None else generator

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout(_Noise):
    """In training each element is 0 with probability p and divided by 1 - p otherwise.

    Args:
        p: the probability to drop an element.
        generator: where the masks come from; by default the ambient one.
    """

    def forward(self, input: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return dropout(input, self.p, generator=self.generator) if self.training else input


class GaussianDropout(_Noise):
    """In training each element is multiplied by a normal number of mean 1 and variance p / (1 - p).

    Args:
        p: the probability of the dropout that has the same variance, below 1.
        generator: where the noise comes from; by default the ambient one.
    """

    def forward(self, input: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return gaussian_dropout(input, self.p, generator=self.generator) if self.training else input
