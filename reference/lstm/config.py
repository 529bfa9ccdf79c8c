"""What the recurrent networks in PyTorch read of their configuration, and of a batch."""

from typing import Annotated, NotRequired, Protocol, TypedDict, runtime_checkable

from jaxtyping import Bool, Int
from torch import Tensor

from ..arguments import Count, CountOrZero, NotNegative, Options, Positive, Share, Window, one_of
from ..data import CHARACTERS


@runtime_checkable
class LSTMConfig(Protocol):
    """Layers of cells between the input of a task and its output, and the training recipe."""

    cell: Annotated[str, one_of("2000", "1997", "rnn")] = "2000"  # with a forget gate, without, with no gates at all
    task: str = "text"  # next characters of a text; or "adding", "reber"
    hidden: Count = 192  # cells in a layer
    layers: Count = 1
    embedding: CountOrZero = 64  # length of the learned vector that stands for a symbol; 0 for a one-hot vector
    dropout: Share = 0.0  # of everything that goes up, never of what goes on in time
    forget_bias: float = 1.0  # initial bias of the forget gate
    input_biases: tuple[float, ...] = ()  # initial ones of the cell of 1997
    initial_range: NotNegative = 0.0  # parameters start uniform within +-this; 0 for torch's own

    length: Window = 64  # characters in a training window
    batch_size: Count = 32
    epochs: Count = 3
    learning_rate: Positive = 3e-3
    final_rate: NotNegative = 0.0  # the learning rate falls along half a cosine to this share of itself
    clip: Positive = 1.0  # the largest norm of all gradients together
    seed: CountOrZero = 0

    @property
    def alphabet(self) -> str:
        """The symbols of the task in the order of their numbers; of a text, printable characters."""
        return CHARACTERS


class Run(LSTMConfig, Options):
    """What ``python -m reference.lstm.train`` trains."""

    task: Annotated[str, one_of("text")] = "text"


class LSTMBatch(TypedDict):
    """Sequences, and what is to be said of them.

    Of a text, characters and those that follow them; of the adding problem, pairs of numbers (B, T, 2) and sums (B,) at
    the end of each; of Reber strings, symbols, those that follow them and all that might.
    """

    sequence: Tensor
    target: Tensor
    count: float
    continues: NotRequired[bool]  # whether the sequences go on where those of the batch before ended
    length: NotRequired[Int[Tensor, " b"]]
    legal: NotRequired[Bool[Tensor, "b t v"]]
