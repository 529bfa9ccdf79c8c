"""What the adapted language model in PyTorch reads of its configuration, and of a batch."""

from copy import copy
from fnmatch import fnmatchcase
from typing import Annotated, Protocol, TypedDict, runtime_checkable

from jaxtyping import Int
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..arguments import Count, CountOrZero, NotNegative, Options, Positive, Rule, Share, Window, one_of
from ..data import CHARACTERS


@runtime_checkable
class LoRAConfig(Protocol):
    """A decoder of characters, the method that adapts it, and the training recipe."""

    method: Annotated[str, one_of("lora", "full", "bias", "head")] = "lora"  # what is trained
    targets: str = "*_proj"  # patterns of module names; "q_proj,v_proj" in the paper, section 4.2
    rank: Count = 8
    alpha: NotNegative = 16.0  # the update is scaled by alpha / rank
    dropout: Share = 0.0  # of what goes into A, and nothing else
    initial_b: NotNegative = 0.0  # standard deviation of B; 0 in the paper, so that training starts from the base model
    base: str = ""  # a checkpoint of the pretrained decoder; without one its weights are random

    width: Count = 64
    layers: Count = 2
    heads: Count = 4
    context: Window = 64  # characters that the decoder sees at most, and the length of the training windows
    vocabulary: Count = len(CHARACTERS)

    text: Annotated[str, one_of("source", "target")] = "target"  # "source" to pretrain, "target" to adapt
    windows: CountOrZero = 4800  # in an epoch; 0 for as many as the text has
    batch_size: Count = 16
    epochs: Count = 3
    learning_rate: Positive = 3e-3
    weight_decay: NotNegative = 0.01
    warmup: Share = 0.06  # share of the steps in which the learning rate rises; then it falls along a line to 0
    seed: CountOrZero = 0


LAYERS = "q_proj", "k_proj", "v_proj", "out_proj", "up_proj", "down_proj"  # the linear ones of a block


def named(patterns: str) -> bool:
    """Whether each of the patterns is of a layer's name."""
    return all(any(fnmatchcase(name, pattern) for name in LAYERS) for pattern in patterns.split(","))


def readable(path: str) -> bool:
    """Whether there is a checkpoint, where there should be one."""
    try:
        if path:
            safe_open(path, framework="pt")
    except (OSError, SafetensorError):
        return False
    return True


class Run(LoRAConfig, Options):
    """What ``python -m reference.lora.train`` trains: a decoder on the source, then its adapters on the target."""

    targets: Annotated[str, Rule(f"patterns of {', '.join(LAYERS)}, with commas between", named)] = "*_proj"
    base: Annotated[str, Rule("a file in the safetensors format", readable)] = ""
    vocabulary: Annotated[int, Rule("at least 96, for characters", lambda n: n >= 96)] = len(CHARACTERS)

    def stages(self, base: str) -> tuple["Run", ...]:
        """All weights on the source, unless there is a checkpoint; then the adapters, on what is in ``base``."""
        if self.base:
            return (self,)
        first, second = copy(self), copy(self)
        first.method, first.text, second.base = "full", "source", base
        return first, second

    def check(self) -> None:
        """Raise ValueError where heads do not fit the width."""
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of the {self.heads} heads, got {self.width}")
        if self.rank > self.width:
            raise ValueError(f"rank must be at most the width {self.width}, got {self.rank}")


class LoRABatch(TypedDict):
    """Characters, and the one that follows each."""

    sequence: Int[Tensor, "b t"]
    target: Int[Tensor, "b t"]
    count: float
