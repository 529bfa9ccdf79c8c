"""Recurrent layers: several layers deep, in one direction or both, over padded or packed sequences; and one cell."""

import math
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lab import random
from tinygrad_lab.nn import init
from tinygrad_lab.nn.module import Module, Parameter
from tinygrad_lab.nn.utils.rnn import PackedSequence
from tinygrad_lab.ops.dropout import dropout as dropped
from tinygrad_lab.ops.kinds import what_is
from tinygrad_lab.ops.lstm import lstm
from tinygrad_lab.ops.operation import Float
from tinygrad_lab.ops.rnn import rnn
from tinygrad_lab.ops.shapes import cat, stack
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Generator

Input = Float[Tensor, "n m i"] | Float[Tensor, "n i"] | PackedSequence
if TYPE_CHECKING:
    Output = Any  # of the same kind as the input, which a type checker cannot be told in one signature
else:
    Output = Float[Tensor, "n m o"] | Float[Tensor, "n o"] | PackedSequence
State = Float[Tensor, "l b h"] | Float[Tensor, "l h"]
NAMES = "weight_ih", "weight_hh", "bias_ih", "bias_hh"


class _Recurrent(Module):
    """What the layers share: parameters, directions, layers, dropout between them, and the three forms of input."""

    operation: Callable[..., tuple[Tensor, ...]]  # one direction of one layer: output and last states
    blocks: int  # rows of the weights for each unit
    states: tuple[str, ...]  # names of the states

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        generator: Generator | None,
        dtype: Any,
    ) -> None:
        super().__init__()
        _check_sizes(self, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        if not 0 <= dropout <= 1:
            raise ValueError(f"{type(self).__name__}: dropout must be in [0, 1], got {dropout}")
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                f"{type(self).__name__}: dropout={dropout} acts between layers, and there is one", stacklevel=3
            )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.dropout = dropout
        self.generator = random.ambient() if generator is None else generator
        self.directions = 2 if bidirectional else 1
        for layer in range(num_layers):
            features = hidden_size * self.directions if layer else input_size
            for reverse in range(self.directions):
                suffix = f"_l{layer}" + ("_reverse" if reverse else "")
                _add_parameters(self, suffix, features, hidden_size, self.blocks, bias, dtype)
        _initialise(self, hidden_size, self.generator)

    def run(self, input: Input, hx: Sequence[Tensor] | None) -> tuple[Output, list[Tensor]]:
        """Bring the input to the form (T, B, I), run all layers, and give the output the form that the input had."""
        if isinstance(input, PackedSequence):
            x, last = self.layers(input.padded(), hx, input)
            return input.packed_alike(x), last
        if not isinstance(input, Tensor) or input.ndim not in (2, 3):
            raise (ValueError if isinstance(input, Tensor) else TypeError)(
                f"{type(self).__name__}: input must be a tensor of 2 or 3 dimensions, or packed, got {what_is(input)}"
            )
        if input.ndim == 2:
            x, last = self.layers(input[:, None], None if hx is None else [state[:, None] for state in hx], None)
            return x[:, 0], [state[:, 0] for state in last]
        if self.batch_first:
            x, last = self.layers(input.transpose(0, 1), hx, None)
            return x.transpose(0, 1), last
        return self.layers(input, hx, None)

    def layers(
        self, x: Tensor, hx: Sequence[Tensor] | None, packed: PackedSequence | None
    ) -> tuple[Tensor, list[Tensor]]:
        """All layers on a padded batch, (T, B, I) -> (T, B, directions H) and each state, (layers directions, B, H)."""
        initial = self._checked(x, hx)
        lengths = None if packed is None else packed.lengths()
        lasts = []
        for layer in range(self.num_layers):
            if layer:
                x = self._dropped(x, packed)
            outputs = []
            for reverse in range(self.directions):
                place, suffix = layer * self.directions + reverse, f"_l{layer}" + ("_reverse" if reverse else "")
                parameters = [getattr(self, name + suffix) for name in NAMES]
                before = [state[place] for state in initial]
                output, *last = self.operation(x, *before, *parameters, lengths, bool(reverse))
                outputs.append(output)
                lasts.append(last)
            x = outputs[0] if self.directions == 1 else cat(outputs, dim=2)
        return x, [stack(states) if len(states) > 1 else states[0][None] for states in zip(*lasts, strict=True)]

    def _dropped(self, x: Tensor, packed: PackedSequence | None) -> Tensor:
        """Dropout on a layer's input; of a packed batch the real steps draw noise, in packed order, as in torch."""
        if not self.training or self.dropout == 0:
            return x
        if packed is None:
            return dropped(x, self.dropout, generator=self.generator)
        alike = packed.packed_alike(x)
        return alike._replace(data=dropped(alike.data, self.dropout, generator=self.generator)).padded()

    def _checked(self, x: Tensor, hx: Sequence[Tensor] | None) -> Sequence[Tensor]:
        """The initial states, zero unless given."""
        name = type(self).__name__
        if x.shape[2] != self.input_size:
            raise ValueError(f"{name}: input has {x.shape[2]} features a step, input_size is {self.input_size}")
        shape = (self.num_layers * self.directions, x.shape[1], self.hidden_size)
        if hx is None:
            return [x.new_zeros(*shape)] * len(self.states)
        for state, given in zip(self.states, hx, strict=True):
            if given.shape != shape:
                raise ValueError(
                    f"{name}: hx has {state} of shape {given.shape}, it must be (layers x directions, batch, hidden) = "
                    f"{shape}"
                )
        return hx

    def extra_repr(self) -> str:
        settings = {
            "num_layers": self.num_layers, "bias": self.bias, "batch_first": self.batch_first,
            "dropout": self.dropout, "bidirectional": self.bidirectional,
        }  # fmt: skip
        return f"{self.input_size}, {self.hidden_size}, " + ", ".join(f"{k}={v}" for k, v in settings.items())


