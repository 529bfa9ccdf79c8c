"""What LeNet-5 in PyTorch reads of its configuration, and of a batch."""

from typing import Annotated, Protocol, TypedDict, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from ..arguments import Count, CountOrZero, NotNegative, Options, Positive, Rule, one_of
from .bitmaps import BITMAPS


@runtime_checkable
class LeNetConfig(Protocol):
    """The network and its training recipe."""

    variant: Annotated[str, one_of("1998", "modern")] = "1998"
    image_size: Annotated[int, Rule("a multiple of 4, at least 16", lambda n: n >= 16 and n % 4 == 0)] = 32
    c5_maps: Count = 120
    f6_units: Count = 84  # a 7 x 12 bitmap in the 1998 network
    classes: Count = 10
    rubbish: Positive = 10.0  # j in the loss of section III-C: how far wrong classes are pushed away

    batch_size: Count = 64
    epochs: Count = 12
    learning_rate: Positive = 3e-3
    weight_decay: NotNegative = 0.0
    seed: CountOrZero = 0

    @property
    def c5_kernel(self) -> int:
        """C5 sees all of S4: two 5 x 5 convolutions and two halvings below the image size."""
        return ((self.image_size - 4) // 2 - 4) // 2

    @property
    def prototypes(self) -> tuple[tuple[int, ...], ...]:
        """The fixed weights of the RBF units, (classes, f6_units) of +-1."""
        return BITMAPS


class Run(LeNetConfig, Options):
    """What ``python -m reference.lenet.train`` trains."""

    def check(self) -> None:
        """Raise ValueError where the network's sizes are not those of the bitmaps."""
        if self.variant == "1998" and (self.f6_units, self.classes) != (84, 10):
            raise ValueError(f"f6_units must be 84 and classes 10, got {self.f6_units} and {self.classes}")


class LeNetBatch(TypedDict):
    """Images on the paper's grey scale, and what they show."""

    image: Float[Tensor, "b 1 size size"]
    label: Int[Tensor, " b"]
    count: float
