"""Configurations of BERT: the encoder, under the names of published config.json files, its task, and how to train."""

from dataclasses import dataclass, replace
from typing import Any, NotRequired, TypedDict

from jaxtyping import Bool, Int

from tinygrad_lab import Tensor

TASKS = ("pretraining", "masked", "left-to-right", "classification")
CONTEXTS = ("both", "left")


@dataclass(frozen=True)
class BertConfig:
    """The encoder, what it is trained for, and the training recipe.

    Raises:
        ValueError: an unknown task or context, a size, count, probability or rate out of range, heads that do not
            divide the width, training sequences longer than there are positions, or masking from both sides of a
            left-to-right model.
    """

    variant: str = "bert"
    vocab_size: int = 2000
    hidden_size: int = 128  # d
    num_hidden_layers: int = 2
    num_attention_heads: int = 2
    intermediate_size: int = 512
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 128
    type_vocab_size: int = 2
    initializer_range: float = 0.05  # standard deviation of initial weights, cut at two; 0.02 for width 768
    layer_norm_eps: float = 1e-12
    num_labels: int = 9  # classes of the downstream task

    task: str = "pretraining"  # "masked" without next-sentence prediction; "left-to-right"; "classification"
    context: str = "both"  # "left": every token sees itself and what is before it, the model that BERT is compared with
    masked_share: float = 0.15  # tokens to predict; of these
    mask_token_share: float = 0.8  # become [MASK],
    random_token_share: float = 0.1  # become any token, and the rest stay as they are

    dataset: str = "auto"  # "kjv" if it can be had, else "topics", Python's help texts
    items: int = 0  # sentence pairs, or labelled sentences, in an epoch; 0 for all there are
    length: int = 64  # tokens in a training sequence at most
    batch_size: int = 32
    epochs: int = 3
    learning_rate: float = 1e-3
    warmup_share: float = 0.1  # of all steps, while the rate rises
    weight_decay: float = 0.01
    clip: float = 1.0  # the largest norm of all gradients together
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("task", TASKS), ("context", CONTEXTS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        if self.task != "classification" and (self.task == "left-to-right") != (self.context == "left"):
            raise ValueError(f"task {self.task!r} does not go with context {self.context!r}")
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"num_attention_heads must divide hidden_size {self.hidden_size}, got {self.num_attention_heads}"
            )
        if not 8 <= self.length <= self.max_position_embeddings:
            raise ValueError(
                f"length must be from 8 to max_position_embeddings {self.max_position_embeddings}, got {self.length}"
            )
        self._check_ranges()

    def _check_ranges(self) -> None:
        for name in ("learning_rate", "clip", "initializer_range", "layer_norm_eps"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("items", "weight_decay"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        for name in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        for name in ("masked_share", "mask_token_share", "random_token_share", "warmup_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        if self.mask_token_share + self.random_token_share > 1:
            raise ValueError(
                "mask_token_share and random_token_share must be at most 1 together, "
                f"got {self.mask_token_share} and {self.random_token_share}"
            )


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


_COUNTS = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "type_vocab_size",
    "max_position_embeddings", "num_labels", "batch_size", "epochs",
)  # fmt: skip

TINY = BertConfig(
    vocab_size=23, hidden_size=8, num_attention_heads=2, intermediate_size=12, max_position_embeddings=12,
    initializer_range=0.25, num_labels=3, length=10, batch_size=4,
)  # fmt: skip
SMALL = BertConfig()
BASE = BertConfig(
    vocab_size=30_522, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
    max_position_embeddings=512, initializer_range=0.02, length=512, batch_size=256, epochs=40, learning_rate=1e-4,
    warmup_share=0.01,
)  # fmt: skip

FINE_TUNING: dict[str, Any] = {"task": "classification", "epochs": 3, "warmup_share": 0.1}
CHANGES: dict[str, dict[str, Any]] = {
    "bert": {},
    "no-nsp": {"task": "masked"},
    "left-to-right": {"task": "left-to-right", "context": "left"},
    "classification": FINE_TUNING,
}
VARIANTS = {
    variant: {
        "tiny": replace(TINY, variant=variant, **changes),
        "small": replace(SMALL, variant=variant, **changes),
        "paper": replace(BASE, variant=variant, **changes),
    }
    for variant, changes in CHANGES.items()
}
VARIANTS["classification"]["paper"] = replace(
    VARIANTS["classification"]["paper"], batch_size=32, learning_rate=3e-5, length=128
)

MINILM = BertConfig(  # the encoder of all-MiniLM-L6-v2; heads of width 32, not 64
    variant="all-MiniLM-L6-v2", vocab_size=30_522, hidden_size=384, num_hidden_layers=6, num_attention_heads=12,
    intermediate_size=1536, max_position_embeddings=512, initializer_range=0.02, length=256,
)  # fmt: skip
