"""What the translator in PyTorch reads of its configuration, and of a batch."""

from typing import Annotated, Protocol, TypedDict, runtime_checkable

from jaxtyping import Int
from torch import Tensor

from ..arguments import Count, CountOrZero, Options, Positive, Rule, Share, one_of


@runtime_checkable
class Seq2SeqConfig(Protocol):
    """The network and its training recipe."""

    attention: Annotated[str, one_of("global", "local-m", "local-p", "none")] = "global"
    score: Annotated[str, one_of("dot", "general", "concat")] = "general"  # "none" has no use for it
    window: Count = 10  # D of local attention: positions on either side
    input_feeding: bool = False  # the last attentional state is an input of the next step
    hidden_size: Annotated[int, Rule("even, half for each direction", lambda n: n >= 2 and n % 2 == 0)] = 64
    layers: Count = 1
    dropout: Share = 0.0  # on embeddings, between layers, before the softmax
    source_vocabulary: Count = 256  # rows of the embeddings; those the data does not need stay as they were drawn
    target_vocabulary: Count = 16

    train_items: CountOrZero = 20_000  # train on the first so many pairs only; 0 for all
    batch_size: Count = 64
    epochs: Count = 3
    optimizer: Annotated[str, one_of("adam", "sgd")] = "adam"
    learning_rate: Positive = 3e-3
    constant_epochs: Count = 5  # of "sgd", whose rate is halved in every epoch after them
    clip: Positive = 5.0  # longest gradient
    init: Positive = 0.1  # initial weights are uniform in ± this
    seed: CountOrZero = 0


class Run(Seq2SeqConfig, Options):
    """What ``python -m reference.seq2seq_attention.train`` trains."""

    source_vocabulary: Annotated[int, Rule("at least 200, for the letters of all dates", lambda n: n >= 200)] = 256
    target_vocabulary: Annotated[int, Rule("at least 15, for digits and hyphens", lambda n: n >= 15)] = 16

    def check(self) -> None:
        """Raise ValueError where there is nothing to feed."""
        if self.input_feeding and self.attention == "none":
            raise ValueError("input_feeding feeds attentional states: attention must not be none")


class Seq2SeqBatch(TypedDict):
    """Sources with EOS at their ends, targets between BOS and EOS; both are padded."""

    source: Int[Tensor, "b s"]
    length: Int[Tensor, " b"]  # of the sources
    target: Int[Tensor, "b t+1"]
    count: float  # of tokens to write
