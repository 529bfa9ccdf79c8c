"""What the Transformer in PyTorch reads of its configuration, and of a batch."""

from typing import Annotated, Protocol, TypedDict, runtime_checkable

from jaxtyping import Int
from torch import Tensor

from ..arguments import Count, CountOrZero, Options, Positive, Rule, Share, one_of


@runtime_checkable
class TransformerConfig(Protocol):
    """The network and its training recipe."""

    hidden_size: Count = 64  # d: of embeddings and of what the sub-layers hand on; d_model in the paper
    layers: Count = 2  # N: in the encoder, and as many in the decoder
    heads: Count = 4  # h: each has values of size d_v = d / h
    key_size: CountOrZero = 0  # d_k: of one head's queries and keys; 0 for d / h
    feed_forward: Count = 256  # d_ff
    dropout: Share = 0.1  # P_drop: on embeddings and on what a sub-layer adds
    positions: Annotated[str, one_of("sinusoidal", "learned", "none")] = "sinusoidal"
    max_positions: Count = 256  # the longest sequence that has positions
    label_smoothing: Share = 0.1  # ε_ls
    vocabulary: Count = 256  # rows of the one embedding of both sides

    train_items: CountOrZero = 12_000  # train on the first so many pairs only; 0 for all
    batch_size: Count = 32
    epochs: Count = 3
    learning_rate: Positive = 0.5  # a factor on the paper's schedule
    warmup_steps: Count = 600
    rising: bool = True  # during the warm-up; or else its last rate, the highest, is there from the first step
    seed: CountOrZero = 0


class Run(TransformerConfig, Options):
    """What ``python -m reference.transformer.train`` trains."""

    max_positions: Annotated[int, Rule("at least 64, for the longest date", lambda n: n >= 64)] = 256
    vocabulary: Annotated[int, Rule("at least 200, for the letters of all dates", lambda n: n >= 200)] = 256

    def check(self) -> None:
        """Raise ValueError where the width does not split into heads, or into sines and cosines."""
        if self.hidden_size % self.heads or self.hidden_size % 2:
            raise ValueError(f"hidden_size must be even and a multiple of {self.heads} heads, got {self.hidden_size}")


class TransformerBatch(TypedDict):
    """Sources with EOS at their ends, targets between BOS and EOS; both are padded."""

    source: Int[Tensor, "b s"]
    length: Int[Tensor, " b"]  # of the sources
    target: Int[Tensor, "b t+1"]
    count: float  # of tokens to write
