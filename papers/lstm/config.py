"""Configurations of the recurrent networks: a cell and a task, and how to train."""

from dataclasses import dataclass, replace
from typing import Any, NotRequired, TypedDict

from jaxtyping import Bool, Int

from tinygrad_lab import Tensor
from tinygrad_lab.data.characters import CHARACTERS

CELLS = ("2000", "1997", "rnn")
TASKS = ("text", "adding", "reber")
REBER_SYMBOLS = "BTPSXVE"


@dataclass(frozen=True)
class LSTMConfig:
    """Layers of cells between the input of a task and its output, and the training recipe.

    Raises:
        ValueError: an unknown cell or task, or a size, count, probability or rate out of range.
    """

    variant: str = "2000"
    cell: str = "2000"  # "2000" with a forget gate, "1997" without, "rnn" with no gates at all
    task: str = "text"  # next characters of a text; "adding", section 5.4; "reber", section 5.1
    hidden: int = 256  # cells in a layer
    layers: int = 1
    embedding: int = 256  # length of the learned vector that stands for a symbol; 0 for a one-hot vector
    dropout: float = 0.0  # of everything that goes up, never of what goes on in time (Zaremba et al. 2014)
    forget_bias: float = 1.0  # initial bias of the forget gate: the sum of the two biases that torch's form has
    input_biases: tuple[float, ...] = ()  # initial ones of the cell of 1997, a value for each share of its input gates
    initial_range: float = 0.0  # parameters start uniform within +-this; 0 for torch's +-1/sqrt(hidden) and the like

    dataset: str = "auto"  # of the text: "timemachine" if it can be had, else "topics"; or "tinyshakespeare"
    train_share: float = 1.0  # of the training text that is trained on; what it leaves is for validation
    length: int = 64  # characters in a training window; T of the adding problem; Reber strings have their own
    items: int = 0  # generated sequences in an epoch; 0 for what the task has: the windows of the text
    batch_size: int = 32
    epochs: int = 20
    learning_rate: float = 3e-3
    final_rate: float = 0.0  # the learning rate falls along half a cosine to this share of itself
    clip: float = 1.0  # the largest norm of all gradients together
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("cell", CELLS), ("task", TASKS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        for name in ("hidden", "layers", "length", "batch_size", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("embedding", "initial_range", "items", "final_rate"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if self.task == "adding" and self.length < 12:
            raise ValueError(f"length must be at least 12 for the adding problem, got {self.length}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")
        if self.input_biases and (self.cell != "1997" or len(self.input_biases) > self.hidden):
            raise ValueError("input_biases are of the cell of 1997, at most as many as there are cells")
        if not 0 < self.train_share <= 1:
            raise ValueError(f"train_share must be in (0, 1], got {self.train_share}")
        for name in ("learning_rate", "clip"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")

    @property
    def alphabet(self) -> str:
        """The symbols of the task in the order of their numbers; none for the adding problem."""
        return {"text": CHARACTERS, "reber": REBER_SYMBOLS, "adding": ""}[self.task]


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


TINY = LSTMConfig(hidden=6, layers=2, embedding=5, dropout=0.25, length=7, batch_size=3)
SMALL = LSTMConfig()
# The medium model of Zaremba et al. 2014, with 96 characters in place of their 10,000 words.
PAPER_SIZE = LSTMConfig(
    hidden=650, layers=2, embedding=650, dropout=0.5, initial_range=0.05, length=35, batch_size=20, epochs=39, clip=5.0
)

# The tasks of 1997 with its cell, online or in small batches, at a constant learning rate.
ADDING: dict[str, Any] = {
    "variant": "adding", "task": "adding", "cell": "1997", "embedding": 0, "learning_rate": 1e-2, "final_rate": 1.0,
    "items": 10_000,
}  # fmt: skip
REBER: dict[str, Any] = {
    "variant": "reber", "task": "reber", "cell": "1997", "embedding": 0, "learning_rate": 1e-2, "final_rate": 1.0,
}  # fmt: skip
VARIANTS = {
    cell: {
        "tiny": replace(TINY, variant=cell, cell=cell),
        "small": replace(SMALL, variant=cell, cell=cell),
        "paper": replace(PAPER_SIZE, variant=cell, cell=cell),
    }
    for cell in CELLS
} | {
    "adding": {
        "tiny": LSTMConfig(**ADDING, hidden=5, length=12, batch_size=4),
        "small": LSTMConfig(**ADDING, hidden=32, length=50, epochs=5),
        "paper": LSTMConfig(**ADDING, hidden=4, length=100, initial_range=0.1, input_biases=(-3.0, -6.0), epochs=8),
    },
    "reber": {
        "tiny": LSTMConfig(**REBER, hidden=5, batch_size=4),
        "small": LSTMConfig(**REBER, hidden=8, batch_size=4, epochs=100),
        "paper": LSTMConfig(**REBER, hidden=4, initial_range=0.2, batch_size=1, epochs=155),
    },
}
