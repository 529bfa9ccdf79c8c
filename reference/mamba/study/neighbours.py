"""Other networks on Mamba's tasks in PyTorch: LLaMA, whose attention is rotary, and the Forgetting Transformer."""

from collections.abc import Callable
from typing import Annotated, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor, nn

from ...arguments import Count, one_of
from ...forgetting_transformer import model as forgetting_transformer
from ...forgetting_transformer.config import FoXConfig
from ...llama import model as llama
from ...llama.config import LlamaConfig
from ..config import MambaConfig
from ..model import Mamba
from ..model import loss as loss


@runtime_checkable
class NeighbourConfig(MambaConfig, Protocol):
    """Mamba's recipe for another network."""

    network: Annotated[str, one_of("LLaMA", "FoX")] = "LLaMA"
    heads: Count = 4
    feed_forward: Count = 172  # width of the gated layer
    context: Count = 64  # positions of the rotary table


class LlamaSizes(LlamaConfig):
    """A neighbour's sizes, as LLaMA reads them; all else is as LLaMA has it."""

    def __init__(self, config: NeighbourConfig) -> None:
        self.vocab_size, self.hidden_size, self.layers = config.vocab_size, config.hidden_size, config.layers
        self.heads = self.kv_heads = config.heads
        self.feed_forward, self.context = config.feed_forward, config.context


class FoXSizes(FoXConfig):
    """The same for the Forgetting Transformer, which has no last position."""

    def __init__(self, config: NeighbourConfig) -> None:
        self.vocab_size, self.hidden_size, self.layers = config.vocab_size, config.hidden_size, config.layers
        self.heads, self.feed_forward = config.heads, config.feed_forward


class Neighbour(Mamba):
    """Another network in Mamba's place; from Mamba come loss and training, no layer."""

    def __init__(self, config: NeighbourConfig, network: nn.Module) -> None:
        nn.Module.__init__(self)
        self.clip = config.clip
        self.network = network

    def forward(self, tokens: Int[Tensor, "b t"], states: None = None) -> Float[Tensor, "b t vocab"]:  # type: ignore[override]  # noqa: ARG002  # it reads whole sequences
        return self.network(tokens)


def llama_of(config: NeighbourConfig) -> nn.Module:
    """A decoder of rotary attention and gated layers."""
    return llama.build(LlamaSizes(config))


def fox_of(config: NeighbourConfig) -> nn.Module:
    """The same with gates that forget in place of positions."""
    return forgetting_transformer.build(FoXSizes(config))


NETWORKS: dict[str, Callable[[NeighbourConfig], nn.Module]] = {"LLaMA": llama_of, "FoX": fox_of}


def build(config: NeighbourConfig) -> Neighbour:
    """The network of ``config.network``."""
    return Neighbour(config, NETWORKS[config.network](config))
