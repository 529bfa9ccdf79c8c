"""What the five autoencoders in PyTorch read of their configuration, and of a batch."""

from typing import Annotated, Protocol, TypedDict, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from ..arguments import Count, CountOrZero, Counts, Options, Positive, Share, one_of


@runtime_checkable
class AutoencoderConfig(Protocol):
    """The network and its training recipe."""

    variant: Annotated[str, one_of("deep", "linear", "convolutional", "denoising", "vae")] = "deep"
    image_size: Count = 28  # pixels a side
    hidden: Counts = (1000, 500, 250)  # units of the encoder's hidden layers ("deep", "vae"); mirrored back
    channels: tuple[int, int] = (16, 32)  # of the convolutional encoder's two layers
    code_size: Count = 30
    gain: Positive = 4.0  # initial weights in units of Xavier's ("deep", "vae"); 1.0 suits "vae"
    corruption: Share = 0.0  # the fraction of pixels that the denoising autoencoder loses in training

    batch_size: Count = 32
    epochs: Count = 12
    learning_rate: Positive = 1e-3
    seed: CountOrZero = 0

    @property
    def pixels(self) -> int:
        """Of an image."""
        return self.image_size**2


class Run(AutoencoderConfig, Options):
    """What ``python -m reference.autoencoder.train`` trains."""

    def check(self) -> None:
        """Raise ValueError where the convolutional encoder cannot be."""
        if len(self.channels) != 2 or min(self.channels) < 1:
            raise ValueError(f"channels must be two numbers of at least 1, got {self.channels}")
        if self.variant == "convolutional" and self.image_size % 4:
            raise ValueError(f"image_size must be a multiple of 4 to be halved twice, got {self.image_size}")


class AutoencoderBatch(TypedDict):
    """Images with pixels in [0, 1], which are their own targets."""

    image: Float[Tensor, "b 1 s s"]
    count: float
