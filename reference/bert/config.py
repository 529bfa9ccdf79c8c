"""What BERT in PyTorch reads of its configuration, and of a batch."""

from typing import Annotated, NotRequired, Protocol, TypedDict, runtime_checkable

from jaxtyping import Bool, Int
from torch import Tensor

from ..arguments import Count, CountOrZero, NotNegative, Options, Positive, Rule, Share, one_of


@runtime_checkable
class BertConfig(Protocol):
    """The encoder, what it is trained for, and the training recipe."""

    vocab_size: Count = 1000
    hidden_size: Count = 64  # d
    num_hidden_layers: Count = 2
    num_attention_heads: Count = 2
    intermediate_size: Count = 256
    hidden_dropout_prob: Share = 0.1
    attention_probs_dropout_prob: Share = 0.1
    max_position_embeddings: Count = 128
    type_vocab_size: Count = 2
    initializer_range: Positive = 0.05  # standard deviation of initial weights, cut at two; 0.02 for width 768
    layer_norm_eps: Positive = 1e-12
    num_labels: Count = 9  # classes of the downstream task

    task: str = "pretraining"  # "masked" without next-sentence prediction; "left-to-right"; "classification"
    context: str = "both"  # "left": every token sees itself and what is before it
    masked_share: Share = 0.15  # tokens to predict; of these
    mask_token_share: Share = 0.8  # become [MASK],
    random_token_share: Share = 0.1  # become any token, and the rest stay as they are

    items: CountOrZero = 0  # sentence pairs in an epoch; 0 for as many as there are
    length: Count = 48  # tokens in a training sequence at most
    batch_size: Count = 32
    epochs: Count = 15
    learning_rate: Positive = 2e-3
    warmup_share: Share = 0.1  # of all steps, while the rate rises
    weight_decay: NotNegative = 0.01
    clip: Positive = 1.0  # the largest norm of all gradients together
    seed: CountOrZero = 0


class Run(BertConfig, Options):
    """What ``python -m reference.bert.train`` trains."""

    vocab_size: Annotated[int, Rule("at least 300, for letters and signs", lambda n: n >= 300)] = 1000
    type_vocab_size: Annotated[int, Rule("at least 2", lambda n: n >= 2)] = 2
    task: Annotated[str, one_of("pretraining", "masked")] = "pretraining"
    context: Annotated[str, one_of("both")] = "both"
    length: Annotated[int, Rule("at least 8", lambda n: n >= 8)] = 48

    def check(self) -> None:
        """Raise ValueError where heads do not fit the width, or sequences the positions."""
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(f"num_attention_heads must divide {self.hidden_size}, got {self.num_attention_heads}")
        if self.length > self.max_position_embeddings:
            raise ValueError(f"length must be at most {self.max_position_embeddings} positions, got {self.length}")


class BertBatch(TypedDict):
    """Sequences with padding at their ends, and what is asked of them: before a task, or for it."""

    input_ids: Int[Tensor, "b t"]
    attention_mask: Bool[Tensor, "b t"]
    token_type_ids: Int[Tensor, "b t"]
    count: float  # of tokens to predict, or of sequences to classify
    labels: NotRequired[Int[Tensor, "b t"]]  # the true token where one is to be predicted, elsewhere -100
    next_sentence: NotRequired[Int[Tensor, " b"]]  # 0 where the second sentence follows the first, 1 where it is random
    pairs: NotRequired[float]
    label: NotRequired[Int[Tensor, " b"]]  # the class
