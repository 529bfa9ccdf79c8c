"""What the Forgetting Transformer in PyTorch reads of its configuration, and of a batch."""

from typing import Annotated, Protocol, TypedDict, runtime_checkable

from jaxtyping import Int
from torch import Tensor

from ..arguments import Count, CountOrZero, NotNegative, Options, Positive, Rule, Share, Window, one_of
from ..data import CHARACTERS


@runtime_checkable
class FoXConfig(Protocol):
    """The network and its training recipe."""

    block: Annotated[str, one_of("llama", "pro")] = "llama"
    gate: Annotated[str, one_of("data", "bias_only", "fixed", "none")] = "data"
    rotary: bool = False  # rotary positions, which the gate makes unnecessary
    attention: Annotated[str, one_of("softmax", "linear")] = "softmax"
    vocab_size: Count = len(CHARACTERS)  # V
    hidden_size: Count = 64  # d
    layers: Count = 2  # L
    heads: Count = 4  # H
    feed_forward: Count = 172  # f
    norm_eps: Positive = 1e-6  # of the normalisation before each layer, and of the output
    head_norm_eps: Positive = 1e-5  # of queries and keys
    rope_theta: Positive = 10_000.0  # the base of the rotary angles' wavelengths
    memories: tuple[float, float] = (2.0, 256.0)  # in tokens, of the first and last head whose gate is not the token's
    open_gates: bool = False  # gates of the token start with these memories, too, not at a half

    length: Window = 128  # tokens in a training window
    batch_size: Count = 8
    windows: Count = 2000  # in an epoch, each from a random place of the text
    epochs: Count = 4
    learning_rate: Positive = 3e-3
    warmup: Share = 0.1  # share of the steps in which it rises; then it falls along half a cosine to 0
    weight_decay: NotNegative = 0.1
    clip: Positive = 1.0  # the largest norm of all gradients together
    seed: CountOrZero = 0

    @property
    def head_size(self) -> int:
        """h"""
        return self.hidden_size // self.heads


class Run(FoXConfig, Options):
    """What ``python -m reference.forgetting_transformer.train`` trains."""

    vocab_size: Annotated[int, Rule("at least 96, for characters", lambda n: n >= 96)] = len(CHARACTERS)

    def check(self) -> None:
        """Raise ValueError where heads do not fit the width, or a memory is none."""
        if self.hidden_size % self.heads or (self.rotary and self.head_size % 2):
            raise ValueError(f"heads must divide hidden_size {self.hidden_size}, and rotary ones be even: {self.heads}")
        if self.attention == "linear" and (self.block == "pro" or self.rotary):
            raise ValueError("attention linear is there for the llama block without rotary positions only")
        if len(self.memories) != 2 or not min(self.memories) > 0:
            raise ValueError(f"memories must be two numbers above 0, got {self.memories}")


class FoXBatch(TypedDict):
    """Tokens, and the one that follows each."""

    tokens: Int[Tensor, "b t"]
    target: Int[Tensor, "b t"]
    count: float
