"""The same network with torch's own ``nn.Dropout`` where it has the paper's idea, for benchmarks."""

from torch import nn

from .config import DropoutConfig
from .model import Dropout, Network


def build(config: DropoutConfig) -> Network:
    """The network of ``config.variant``; noise that torch has no module for stays as it is written out."""
    network = Network(config)
    for position, noise in enumerate(network.noise):
        if isinstance(noise, Dropout):
            network.noise[position] = nn.Dropout(noise.drop)
    return network
