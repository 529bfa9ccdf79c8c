"""Configurations of the translator."""

from dataclasses import dataclass, replace
from typing import Any, TypedDict

from jaxtyping import Int

from tinygrad_lab import Tensor
from tinygrad_lab.data.translation.data import DATASETS

ATTENTIONS = ("global", "local-m", "local-p", "none")
SCORES = ("dot", "general", "concat")


@dataclass(frozen=True)
class Seq2SeqConfig:
    """The network, its data and its training recipe.

    Raises:
        ValueError: an unknown name, an odd ``hidden_size``, a size, count or rate out of range, or input feeding
            without an attention whose result it could feed.
    """

    variant: str = "general"
    attention: str = "global"  # or "local-m", "local-p", "none"
    score: str = "general"  # or "dot", "concat"; "none" has no use for it
    window: int = 10  # D of local attention: positions on either side
    input_feeding: bool = False  # the last attentional state is an input of the next step
    hidden_size: int = 128  # d: of embeddings, decoder states, and both directions of the encoder together
    layers: int = 1
    dropout: float = 0.0  # on embeddings, between layers, before the softmax
    source_vocabulary: int = 512  # rows of the embeddings; those the data does not need stay as they were drawn
    target_vocabulary: int = 16

    dataset: str = "dates"  # written dates to ISO; or "cmudict", letters to phonemes; "eng-spa", English to Spanish
    train_items: int = 0  # train on the first so many pairs only; 0 for all
    max_length: int = 50  # pairs with more tokens than this on either side are left out of the training
    batch_size: int = 128
    epochs: int = 4
    optimizer: str = "adam"  # or "sgd", the paper's recipe: the rate is halved every epoch after ``constant_epochs``
    learning_rate: float = 3e-3
    constant_epochs: int = 5
    clip: float = 5.0  # longest gradient
    init: float = 0.1  # initial weights are uniform in ± this
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (
            ("attention", ATTENTIONS), ("score", SCORES), ("dataset", DATASETS), ("optimizer", ("adam", "sgd")),
        ):  # fmt: skip
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        if self.hidden_size < 2 or self.hidden_size % 2:
            raise ValueError(f"hidden_size must be even, half for each direction, got {self.hidden_size}")
        if self.input_feeding and self.attention == "none":
            raise ValueError("input_feeding feeds attentional states: attention must not be none")
        for name in ("window", "layers", "batch_size", "epochs", "max_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("learning_rate", "clip", "init"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")


class Seq2SeqBatch(TypedDict):
    """Sources with EOS at their ends, targets between BOS and EOS; both are padded."""

    source: Int[Tensor, "b s"]
    length: Int[Tensor, " b"]  # of the sources
    target: Int[Tensor, "b t+1"]
    count: float  # of tokens to write


TINY = Seq2SeqConfig(
    hidden_size=8, layers=2, dropout=0.2, window=2, source_vocabulary=12, target_vocabulary=11, max_length=7,
    batch_size=4, init=0.5,
)  # fmt: skip
SMALL = Seq2SeqConfig()
PAPER_SIZE = Seq2SeqConfig(
    hidden_size=1000, layers=4, dropout=0.2, source_vocabulary=50_000, target_vocabulary=50_000, dataset="eng-spa",
    epochs=12, optimizer="sgd", learning_rate=1.0, constant_epochs=8,
)  # fmt: skip

CHANGES: dict[str, dict[str, Any]] = {
    "general": {},
    "dot": {"score": "dot"},
    "concat": {"score": "concat"},
    "local-m": {"attention": "local-m"},
    "local-p": {"attention": "local-p"},
    "input-feeding": {"input_feeding": True},
    "none": {"attention": "none"},
}
VARIANTS = {
    variant: {
        "tiny": replace(TINY, variant=variant, **changes),
        "small": replace(SMALL, variant=variant, **changes),
        "paper": replace(PAPER_SIZE, variant=variant, **changes),
    }
    for variant, changes in CHANGES.items()
}
