"""Configurations of Mamba: the published sizes, sizes for two cores, and the synthetic tasks."""

import math
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from jaxtyping import Int

from tinygrad_lab import Tensor
from tinygrad_lab.data.characters import CHARACTERS

TASKS = ("text", "copying", "induction")
DATASETS = ("auto", "tinyshakespeare", "timemachine", "topics")
STEP_SIZES = (1e-3, 1e-1)  # between these Δ starts, equally likely at every scale
SMALLEST_STEP = 1e-4


@dataclass(frozen=True)
class MambaConfig:
    """The network, its task and its training recipe.

    Raises:
        ValueError: an unknown name; a size, count or rate out of range; a vocabulary that is too small for the task;
            more tokens to copy than the sequence has places for.
    """

    variant: str = "s6"
    selective: bool = True  # Δ, B and C depend on the token; otherwise each channel has its own for all times
    task: str = "text"  # next characters; "copying", table 1; "induction", table 2
    vocab_size: int = len(CHARACTERS)  # V
    hidden_size: int = 128  # d
    layers: int = 7  # L: as many parameters as 4 layers of attention and gated units of this width
    state_size: int = 16  # N, of every channel
    conv_kernel: int = 4  # K
    expand: int = 2
    norm_eps: float = 1e-5

    dataset: str = "auto"  # of the text: "tinyshakespeare" if it can be had, else "topics"; or "timemachine"
    validation: int = 0  # characters at the end of the training text that are not trained on, to choose rates by
    length: int = 64  # tokens in a training window; T of the synthetic tasks
    copies: int = 16  # tokens to copy
    batch_size: int = 12
    items: int = 3000  # windows or sequences in an epoch, each drawn anew
    epochs: int = 8
    learning_rate: float = 3e-3
    final_rate: float = 0.1  # the learning rate falls along half a cosine to this share of itself
    warmup: float = 0.05  # share of the steps in which it rises
    beta2: float = 0.95
    weight_decay: float = 0.1
    clip: float = 1.0  # the largest norm of all gradients together
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("task", TASKS), ("dataset", DATASETS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        for name in (
            "vocab_size", "hidden_size", "layers", "state_size", "conv_kernel", "expand", "length", "copies",
            "batch_size", "items", "epochs",
        ):  # fmt: skip
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("norm_eps", "learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("final_rate", "warmup", "beta2", "weight_decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        if self.validation < 0:
            raise ValueError(f"validation must be at least 0, got {self.validation}")
        self._check_task()

    def _check_task(self) -> None:
        smallest = {"text": 1, "copying": 3, "induction": 2}[self.task]
        if self.vocab_size < smallest:
            raise ValueError(f"vocab_size must be at least {smallest} for {self.task}, got {self.vocab_size}")
        if self.task == "copying" and self.copies > self.length:
            raise ValueError(f"copies must be at most the length {self.length}, got {self.copies}")
        if self.task == "induction" and self.length < 3:
            raise ValueError(f"length must be at least 3 for induction, got {self.length}")

    @property
    def channels(self) -> int:
        """E"""
        return self.expand * self.hidden_size

    @property
    def rank(self) -> int:
        """R, numbers from which the step sizes of all channels are made."""
        return math.ceil(self.hidden_size / 16)


class MambaBatch(TypedDict):
    """Tokens, and the answer that belongs to each: in text, the token that follows; -100 where nothing is asked."""

    tokens: Int[Tensor, "b t"]
    target: Int[Tensor, "b t"]
    count: float  # of answers


def _published(hidden_size: int, layers: int, learning_rate: float) -> MambaConfig:
    """Section 4.2 and appendix E.2: 2,048 tokens, the vocabulary of GPT-NeoX filled up to a multiple of 8.

    300 billion tokens, half a million in a batch; up to five times the rate of GPT-3 of that size, down to 1e-5.  The
    rates, and the warm-up of 375 million tokens, which is GPT-3's, are quoted from memory.
    """
    updates_an_epoch = 1000
    return MambaConfig(
        vocab_size=50_280, hidden_size=hidden_size, layers=layers, length=2048, batch_size=256,
        items=256 * updates_an_epoch, epochs=572, learning_rate=learning_rate, final_rate=1e-5 / learning_rate,
        warmup=375e6 / 300e9,
    )  # fmt: skip


PUBLISHED = {
    "130M": _published(768, 24, 3e-3),
    "370M": _published(1024, 48, 1.5e-3),
    "790M": _published(1536, 48, 1.25e-3),
    "1.4B": _published(2048, 48, 1e-3),
    "2.8B": _published(2560, 64, 8e-4),
}

TINY = MambaConfig(
    vocab_size=11, hidden_size=6, layers=2, state_size=4, length=10, copies=3, batch_size=3, items=6, epochs=2
)
SMALL = MambaConfig()
PAPER_SIZE = PUBLISHED["130M"]

# The synthetic tasks of section 4.1: two layers of width 64, 16 tokens, a constant learning rate, no weight decay.
# Shorter here than there (4,096 and 256 tokens), so that they are learned in minutes.
SYNTHETIC: dict[str, Any] = {
    "vocab_size": 16, "hidden_size": 64, "layers": 2, "length": 64, "batch_size": 32, "items": 3200, "epochs": 8,
    "learning_rate": 1e-3, "final_rate": 1.0, "warmup": 0.0, "weight_decay": 0.0, "beta2": 0.999,
}  # fmt: skip
COPYING: dict[str, Any] = {"task": "copying", **SYNTHETIC, "length": 48, "copies": 6}
INDUCTION: dict[str, Any] = {"task": "induction", **SYNTHETIC}
PUBLISHED_COPYING: dict[str, Any] = {  # 400,000 updates
    "length": 4096, "copies": 16, "batch_size": 64, "items": 64_000, "epochs": 400, "learning_rate": 1e-4,
}  # fmt: skip
PUBLISHED_INDUCTION: dict[str, Any] = {"length": 256, "batch_size": 8, "items": 8 * 8192, "epochs": 25}

VARIANTS = {
    variant: {
        size: replace(config, variant=variant, selective=variant == "s6")
        for size, config in {"tiny": TINY, "small": SMALL, "paper": PAPER_SIZE}.items()
    }
    for variant in ("s6", "lti")
} | {
    "copying": {
        "tiny": replace(TINY, variant="copying", task="copying"),
        "small": MambaConfig(variant="copying", **COPYING),
        "paper": MambaConfig(variant="copying", **COPYING | PUBLISHED_COPYING),
    },
    "induction": {
        "tiny": replace(TINY, variant="induction", task="induction"),
        "small": MambaConfig(variant="induction", **INDUCTION),
        "paper": MambaConfig(variant="induction", **INDUCTION | PUBLISHED_INDUCTION),
    },
}
