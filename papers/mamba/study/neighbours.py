"""Other networks on Mamba's tasks: LLaMA, whose attention is rotary, and the Forgetting Transformer.

They have about as many parameters as Mamba and are trained by its loop with its recipe: the same batches, schedules and
groups of weights that decay.  Only the learning rate is each one's own.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from jaxtyping import Float, Int

from tinygrad_lab import Tensor, nn
from tinygrad_lab.typing import Generator

from ...forgetting_transformer import model as forgetting_transformer
from ...forgetting_transformer.config import FoXConfig
from ...llama import model as llama
from ...llama.config import LlamaConfig
from ..config import MambaConfig
from ..model import Mamba
from ..model import loss as loss


@dataclass(frozen=True)
class NeighbourConfig(MambaConfig):
    """Mamba's recipe for another network."""

    network: str = "LLaMA"
    heads: int = 4
    feed_forward: int = 172  # width of the gated layer
    context: int = 64  # positions of the rotary table


def beside(config: MambaConfig, network: str, **changes: Any) -> NeighbourConfig:
    """Another network on the task and with the recipe of a Mamba."""
    return replace(NeighbourConfig(**asdict(config)), network=network, **changes)


class Neighbour(Mamba):
    """Another network in Mamba's place; from Mamba come loss and training, no layer."""

    def __init__(self, config: NeighbourConfig, network: nn.Module) -> None:
        nn.Module.__init__(self)
        self.clip = config.clip
        self.network = network

    def forward(self, tokens: Int[Tensor, "b t"], states: None = None) -> Float[Tensor, "b t vocab"]:  # type: ignore[override]  # noqa: ARG002  # it reads whole sequences
        logits: Tensor = self.network(tokens)
        return logits


def llama_of(config: NeighbourConfig, generator: Generator | None) -> nn.Module:
    """A decoder of rotary attention and gated layers."""
    return llama.build(
        LlamaConfig(
            vocab_size=config.vocab_size, hidden_size=config.hidden_size, layers=config.layers, heads=config.heads,
            kv_heads=config.heads, feed_forward=config.feed_forward, context=config.context,
        ),
        generator,
    )  # fmt: skip


def fox_of(config: NeighbourConfig, generator: Generator | None) -> nn.Module:
    """The same with gates that forget in place of positions."""
    return forgetting_transformer.build(
        FoXConfig(
            vocab_size=config.vocab_size, hidden_size=config.hidden_size, layers=config.layers, heads=config.heads,
            feed_forward=config.feed_forward,
        ),
        generator,
    )  # fmt: skip


NETWORKS: dict[str, Callable[[NeighbourConfig, Generator | None], nn.Module]] = {"LLaMA": llama_of, "FoX": fox_of}


def build(config: NeighbourConfig, generator: Generator | None = None) -> Neighbour:
    """The network of ``config.network``."""
    return Neighbour(config, NETWORKS[config.network](config, generator))
