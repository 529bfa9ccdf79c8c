"""Recurrent networks on the engine: LSTM with and without a forget gate, and a plain recurrent layer.

    symbol   meaning
    B, T     sequences in the batch, steps in time
    I, H     inputs of a layer, cells of a layer; V symbols
    c        state of the cells; the paper's s_c, its "constant error carousel"
    h        output of the cells; the paper's y^c
    i, f, o  input, forget and output gate, in (0, 1); the paper's y^in and y^out
    g        what the gates let in: the squashed input of the cells
    a        net input of gates and cells, W x + b + U h + b'; the paper's net

Sequences come as (B, T), as data has them; layers work on (T, B), one step after the other.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

from jaxtyping import Bool, Float, Int

from tinygrad_lab import Tensor, arange, empty, eye, nn, no_grad, random, stack, where
from tinygrad_lab.nn import functional as F
from tinygrad_lab.typing import Generator

from .config import LSTMBatch, LSTMConfig

State = tuple[Tensor, ...]  # what a layer hands on in time: (h, c), or (h,) without cells


class Layer(nn.Module, ABC):
    """One recurrent layer.

    Parameters have the names, shapes and initial values of torch.nn's recurrent layers with one layer: U(+-1/sqrt(H))
    for all.

    Args:
        inputs: I.
        hidden: H.
    """

    # All steps as one operation of tinygrad_lab/ops (lstm.py, rnn.py): where a class has one it runs, not the
    # loop over ``step``; tests/papers/test_lstm_cells.py::test_operation_loop_and_other_side_agree holds them
    # equal. Take a class's line ``fused = ...`` away to run a ``step`` of your own.
    fused: Callable[..., tuple[Tensor, ...]] | None = None
    blocks: int  # of H rows in the weights: one for each gate, and one for the input of the cells
    states: int  # tensors in the state

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        rows = self.blocks * hidden
        self.weight_ih_l0 = nn.Parameter(empty(rows, inputs))
        self.weight_hh_l0 = nn.Parameter(empty(rows, hidden))
        self.bias_ih_l0 = nn.Parameter(empty(rows))
        self.bias_hh_l0 = nn.Parameter(empty(rows))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(hidden), 1 / math.sqrt(hidden))

    def zero_state(self, sequence: Float[Tensor, "t b i"]) -> State:
        """Where every sequence starts."""
        return (sequence.new_zeros(sequence.shape[1], self.hidden),) * self.states

    def net(self, x: Float[Tensor, "b i"], h: Float[Tensor, "b h"]) -> tuple[Float[Tensor, "b h"], ...]:
        """The net inputs of one step, a block each."""
        a = F.linear(x, self.weight_ih_l0, self.bias_ih_l0) + F.linear(h, self.weight_hh_l0, self.bias_hh_l0)
        return a.chunk(self.blocks, dim=1)

    @abstractmethod
    def step(self, x: Float[Tensor, "b i"], state: State) -> State:
        """One step in time, written out: the next state, h first."""

    def forward(self, sequence: Float[Tensor, "t b i"], state: State | None = None) -> tuple[Tensor, State]:
        """All steps: h of every one (T, B, H), and the last state. A loop over ``step``."""
        state = self.zero_state(sequence) if state is None else state
        if self.fused is not None:
            weights = (self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0)
            h, *state_after = self.fused(sequence, *state, *weights)
            return h, tuple(state_after)
        output = []
        for x in sequence:
            state = self.step(x, state)
            output.append(state[0])
        return stack(output), state


class LSTM(Layer):
    """What everyone calls LSTM: the forget gate (Gers, Schmidhuber, Cummins 2000) lets a cell empty itself."""

    fused = staticmethod(F.lstm)  # without this line ``step`` runs, as you edit it
    blocks, states = 4, 2

    def step(self, x: Float[Tensor, "b i"], state: State) -> State:
        h, c = state
        a_i, a_f, a_g, a_o = self.net(x, h)
        i = a_i.sigmoid()
        f = a_f.sigmoid()
        g = a_g.tanh()
        o = a_o.sigmoid()
        c = f * c + i * g
        h = o * c.tanh()
        return h, c

    def set_forget_bias(self, value: float) -> None:
        """The two biases of the forget gate become ``value`` and 0: only their sum matters."""
        rows = slice(self.hidden, 2 * self.hidden)
        with no_grad():
            self.bias_ih_l0[rows] = value
            self.bias_hh_l0[rows] = 0.0


class LSTM1997(Layer):
    """The cell of 1997, section 4: the self-connection of c has weight 1, always.

    c = c + i g(a), h = o h(c), with g = 4 sigmoid - 2 in [-2, 2] and h = 2 sigmoid - 1 in [-1, 1] (appendix A.1).
    """

    fused = staticmethod(F.lstm_1997)  # without this line ``step`` runs, as you edit it
    blocks, states = 3, 2

    def step(self, x: Float[Tensor, "b i"], state: State) -> State:
        h, c = state
        a_i, a_g, a_o = self.net(x, h)
        i = a_i.sigmoid()
        g = 4 * a_g.sigmoid() - 2
        o = a_o.sigmoid()
        c = c + i * g
        h = o * (2 * c.sigmoid() - 1)
        return h, c

    def set_input_biases(self, values: tuple[float, ...]) -> None:
        """Equal shares of the input gates get each of the values as the sum of their two biases (section 5.4)."""
        with no_grad():
            for share, value in enumerate(values):
                first, end = (place * self.hidden // len(values) for place in (share, share + 1))
                self.bias_ih_l0[first:end] = value
                self.bias_hh_l0[first:end] = 0.0


class RNN(Layer):
    """No gates and no cells: h = tanh(a)."""

    fused = staticmethod(F.rnn)  # without this line ``step`` runs, as you edit it
    blocks, states = 1, 1

    def step(self, x: Float[Tensor, "b i"], state: State) -> State:
        (h,) = state
        (a,) = self.net(x, h)
        return (a.tanh(),)


LAYERS: dict[str, Callable[..., Layer]] = {"2000": LSTM, "1997": LSTM1997, "rnn": RNN}


class OneHot(nn.Module):
    """A symbol as a vector of V numbers, 1 at its own place and 0 elsewhere.    (*) -> (*, V)"""

    identity: Tensor

    def __init__(self, symbols: int) -> None:
        super().__init__()
        self.register_buffer("identity", eye(symbols), persistent=False)

    def forward(self, symbol: Int[Tensor, "*n"]) -> Float[Tensor, "*n v"]:
        return F.embedding(symbol, self.identity)


class Network(nn.Module, ABC):
    """Layers between the input of a task and a linear output.

    Noise is on what goes up (before each layer and before the output) and never on what goes on in time (Zaremba,
    Sutskever, Vinyals 2014, figure 2).
    """

    def __init__(self, config: LSTMConfig, inputs: int, outputs: int) -> None:
        super().__init__()
        self.clip = config.clip
        widths = [inputs] + [config.hidden] * (config.layers - 1)
        self.layers = nn.ModuleList([LAYERS[config.cell](width, config.hidden) for width in widths])
        self.noise = nn.Dropout(config.dropout)
        self.output = nn.Linear(config.hidden, outputs)

    def initialise(self, config: LSTMConfig) -> None:
        """The initial values that the configuration asks for, once all parameters are there."""
        if config.initial_range:
            for parameter in self.parameters():
                nn.init.uniform_(parameter, -config.initial_range, config.initial_range)
        for layer in self.layers:
            if isinstance(layer, LSTM):
                layer.set_forget_bias(config.forget_bias)
            if isinstance(layer, LSTM1997):
                layer.set_input_biases(config.input_biases)

    @abstractmethod
    def encode(self, sequence: Tensor) -> Float[Tensor, "*n i"]:
        """What the first layer reads."""

    @abstractmethod
    def loss(self, output: Float[Tensor, "t b o"], batch: LSTMBatch) -> Float[Tensor, ""]:
        """The loss, summed over the batch."""

    @abstractmethod
    def tally(self, output: Float[Tensor, "t b o"], batch: LSTMBatch) -> dict[str, Tensor]:
        """The metrics of the task, summed over the batch."""

    def forward(self, sequence: Tensor, states: list[State] | None = None) -> tuple[Tensor, list[State]]:
        """The outputs at every step (T, B, O), and the state of every layer after the last one.

        Args:
            sequence: (B, T) symbols or (B, T, I) numbers.
            states: what an earlier call returned, to go on from there; by default zeros.
        """
        x = self.encode(sequence.transpose(0, 1))
        after = []
        for position, layer in enumerate(self.layers):
            x, state = layer(self.noise(x), states[position] if states else None)
            after.append(state)
        return self.output(self.noise(x)), after


class SymbolModel(Network):
    """Predicts the next symbol at every step, from the symbols so far."""

    def __init__(self, config: LSTMConfig) -> None:
        symbols = len(config.alphabet)
        super().__init__(config, inputs=config.embedding or symbols, outputs=symbols)
        self.embedding: nn.Embedding | OneHot
        if config.embedding:
            self.embedding = nn.Embedding(symbols, config.embedding)
        else:
            self.embedding = OneHot(symbols)
        self.initialise(config)

    def encode(self, sequence: Int[Tensor, "t b"]) -> Float[Tensor, "t b i"]:
        return self.embedding(sequence)

    def loss(self, output: Float[Tensor, "t b v"], batch: LSTMBatch) -> Float[Tensor, ""]:
        """Cross-entropy with the symbols that followed."""
        return F.cross_entropy(output.flatten(0, 1), batch["target"].T.flatten(), reduction="sum")

    def tally(self, output: Float[Tensor, "t b v"], batch: LSTMBatch) -> dict[str, Tensor]:
        return {"bits": self.loss(output, batch) / math.log(2)}


class GrammarModel(SymbolModel):
    """The same for strings of a grammar, where several symbols may be right."""

    def hits(self, output: Float[Tensor, "t b v"], legal: Bool[Tensor, "b t v"]) -> Bool[Tensor, " b"]:
        """Whether at every step of a string each legal symbol is more active than any other one (section 5.1)."""
        legal = legal.transpose(0, 1)
        weakest = where(legal, output, math.inf).amin(dim=2)
        strongest_other = where(legal, -math.inf, output).amax(dim=2)
        return (weakest > strongest_other).all(dim=0)

    def tally(self, output: Float[Tensor, "t b v"], batch: LSTMBatch) -> dict[str, Tensor]:
        return {"correct": 100 * self.hits(output, batch["legal"]).sum(), "loss": self.loss(output, batch)}


class AddingModel(Network):
    """Reads pairs of numbers and answers with one logistic unit at the end of the sequence."""

    tolerance = 0.04  # section 5.4: an answer this close is right

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__(config, inputs=2, outputs=1)
        self.initialise(config)

    def encode(self, sequence: Float[Tensor, "t b 2"]) -> Float[Tensor, "t b 2"]:
        return sequence

    def answer(self, output: Float[Tensor, "t b 1"], length: Int[Tensor, " b"]) -> Float[Tensor, " b"]:
        """The answer at the last step of each sequence, whatever its length."""
        return output[length - 1, arange(len(length)), 0].sigmoid()

    def loss(self, output: Float[Tensor, "t b 1"], batch: LSTMBatch) -> Float[Tensor, ""]:
        """The squared error."""
        return F.mse_loss(self.answer(output, batch["length"]), batch["target"], reduction="sum")

    def tally(self, output: Float[Tensor, "t b 1"], batch: LSTMBatch) -> dict[str, Tensor]:
        error = (self.answer(output, batch["length"]) - batch["target"]).abs()
        return {"correct": 100 * (error < self.tolerance).sum(), "squared_error": (error * error).sum()}


def build(config: LSTMConfig, generator: Generator | None = None) -> Network:
    """The network for ``config.task``."""
    with random.initialising(generator):
        return {"text": SymbolModel, "reber": GrammarModel, "adding": AddingModel}[config.task](config)


@nn.utils.in_parts
def loss(model: Network, batch: LSTMBatch) -> Float[Tensor, ""]:
    """The model's loss on {"sequence": (B, T, ...), "target", ..., "count"} from a zero state, divided by the count."""
    output, _ = model(batch["sequence"])
    return model.loss(output, batch) / batch["count"]
