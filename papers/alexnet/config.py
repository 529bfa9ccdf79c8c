"""Configurations of AlexNet."""

from dataclasses import dataclass, replace
from typing import Any, TypedDict

from jaxtyping import Float, Int

from tinygrad_lab import Tensor


@dataclass(frozen=True)
class AlexNetConfig:
    """The network, its images and its training recipe; the defaults are the paper's.

    Raises:
        ValueError: an image that the layers do not fit into, widths that do not split into groups, or a value out of
            range.
    """

    variant: str = "2012"  # the name of a row of CHANGES below; the fields say what it is
    channels: int = 3
    image_size: int = 227  # pixels a side of what the network sees; the paper's text says 224, its arithmetic 227
    kernel: int = 11  # of conv1
    stride: int = 4  # of conv1
    maps: tuple[int, ...] = (96, 256, 384, 384, 256)  # of conv1 ... conv5
    units: int = 4096  # of fc6 and fc7
    classes: int = 1000
    groups: int = 2  # of conv2, conv4 and conv5: the paper's two GPUs
    activation: str = "relu"  # or "tanh"
    lrn_size: int = 5  # n of section 3.3, how many neighbouring maps; 0 for no normalisation
    lrn_alpha: float = 1e-4
    pool_window: int = 3  # z of section 3.4; the stride s is 2, so 3 overlaps and 2 does not
    drop: float = 0.5  # of the outputs of fc6 and fc7
    init_std: float = 0.01
    init_bias: float = 1.0  # of conv2, conv4, conv5, fc6 and fc7

    dataset: str = "auto"  # "fashion-mnist", "mnist", "digits"; "auto" is Fashion-MNIST if it is there, else the digits
    train_items: int = 0  # train on so many images only, drawn with ``seed``; 0 for all
    stored_size: int = 256  # pixels a side of the whole image, which crops are taken from
    pixel_scale: float = 255.0  # white; the paper trains on raw values, and its initial weights are made for them
    crops: bool = True  # random crops in training; False takes the centre
    flips: bool = True  # mirror every other training image (no good for digits)
    colour: float = 0.1  # standard deviation of the colour shift's factors; 0 for no shift
    ten_views: bool = True  # test on the average over ten views of an image; False takes the centre

    batch_size: int = 128
    epochs: int = 90
    learning_rate: float = 0.01
    divisions: int = 3  # how many times the learning rate is divided by 10
    momentum: float = 0.9
    weight_decay: float = 5e-4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.activation not in ("relu", "tanh"):
            raise ValueError(f"activation must be relu or tanh, got {self.activation!r}")
        if len(self.maps) != 5 or min(self.maps) < 1:
            raise ValueError(f"maps must be five numbers of at least 1, got {self.maps}")
        for name in ("channels", "kernel", "stride", "units", "classes", "groups", "batch_size", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if any(width % self.groups for width in self.maps):
            raise ValueError(f"groups must divide every number of maps, got groups={self.groups} and maps={self.maps}")
        if self.lrn_size and self.lrn_size % 2 == 0:
            raise ValueError(f"lrn_size must be odd, or 0 for no normalisation, got {self.lrn_size}")
        if self.pool_window not in (2, 3):
            raise ValueError(f"pool_window must be 2 or 3, got {self.pool_window}")
        self._check_training()
        self._check_sizes()

    def _check_training(self) -> None:
        if not 0 <= self.drop < 1:
            raise ValueError(f"drop must be in [0, 1), got {self.drop}")
        for name in ("learning_rate", "pixel_scale"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("init_std", "colour", "divisions", "momentum", "weight_decay", "train_items"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")

    def _check_sizes(self) -> None:
        if self.stored_size < self.image_size:
            raise ValueError(f"stored_size must be at least image_size, got {self.stored_size} and {self.image_size}")
        rest = (self.image_size - self.kernel) % self.stride
        if self.image_size < self.kernel or rest:
            raise ValueError(
                f"image_size must be kernel plus a multiple of stride, or pixels at the border are never seen: got "
                f"{self.image_size} with kernel={self.kernel}, stride={self.stride}"
            )
        if self.map_sizes[-1] < 1:
            raise ValueError(f"image_size {self.image_size} leaves nothing after three poolings: {self.map_sizes}")

    @property
    def map_sizes(self) -> tuple[int, int, int, int]:
        """Pixels a side of conv1's maps and of those after each of the three poolings: 55, 27, 13, 6 in the paper."""
        sizes = [(self.image_size - self.kernel) // self.stride + 1]
        for _ in range(3):
            sizes.append((sizes[-1] - self.pool_window) // 2 + 1)
        return sizes[0], sizes[1], sizes[2], sizes[3]

    @property
    def flat(self) -> int:
        """Inputs of fc6."""
        return self.maps[-1] * self.map_sizes[-1] ** 2


class AlexNetBatch(TypedDict):
    """Images less the mean of those that are trained on, and what they show."""

    image: Float[Tensor, "b c h w"]  # or several views of each, (V, B, C, H, W), to evaluate
    label: Int[Tensor, " b"]
    count: float


PAPER_SIZE = AlexNetConfig()
# Crops of 28 x 28 pixels out of 32 x 32 are the paper's 224 out of 256 on the scale of Fashion-MNIST.
SMALL = AlexNetConfig(
    channels=1, image_size=28, kernel=5, stride=1, maps=(12, 32, 48, 48, 32), units=256, classes=10,
    stored_size=32, init_std=0.04, colour=0.0, ten_views=False, epochs=10,
)  # fmt: skip
# Large weights and a large alpha: parity must see a wrong sum of neighbours, and every layer's gradient.
TINY = AlexNetConfig(
    image_size=33, kernel=5, stride=2, maps=(6, 8, 12, 12, 8), units=16, classes=10, lrn_alpha=1e-3, init_std=0.15,
    stored_size=36, batch_size=4,
)  # fmt: skip

CHANGES: dict[str, dict[str, Any]] = {
    "2012": {},
    "tanh": {"activation": "tanh"},  # figure 1
    "no-lrn": {"lrn_size": 0},  # section 3.3
    "plain-pooling": {"pool_window": 2},  # section 3.4
    "no-dropout": {"drop": 0.0},  # section 4.2
}
# The slope of a saturated tanh, 1 - t², is nothing but cancellation in float32: its tiny network sees paler images.
PALE: dict[str, dict[str, Any]] = {"tanh": {"pixel_scale": 8.0}}
VARIANTS = {
    variant: {
        "tiny": replace(TINY, variant=variant, **changes, **PALE.get(variant, {})),
        "small": replace(SMALL, variant=variant, **changes),
        "paper": replace(PAPER_SIZE, variant=variant, **changes),
    }
    for variant, changes in CHANGES.items()
}