class LSTM(_Recurrent):
    """Long short-term memory with forget gate, ``num_layers`` deep; see ``tinygrad_lab.ops.lstm`` for the equations.

    input (T, B, I), or (B, T, I) with ``batch_first``, or (T, I) for one sequence, or a PackedSequence
    -> output like the input with directions x H features, (h_n, c_n) of shape (layers x directions, B, H) each

    Args:
        input_size: I.
        hidden_size: H, the number of cells in each direction of each layer.
        num_layers: each layer reads the outputs of the one below.
        bias: whether there are the two biases.
        batch_first: whether batches have their sequences along the first axis; the states never have.
        dropout: probability to drop a feature between two layers, in training.
        bidirectional: whether each layer also runs from the end to the start; outputs are put side by side.
        generator: draws the initial values U(±1/√H), and the dropout masks; the ambient one unless given.
        dtype: of the parameters.
    """

    operation = staticmethod(lstm)
    blocks = 4
    states = "h_0", "c_0"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        generator: Generator | None = None,
        dtype: Any = np.float32,
    ) -> None:
        sizes = input_size, hidden_size, num_layers
        super().__init__(*sizes, bias, batch_first, dropout, bidirectional, generator, dtype)

    def forward(self, input: Input, hx: tuple[State, State] | None = None) -> tuple[Output, tuple[State, State]]:
        """``hx`` is (h_0, c_0), by default zero.

        Raises:
            ValueError: an input of the wrong width or without steps; a state of the wrong shape.
        """
        output, (h_n, c_n) = self.run(input, hx)
        return output, (h_n, c_n)


class RNN(_Recurrent):
    """A plain recurrent network, h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), ``num_layers`` deep.

    input (T, B, I), or (B, T, I) with ``batch_first``, or (T, I) for one sequence, or a PackedSequence
    -> output like the input with directions x H features, h_n (layers x directions, B, H)

    Args:
        nonlinearity: f, "tanh" or "relu".
        others: as in ``LSTM``.
    """

    blocks = 1
    states = ("h_0",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        generator: Generator | None = None,
        dtype: Any = np.float32,
    ) -> None:
        sizes = input_size, hidden_size, num_layers
        super().__init__(*sizes, bias, batch_first, dropout, bidirectional, generator, dtype)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: nonlinearity must be tanh or relu, got {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        self.operation = partial(rnn, nonlinearity=nonlinearity)

    def forward(self, input: Input, hx: State | None = None) -> tuple[Output, State]:
        """``hx`` is h_0, by default zero.

        Raises:
            ValueError: an input of the wrong width or without steps; a state of the wrong shape.
        """
        output, (h_n,) = self.run(input, None if hx is None else [hx])
        return output, h_n

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, nonlinearity={self.nonlinearity!r}"


class LSTMCell(Module):
    """One step of an LSTM layer.    input (B, I), h and c (B, H) -> h and c (B, H); or all without B

    Args:
        input_size: I.
        hidden_size: H.
        bias: whether there are the two biases.
        generator: draws the initial values U(±1/√H); the ambient one unless given.
        dtype: of the parameters.
    """

    weight_ih: Parameter  # (4 H, I), blocks i, f, g, o
    weight_hh: Parameter  # (4 H, H)
    bias_ih: Parameter | None  # (4 H,)
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        generator: Generator | None = None,
        dtype: Any = np.float32,
    ) -> None:
        super().__init__()
        _check_sizes(self, input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        _add_parameters(self, "", input_size, hidden_size, 4, bias, dtype)
        _initialise(self, hidden_size, random.ambient() if generator is None else generator)

    def forward(
        self, input: Float[Tensor, "*b i"], hx: tuple[Float[Tensor, "*b h"], Float[Tensor, "*b h"]] | None = None
    ) -> tuple[Float[Tensor, "*b h"], Float[Tensor, "*b h"]]:
        """``hx`` is (h, c) before the step, by default zero.

        Raises:
            ValueError: an input or a state of the wrong shape.
        """
        shape = (*input.shape[:-1], self.hidden_size)
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ValueError(
                f"LSTMCell: input has shape {input.shape}, it must be (B, {self.input_size}) or one row of it"
            )
        h, c = (input.new_zeros(*shape), input.new_zeros(*shape)) if hx is None else hx
        if h.shape != shape or c.shape != shape:
            raise ValueError(f"LSTMCell: hx has shapes {h.shape} and {c.shape}, both must be {shape}")
        parameters = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        if input.ndim == 1:
            _, h, c = lstm(input[None, None], h[None], c[None], *parameters)
            return h[0], c[0]
        _, h, c = lstm(input[None], h, c, *parameters)
        return h, c

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}, bias={self.bias}"


def _check_sizes(module: Module, **sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{type(module).__name__}: {name} must be at least 1, got {size}")


def _add_parameters(
    module: Module, suffix: str, features: int, hidden_size: int, blocks: int, bias: bool, dtype: Any
) -> None:
    """The weights and biases of one direction of one layer, under torch's names."""
    rows = blocks * hidden_size
    for name, shape in zip(NAMES, [(rows, features), (rows, hidden_size), (rows,), (rows,)], strict=True):
        absent = name.startswith("bias") and not bias
        module.register_parameter(name + suffix, None if absent else Parameter(np.empty(shape, dtype)))


def _initialise(module: Module, hidden_size: int, generator: Generator) -> None:
    """U(±1/√H) for everything, as in torch."""
    bound = 1 / math.sqrt(hidden_size)
    for parameter in module.parameters():
        init.uniform_(parameter, -bound, bound, generator=generator)
