"""The networks that LeNet-5 is compared with in figure 9, in PyTorch."""

from collections.abc import Callable
from typing import Annotated, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, cat, nn

from ...arguments import one_of
from ..config import LeNetConfig
from ..model import Convolution, LeNet5Modern, Subsampling, squash, uniform_by_fan_in
from ..model import loss as loss


@runtime_checkable
class NetworkConfig(LeNetConfig, Protocol):
    """LeNet-5's recipe for another network."""

    network: Annotated[str, one_of("linear", "hidden", "lenet1")] = "linear"


class Squash(nn.Module):
    """The squashing function as a layer."""

    def forward(self, input: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return squash(input)


class PairedConvolution(nn.Module):
    """The second convolution of LeNet-1: 4 maps read one input map each, 4 the first two, 4 the last two.

    (B, 4, H, W) -> (B, 12, H-4, W-4)
    """

    def __init__(self) -> None:
        super().__init__()
        self.single = nn.Conv2d(4, 4, 5, groups=4)
        self.pair = nn.Conv2d(4, 8, 5, groups=2)
        uniform_by_fan_in(self.single.parameters(), 25)
        uniform_by_fan_in(self.pair.parameters(), 50)

    def forward(self, input: Float[Tensor, "b 4 h w"]) -> Float[Tensor, "b 12 h-4 w-4"]:
        return cat([self.single(input), self.pair(input)], dim=1)


class Compared(LeNet5Modern):
    """Layers that end in ten linear outputs; from the modern variant come loss and answer, no layer."""

    def __init__(self, layers: nn.Module) -> None:
        nn.Module.__init__(self)
        self.layers = layers

    def forward(self, image: Float[Tensor, "b 1 size size"]) -> Float[Tensor, "b classes"]:
        return self.layers(image)


def connected(inputs: int, outputs: int) -> nn.Linear:
    """A fully connected layer, its weights drawn as LeNet-5's."""
    layer = nn.Linear(inputs, outputs)
    uniform_by_fan_in(layer.parameters(), inputs)
    return layer


def linear() -> nn.Module:
    """One layer from pixels to classes."""
    return nn.Sequential(nn.Flatten(), connected(784, 10))


def hidden() -> nn.Module:
    """784-300-10."""
    return nn.Sequential(nn.Flatten(), connected(784, 300), Squash(), connected(300, 10))


def lenet1() -> nn.Module:
    """Two convolutions, each followed by subsampling, and one fully connected layer."""
    first = (Convolution(1, 4, 5), Squash(), Subsampling(4))
    second = (PairedConvolution(), Squash(), Subsampling(12))
    return nn.Sequential(*first, *second, nn.Flatten(), connected(12 * 4 * 4, 10))


NETWORKS: dict[str, Callable[[], nn.Module]] = {"linear": linear, "hidden": hidden, "lenet1": lenet1}


def build(config: NetworkConfig) -> Compared:
    """The network of ``config.network``."""
    return Compared(NETWORKS[config.network]())
