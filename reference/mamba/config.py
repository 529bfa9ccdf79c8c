"""What Mamba in PyTorch reads of its configuration, and of a batch."""

import math
from typing import Annotated, Protocol, TypedDict, runtime_checkable

from jaxtyping import Int
from torch import Tensor

from ..arguments import Count, CountOrZero, NotNegative, Options, Positive, Rule, Share, Window
from ..data import CHARACTERS


@runtime_checkable
class MambaConfig(Protocol):
    """The network and its training recipe."""

    selective: bool = True  # Δ, B and C depend on the token; otherwise each channel has its own for all times
    vocab_size: Count = len(CHARACTERS)  # V
    hidden_size: Count = 64  # d
    layers: Count = 2  # L
    state_size: Count = 16  # N, of every channel
    conv_kernel: Count = 4  # K
    expand: Count = 2
    norm_eps: Positive = 1e-5

    length: Window = 64  # tokens in a training window
    batch_size: Count = 16
    items: Count = 2400  # windows in an epoch, each drawn anew
    epochs: Count = 3
    learning_rate: Positive = 3e-3
    final_rate: Share = 0.1  # the learning rate falls along half a cosine to this share of itself
    warmup: Share = 0.05  # share of the steps in which it rises
    beta2: Share = 0.95
    weight_decay: NotNegative = 0.1
    clip: Positive = 1.0  # the largest norm of all gradients together
    seed: CountOrZero = 0

    @property
    def channels(self) -> int:
        """E"""
        return self.expand * self.hidden_size

    @property
    def rank(self) -> int:
        """R, numbers from which the step sizes of all channels are made."""
        return math.ceil(self.hidden_size / 16)


class Run(MambaConfig, Options):
    """What ``python -m reference.mamba.train`` trains."""

    vocab_size: Annotated[int, Rule("at least 96, for characters", lambda n: n >= 96)] = len(CHARACTERS)


class MambaBatch(TypedDict):
    """Tokens, and the answer that belongs to each: in text, the token that follows; -100 where nothing is asked."""

    tokens: Int[Tensor, "b t"]
    target: Int[Tensor, "b t"]
    count: float  # of answers
