"""Configurations of the dropout networks."""

from dataclasses import dataclass, replace
from typing import Any, TypedDict

from jaxtyping import Float, Int

from tinygrad_lab import Tensor


@dataclass(frozen=True)
class DropoutConfig:
    """A fully connected ReLU network and its training recipe.

    ``drop_input`` and ``drop_hidden`` are probabilities of dropping a unit, as in torch. The paper's p is the
    probability of *retaining* one: its 0.8 for inputs and 0.5 for hidden units are 0.2 and 0.5 here.

    Raises:
        ValueError: a value that no network or recipe can have.
    """

    variant: str = "dropout"  # or "weight-scaling", "gaussian", "max-norm", "standard"
    inputs: int = 784
    hidden: tuple[int, ...] = (1024, 1024, 1024)
    classes: int = 10
    drop_input: float = 0.2
    drop_hidden: float = 0.5
    max_norm: float = 0.0  # c, the longest incoming weight vector a hidden unit may have; 0 for no bound

    dataset: str = "auto"  # "mnist", "fashion-mnist", "digits", "blobs"; "auto" is MNIST if it can be had, else digits
    train_items: int = 0  # train on so many items only, drawn with ``seed``; 0 for all
    batch_size: int = 128
    epochs: int = 100
    optimizer: str = "sgd"  # with momentum, as in the paper; "adam" for the blobs
    learning_rate: float = 0.03
    final_rate: float = 0.0  # the learning rate falls along half a cosine to this share of itself
    momentum: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.optimizer not in ("sgd", "adam"):
            raise ValueError(f"optimizer must be sgd or adam, got {self.optimizer!r}")
        if min((1, *self.hidden)) < 1:
            raise ValueError(f"hidden must be at least 1 each, got {self.hidden}")
        for name in ("inputs", "classes", "batch_size", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("max_norm", "train_items", "final_rate"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        for name in ("drop_input", "drop_hidden", "momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")


class DropoutBatch(TypedDict):
    """Images as flat vectors of pixels in [0, 1], and what they show."""

    image: Float[Tensor, "b inputs"]
    label: Int[Tensor, " b"]
    count: float


TINY = DropoutConfig(inputs=64, hidden=(12, 10), dataset="digits", batch_size=4)  # 8 x 8 digits
SMALL = DropoutConfig(hidden=(800, 800), epochs=30)  # the widths of table 2's first row
PAPER_SIZE = DropoutConfig(epochs=2000)  # about the paper's million updates

CHANGES: dict[str, dict[str, Any]] = {
    "dropout": {},
    "weight-scaling": {},
    "gaussian": {},
    "max-norm": {"max_norm": 2.0},  # appendix B.1
    "standard": {"drop_input": 0.0, "drop_hidden": 0.0},
}
VARIANTS = {
    variant: {
        "tiny": replace(TINY, variant=variant, **changes),
        "small": replace(SMALL, variant=variant, **changes),
        "paper": replace(PAPER_SIZE, variant=variant, **changes),
    }
    for variant, changes in CHANGES.items()
}
# The rows of so narrow a network are short: a bound that they reach within the steps that parity compares.
VARIANTS["max-norm"]["tiny"] = replace(VARIANTS["max-norm"]["tiny"], max_norm=0.5)
