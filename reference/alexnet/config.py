"""What AlexNet in PyTorch reads of its configuration, and of a batch."""

from typing import Annotated, Protocol, TypedDict, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from ..arguments import Count, CountOrZero, NotNegative, Options, Positive, Rule, Share, one_of


@runtime_checkable
class AlexNetConfig(Protocol):
    """The network, its images and its training recipe."""

    channels: Count = 1
    image_size: Count = 28  # pixels a side; 227 in the paper
    kernel: Count = 5  # of conv1; 11 in the paper
    stride: Count = 1  # of conv1; 4 in the paper
    maps: Annotated[tuple[int, ...], Rule("five numbers of at least 1", lambda ns: len(ns) == 5 and min(ns) >= 1)] = (
        12, 32, 48, 48, 32,
    )  # fmt: skip
    units: Count = 256  # of fc6 and fc7
    classes: Count = 10
    groups: Count = 2  # of conv2, conv4 and conv5: the paper's two GPUs
    activation: Annotated[str, one_of("relu", "tanh")] = "relu"
    lrn_size: Annotated[int, Rule("odd, or 0 for no normalisation", lambda n: n == 0 or (n > 0 and n % 2 == 1))] = 5
    lrn_alpha: float = 1e-4
    pool_window: Annotated[int, Rule("2 or 3", lambda n: n in (2, 3))] = 3  # z of section 3.4
    drop: Share = 0.5  # of the outputs of fc6 and fc7
    init_std: NotNegative = 0.04
    init_bias: float = 1.0  # of conv2, conv4, conv5, fc6 and fc7

    pixel_scale: Positive = 255.0  # white; initial weights are made for raw values
    batch_size: Count = 32
    epochs: Count = 10
    learning_rate: Positive = 0.01
    divisions: CountOrZero = 3  # how many times the learning rate is divided by 10
    momentum: Share = 0.9
    weight_decay: NotNegative = 5e-4
    seed: CountOrZero = 0

    @property
    def map_sizes(self) -> tuple[int, int, int, int]:
        """Pixels a side of conv1's maps and of those after each of the three poolings."""
        conv1 = (self.image_size - self.kernel) // self.stride + 1
        pool1 = (conv1 - self.pool_window) // 2 + 1
        pool2 = (pool1 - self.pool_window) // 2 + 1
        return conv1, pool1, pool2, (pool2 - self.pool_window) // 2 + 1

    @property
    def flat(self) -> int:
        """Inputs of fc6."""
        return self.maps[-1] * self.map_sizes[-1] ** 2


class Run(AlexNetConfig, Options):
    """What ``python -m reference.alexnet.train`` trains."""

    def check(self) -> None:
        """Raise ValueError where the layers do not fit the image, or groups the widths."""
        if self.map_sizes[-1] < 1:
            raise ValueError(f"image_size {self.image_size} leaves nothing after three poolings: {self.map_sizes}")
        if any(width % self.groups for width in self.maps):
            raise ValueError(f"groups must divide every number of maps, got {self.groups} and {self.maps}")


class AlexNetBatch(TypedDict):
    """Images less the mean of those that are trained on, and what they show."""

    image: Float[Tensor, "b c h w"]  # or several views of each, (V, B, C, H, W), to evaluate
    label: Int[Tensor, " b"]
    count: float
