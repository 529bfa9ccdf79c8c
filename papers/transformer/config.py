"""Configurations of the Transformer."""

from dataclasses import dataclass, replace
from typing import Any, TypedDict

from jaxtyping import Int

from tinygrad_lab import Tensor
from tinygrad_lab.data.translation.data import DATASETS

POSITIONS = ("sinusoidal", "learned", "none")


@dataclass(frozen=True)
class TransformerConfig:
    """The network, its data and its training recipe.

    Raises:
        ValueError: an unknown name, heads that do not divide the width, an odd width, or a size, count or rate out of
            range.
    """

    variant: str = "sinusoidal"
    hidden_size: int = 64  # d: of embeddings and of what the sub-layers hand on; d_model in the paper
    layers: int = 2  # N: in the encoder, and as many in the decoder
    heads: int = 4  # h: each has values of size d_v = d / h
    key_size: int = 0  # d_k: of one head's queries and keys; 0 for d / h
    feed_forward: int = 256  # d_ff
    dropout: float = 0.1  # P_drop: on embeddings and on what a sub-layer adds
    positions: str = "sinusoidal"  # or "learned", "none"
    max_positions: int = 256  # the longest sequence that has positions
    label_smoothing: float = 0.1  # ε_ls
    vocabulary: int = 512  # rows of the one embedding of both sides; those the data does not need are never chosen

    dataset: str = "dates"  # written dates to ISO; or "cmudict", letters to phonemes; "eng-spa", English to Spanish
    train_items: int = 0  # train on the first so many pairs only; 0 for all
    max_length: int = 50  # pairs with more tokens than this on either side are left out of the training
    batch_size: int = 32
    epochs: int = 4
    learning_rate: float = 0.5  # a factor on the paper's schedule
    warmup_steps: int = 600
    rising: bool = True  # during the warm-up; or else its last rate, the highest, is there from the first step
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("positions", POSITIONS), ("dataset", DATASETS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        for name in (
            "hidden_size", "layers", "heads", "feed_forward", "max_length", "batch_size", "epochs", "warmup_steps",
        ):  # fmt: skip
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.hidden_size % self.heads:
            raise ValueError(f"heads must divide hidden_size, got {self.heads} heads for a width of {self.hidden_size}")
        if self.hidden_size % 2:
            raise ValueError(f"hidden_size must be even, a sine and a cosine for each rate, got {self.hidden_size}")
        if self.max_positions <= self.max_length:
            raise ValueError(f"max_positions must be above max_length {self.max_length}, got {self.max_positions}")
        if self.key_size < 0:
            raise ValueError(f"key_size must be at least 0, got {self.key_size}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        for name in ("dropout", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")


class TransformerBatch(TypedDict):
    """Sources with EOS at their ends, targets between BOS and EOS; both are padded."""

    source: Int[Tensor, "b s"]
    length: Int[Tensor, " b"]  # of the sources
    target: Int[Tensor, "b t+1"]
    count: float  # of tokens to write


TINY = TransformerConfig(
    hidden_size=8, heads=2, feed_forward=16, vocabulary=12, max_length=7, max_positions=16, batch_size=4,
    warmup_steps=4, learning_rate=0.1,
)  # fmt: skip
SMALL = TransformerConfig()
PAPER_SIZE = TransformerConfig(  # "base" in table 3
    hidden_size=512, layers=6, heads=8, feed_forward=2048, vocabulary=37_000, dataset="eng-spa", max_length=200,
    max_positions=512, batch_size=800, epochs=18, learning_rate=1.0, warmup_steps=4000,
)  # fmt: skip

# name -> what differs, at tiny, small and paper
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "sinusoidal": ({}, {}, {}),
    "learned": ({"positions": "learned"},) * 3,
    "no-positions": ({"positions": "none"},) * 3,
    "one-head": ({"heads": 1},) * 3,
    "narrow-keys": ({"key_size": 2}, {"key_size": 4}, {"key_size": 16}),
}
VARIANTS = {
    variant: {
        size: replace(default, variant=variant, **changes)
        for size, default, changes in zip(("tiny", "small", "paper"), (TINY, SMALL, PAPER_SIZE), of_size, strict=True)
    }
    for variant, of_size in CHANGES.items()
}
