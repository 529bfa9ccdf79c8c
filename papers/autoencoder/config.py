"""Configurations of the five autoencoders."""

from dataclasses import dataclass, replace
from typing import TypedDict

from jaxtyping import Float

from tinygrad_lab import Tensor
from tinygrad_lab.paper import Size

COUNTS = ("image_size", "code_size", "batch_size", "epochs")  # fields that must be at least 1


@dataclass(frozen=True)
class AutoencoderConfig:
    """The network and its training recipe.

    Raises:
        ValueError: a size below 1, a corruption outside [0, 1), or a convolutional image that cannot be halved twice.
    """

    variant: str = "deep"  # "deep", "linear", "convolutional", "denoising", "vae"
    image_size: int = 28  # pixels a side
    hidden: tuple[int, ...] = (1000, 500, 250)  # units of the encoder's hidden layers ("deep", "vae"); mirrored back
    channels: tuple[int, int] = (16, 32)  # of the convolutional encoder's two layers
    code_size: int = 30
    # Initial weights in units of Xavier's ("deep", "vae"). The logistic function's slope at 0 is 1/4, so 4 keeps the
    # signal's size from layer to layer. With small weights a deep network stays at the mean image: in 2006 pretraining
    # had to prevent that.
    gain: float = 4.0
    corruption: float = 0.0  # the fraction of pixels that the denoising autoencoder loses in training

    dataset: str = "auto"  # "mnist", "fashion-mnist", "digits"; "auto" is MNIST if it can be had, else the digits
    train_items: int = 0  # train on so many images only, drawn with ``seed``; 0 for all
    batch_size: int = 128
    epochs: int = 50
    learning_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in {name: getattr(self, name) for name in COUNTS}.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if self.train_items < 0:
            raise ValueError(f"train_items must be at least 0, got {self.train_items}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        if min((*self.hidden, *self.channels)) < 1:
            raise ValueError(f"hidden and channels must be at least 1, got {self.hidden} and {self.channels}")
        if not 0 <= self.corruption < 1:
            raise ValueError(f"corruption must be in [0, 1), got {self.corruption}")
        if self.variant == "convolutional" and self.image_size % 4:
            raise ValueError(f"image_size must be a multiple of 4 to be halved twice, got {self.image_size}")

    @property
    def pixels(self) -> int:
        return self.image_size**2


class AutoencoderBatch(TypedDict):
    """Images with pixels in [0, 1], which are their own targets."""

    image: Float[Tensor, "b 1 s s"]
    count: float


PAPER_SIZE = {
    "deep": AutoencoderConfig(),
    "linear": AutoencoderConfig(variant="linear", epochs=20, learning_rate=1e-2),  # 1e-3 stops near a saddle point
    "convolutional": AutoencoderConfig(variant="convolutional", epochs=20),
    "denoising": AutoencoderConfig(variant="denoising", code_size=500, corruption=0.25, epochs=20),
    "vae": AutoencoderConfig(variant="vae", hidden=(500,), code_size=20, gain=1.0, batch_size=100),
}


def tiny(config: AutoencoderConfig) -> AutoencoderConfig:
    """The same network with next to no units."""
    hidden = (12, 6)[: len(config.hidden)]
    return replace(config, image_size=8, hidden=hidden, channels=(2, 3), code_size=3, batch_size=4, epochs=1)


VARIANTS: dict[str, dict[Size, AutoencoderConfig]] = {
    variant: {"tiny": tiny(config), "small": replace(config, epochs=10), "paper": config}
    for variant, config in PAPER_SIZE.items()
}
