"""One step of a recurrent layer with one state: RNNCell and GRUCell."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from tinygrad_lab import random
from tinygrad_lab.nn.module import Module, Parameter
from tinygrad_lab.nn.recurrent import _add_parameters, _check_sizes, _initialise
from tinygrad_lab.ops.gru import gru
from tinygrad_lab.ops.operation import Float
from tinygrad_lab.ops.rnn import rnn
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Generator


class _Cell(Module, ABC):
    """What both share: parameters, and the two forms of input."""

    blocks: int  # rows of the weights for each unit
    weight_ih: Parameter  # (blocks H, I)
    weight_hh: Parameter  # (blocks H, H)
    bias_ih: Parameter | None  # (blocks H,)
    bias_hh: Parameter | None

    def __init__(self, input_size: int, hidden_size: int, bias: bool, generator: Generator | None, dtype: Any) -> None:
        super().__init__()
        _check_sizes(self, input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        _add_parameters(self, "", input_size, hidden_size, self.blocks, bias, dtype)
        _initialise(self, hidden_size, random.ambient() if generator is None else generator)

    @abstractmethod
    def one_step(self, input: Tensor, h: Tensor) -> Tensor:
        """Step a batch, (1, B, I) and (B, H) -> (B, H)."""

    def forward(self, input: Float[Tensor, "*b i"], hx: Float[Tensor, "*b h"] | None = None) -> Float[Tensor, "*b h"]:
        """``hx`` is h before the step, by default zero.

        Raises:
            ValueError: an input or a state of the wrong shape.
        """
        name, shape = type(self).__name__, (*input.shape[:-1], self.hidden_size)
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ValueError(
                f"{name}: input has shape {input.shape}, it must be (B, {self.input_size}) or one row of it"
            )
        h = input.new_zeros(*shape) if hx is None else hx
        if h.shape != shape:
            raise ValueError(f"{name}: hx has shape {h.shape}, it must be {shape}")
        return self.one_step(input[None, None], h[None])[0] if input.ndim == 1 else self.one_step(input[None], h)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, bias={self.bias}"


class RNNCell(_Cell):
    """One step of an RNN layer, h = f(W_ih x + b_ih + W_hh h + b_hh).

    input (B, I), h (B, H) -> h (B, H), or all without B

    Args:
        input_size: I.
        hidden_size: H.
        bias: whether there are the two biases.
        nonlinearity: f, "tanh" or "relu".
        generator: draws the initial values U(±1/√H); the ambient one unless given.
        dtype: of the parameters.
    """

    blocks = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        generator: Generator | None = None,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, generator, dtype)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNNCell: nonlinearity must be tanh or relu, got {nonlinearity!r}")
        self.nonlinearity = nonlinearity

    def one_step(self, input: Tensor, h: Tensor) -> Tensor:
        parameters = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        return rnn(input, h, *parameters, nonlinearity=self.nonlinearity)[1]


class GRUCell(_Cell):
    """One step of a GRU layer.    input (B, I), h (B, H) -> h (B, H), or all without B

    Arguments as in ``RNNCell``, without a choice of nonlinearity.
    """

    blocks = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        generator: Generator | None = None,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, generator, dtype)

    def one_step(self, input: Tensor, h: Tensor) -> Tensor:
        return gru(input, h, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)[1]
