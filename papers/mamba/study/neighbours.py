"""Other networks on Mamba's tasks: LLaMA, whose attention is rotary, and the Forgetting Transformer.

They have about as many parameters as Mamba and are trained by its loop with its recipe: the same batches, schedules and
groups of weights that decay.  Only the learning rate is each one's own.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from tinygrad_lab.typing import Generator

from ...forgetting_transformer import model as forgetting_transformer
from ...forgetting_transformer.config import FoXConfig
from ...forgetting_transformer.model import ForgettingTransformer
from ...llama import model as llama
from ...llama.config import LlamaConfig
from ...llama.model import Llama
from ..config import MambaConfig
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


def build_llama(config: NeighbourConfig, generator: Generator | None) -> Llama:
    """A decoder of rotary attention and gated layers."""
    return llama.build(
        LlamaConfig(
            vocab_size=config.vocab_size, hidden_size=config.hidden_size, layers=config.layers, heads=config.heads,
            kv_heads=config.heads, feed_forward=config.feed_forward, context=config.context, clip=config.clip,
        ),
        generator,
    )  # fmt: skip


def build_fox(config: NeighbourConfig, generator: Generator | None) -> ForgettingTransformer:
    """The same with gates that forget in place of positions."""
    return forgetting_transformer.build(
        FoXConfig(
            vocab_size=config.vocab_size, hidden_size=config.hidden_size, layers=config.layers, heads=config.heads,
            feed_forward=config.feed_forward, clip=config.clip,
        ),
        generator,
    )  # fmt: skip


NETWORKS: dict[str, Callable[[NeighbourConfig, Generator | None], Llama | ForgettingTransformer]] = {
    "LLaMA": build_llama,
    "FoX": build_fox,
}


def build(config: NeighbourConfig, generator: Generator | None = None) -> Llama | ForgettingTransformer:
    """The network of ``config.network``."""
    return NETWORKS[config.network](config, generator)
