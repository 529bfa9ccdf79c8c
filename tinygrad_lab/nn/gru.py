"""GRU: gated recurrent layers, ``num_layers`` deep, in one direction or both."""

from typing import Any

import numpy as np

from tinygrad_lab.nn.recurrent import Input, Output, State, _Recurrent
from tinygrad_lab.ops.gru import gru
from tinygrad_lab.typing import Generator


class GRU(_Recurrent):
    """Gated recurrent units, ``num_layers`` deep; see ``tinygrad_lab.ops.gru`` for the equations.

    input (T, B, I), or (B, T, I) with ``batch_first``, or (T, I) for one sequence, or a PackedSequence
    -> output like the input with directions x H features, h_n (layers x directions, B, H)

    Arguments as in ``LSTM``.
    """

    operation = staticmethod(gru)
    blocks = 3
    states = ("h_0",)

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

    def forward(self, input: Input, hx: State | None = None) -> tuple[Output, State]:
        """``hx`` is h_0, by default zero.

        Raises:
            ValueError: an input of the wrong width or without steps; a state of the wrong shape.
        """
        output, (h_n,) = self.run(input, None if hx is None else [hx])
        return output, h_n
