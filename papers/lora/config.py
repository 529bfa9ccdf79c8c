"""Configurations of the adapted language models: the base, what is trained of it, and on which text."""

from dataclasses import dataclass, replace
from typing import Any, TypedDict

from jaxtyping import Int

from tinygrad_lab import Tensor
from tinygrad_lab.data.characters import CHARACTERS

METHODS = ("lora", "full", "bias", "head")
TEXTS = ("source", "target")
ALL_LINEAR = "q_proj,k_proj,v_proj,out_proj,up_proj,down_proj"  # of a block


@dataclass(frozen=True)
class LoRAConfig:
    """A decoder of characters, the method that adapts it, and the training recipe.

    ``targets`` are patterns of module names with commas between them: see ``attach`` in model.py.

    Raises:
        ValueError: an unknown method or text, or a size, probability or rate out of range.
    """

    variant: str = "lora"
    method: str = "lora"  # what is trained: "lora", or for comparison "full" (all), "bias", "head" (the output layer)
    targets: str = "q_proj,v_proj"  # section 4.2: the paper adapts attention weights only
    rank: int = 4
    alpha: float = 8.0  # the update is scaled by alpha / rank
    dropout: float = 0.0  # of what goes into A, and nothing else
    initial_b: float = 0.0  # standard deviation of B; 0 in the paper, so that training starts from the base model
    base: str = ""  # a checkpoint of the pretrained decoder; without one its weights are random

    width: int = 128
    layers: int = 4
    heads: int = 4
    context: int = 64  # characters that the decoder sees at most, and the length of the training windows
    vocabulary: int = len(CHARACTERS)

    text: str = "target"  # what is trained and tested on: "source" to pretrain, "target" to adapt
    windows: int = 0  # in an epoch, spread evenly over the text; 0 for one after the other
    batch_size: int = 16
    epochs: int = 2
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warmup: float = 0.06  # share of the steps in which the learning rate rises; then it falls along a line to 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("method", METHODS), ("text", TEXTS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        for name in ("rank", "width", "layers", "heads", "context", "vocabulary", "batch_size", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("alpha", "initial_b", "windows", "weight_decay"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        for name in ("dropout", "warmup"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of the {self.heads} heads, got {self.width}")


class LoRABatch(TypedDict):
    """Characters, and the one that follows each."""

    sequence: Int[Tensor, "b t"]
    target: Int[Tensor, "b t"]
    count: float


# B is not 0 in the tiny model: A would get no gradient, and the update add nothing that parity could compare.
TINY = LoRAConfig(
    width=12, layers=2, heads=2, context=7, vocabulary=11, rank=2, alpha=4.0, dropout=0.25, initial_b=0.5, batch_size=3
)
SMALL = LoRAConfig()
# GPT-2 medium as the paper adapts it for data-to-text (appendix D.3), but for its label smoothing.
PAPER_SIZE = LoRAConfig(
    width=1024, layers=24, heads=16, context=1024, vocabulary=50_257, alpha=32.0, dropout=0.1,
    batch_size=8, epochs=5, learning_rate=2e-4, warmup=0.02,
)  # fmt: skip

CHANGES: dict[str, dict[str, Any]] = {
    "lora": {},
    "all-linear": {"targets": ALL_LINEAR},
    "full": {"method": "full", "learning_rate": 1e-3},
    "bias": {"method": "bias", "learning_rate": 1e-2},
    "head": {"method": "head", "learning_rate": 1e-2},
}
VARIANTS = {
    variant: {
        size: replace(config, variant=variant, **changes)
        for size, config in (("tiny", TINY), ("small", SMALL), ("paper", PAPER_SIZE))
    }
    for variant, changes in CHANGES.items()
}
