"""The same network with torch's own ``nn.LocalResponseNorm`` where it has the paper's idea, for benchmarks."""

from torch import nn

from .config import AlexNetConfig
from .model import AlexNet, LocalResponseNorm


def build(config: AlexNetConfig) -> AlexNet:
    """The network of ``config``."""
    network = AlexNet(config)
    for name, module in network.named_children():
        if isinstance(module, LocalResponseNorm):
            n = module.n
            setattr(network, name, nn.LocalResponseNorm(n, alpha=module.alpha * n, beta=module.beta, k=module.k))
    return network
