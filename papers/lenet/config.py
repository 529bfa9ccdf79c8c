"""Configurations of LeNet-5."""

from dataclasses import dataclass, replace
from typing import TypedDict

from jaxtyping import Float, Int

from tinygrad_lab import Tensor

from .bitmaps import BITMAPS


@dataclass(frozen=True)
class LeNetConfig:
    """The network and its training recipe.

    Raises:
        ValueError: an unknown variant, an image the layers do not fit into, or a size, count or rate out of range.
    """

    variant: str = "1998"  # "1998", or "modern": max-pooling, ReLU, full C3, softmax
    image_size: int = 32  # pixels a side; 28 x 28 digits are centred on background
    c5_maps: int = 120
    f6_units: int = 84  # a 7 x 12 bitmap in the 1998 network
    classes: int = 10
    rubbish: float = 10.0  # j in the loss of section III-C: how far wrong classes are pushed away

    dataset: str = "auto"  # "mnist", "fashion-mnist", "digits"; "auto" is MNIST if it can be had, else the digits
    train_items: int = 0  # train on so many images only, drawn with ``seed``; 0 for all
    distort: bool = False  # random planar distortions of the training images, section III-A
    batch_size: int = 64
    epochs: int = 20
    learning_rate: float = 3e-3
    weight_decay: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.variant not in ("1998", "modern"):
            raise ValueError(f"variant must be 1998 or modern, got {self.variant!r}")
        if self.image_size < 16 or self.image_size % 4:
            raise ValueError(f"image_size must be a multiple of 4 and at least 16, got {self.image_size}")
        for name in ("c5_maps", "f6_units", "classes", "batch_size", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.variant == "1998" and (self.f6_units, self.classes) != (84, 10):
            raise ValueError(
                f"the 1998 network compares 84 f6_units with 10 bitmaps, got {self.f6_units} and {self.classes} classes"
            )
        if self.train_items < 0:
            raise ValueError(f"train_items must be at least 0, got {self.train_items}")
        if self.learning_rate <= 0 or self.weight_decay < 0:
            raise ValueError(
                f"learning_rate must be above 0 and weight_decay at least 0, got {self.learning_rate} "
                f"and {self.weight_decay}"
            )

    @property
    def c5_kernel(self) -> int:
        """C5 sees all of S4: two 5 x 5 convolutions and two halvings below the image size."""
        return ((self.image_size - 4) // 2 - 4) // 2

    @property
    def prototypes(self) -> tuple[tuple[int, ...], ...]:
        """The fixed weights of the RBF units, (classes, f6_units) of +-1."""
        return BITMAPS


class LeNetBatch(TypedDict):
    """Images on the paper's grey scale, and what they show."""

    image: Float[Tensor, "b 1 size size"]
    label: Int[Tensor, " b"]
    count: float


# Untrained outputs are about 84 away from every bitmap: only with a j of that size do wrong classes get a gradient.
TINY = LeNetConfig(image_size=16, c5_maps=12, batch_size=4, rubbish=90.0)
SMALL = LeNetConfig(epochs=4)
PAPER_SIZE = LeNetConfig()

VARIANTS = {
    variant: {
        "tiny": replace(TINY, variant=variant),
        "small": replace(SMALL, variant=variant),
        "paper": replace(PAPER_SIZE, variant=variant),
    }
    for variant in ("1998", "modern")
}
