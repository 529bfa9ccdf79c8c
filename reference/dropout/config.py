"""What the dropout networks in PyTorch read of their configuration, and of a batch."""

import math
from typing import Annotated, Protocol, TypedDict, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from ..arguments import Count, CountOrZero, Counts, NotNegative, Options, Positive, Rule, Share, one_of


@runtime_checkable
class DropoutConfig(Protocol):
    """A fully connected ReLU network and its training recipe."""

    # Which noise; the other side's "max-norm" and "standard" are dropout with other numbers.
    variant: Annotated[str, one_of("dropout", "weight-scaling", "gaussian")] = "dropout"
    inputs: Annotated[int, Rule("a square of at least 8 by 8", lambda n: n >= 64 and math.isqrt(n) ** 2 == n)] = 784
    hidden: Counts = (800, 800)
    classes: Count = 10
    drop_input: Share = 0.2
    drop_hidden: Share = 0.5
    max_norm: NotNegative = 0.0  # c, the longest incoming weight vector a hidden unit may have; 0 for no bound

    batch_size: Count = 128
    epochs: Count = 20
    optimizer: Annotated[str, one_of("sgd", "adam")] = "sgd"
    learning_rate: Positive = 0.03
    final_rate: NotNegative = 0.0  # the learning rate falls along half a cosine to this share of itself
    momentum: Share = 0.95
    seed: CountOrZero = 0


class Run(DropoutConfig, Options):
    """What ``python -m reference.dropout.train`` trains."""


class DropoutBatch(TypedDict):
    """Images as flat vectors of pixels in [0, 1], and what they show."""

    image: Float[Tensor, "b inputs"]
    label: Int[Tensor, " b"]
    count: float
