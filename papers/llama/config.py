"""Configurations of LLaMA: the published sizes, and sizes for two cores."""

import math
from dataclasses import dataclass, replace
from typing import Any, NotRequired, TypedDict

from jaxtyping import Int

from tinygrad_lab import Tensor
from tinygrad_lab.data.characters import CHARACTERS

PAIRINGS = ("halves", "adjacent")
NORMS = ("rms", "layer")
FEED_FORWARDS = ("swiglu", "gelu")
POSITIONS = ("rotary", "learned")
TOKENS = ("characters", "bpe")
DATASETS = ("auto", "tinyshakespeare", "timemachine", "topics")


@dataclass(frozen=True)
class LlamaConfig:
    """The network, its tokens and its training recipe.

    Raises:
        ValueError: an unknown name; a size, count or rate out of range; heads that do not divide the width, are of odd
            size with rotary positions, or cannot share their keys evenly; fewer rows than there are characters.
    """

    variant: str = "llama"
    vocab_size: int = len(CHARACTERS)  # V
    hidden_size: int = 128  # d
    layers: int = 4  # L
    heads: int = 4  # H, of queries
    kv_heads: int = 4  # of keys and values; fewer than H is grouped-query attention
    feed_forward: int = 344  # f: see ``feed_forward_size``
    context: int = 64  # positions there are; also the length of a training window
    head_dim: int = 0  # h; 0: d / H
    rope_theta: float = 10_000.0  # the base of the angles' wavelengths
    rope_factors: tuple[float, ...] = ()  # what each frequency is divided by, h/2 numbers; none: 1
    norm_eps: float = 1e-5
    tied: bool = False  # the output layer is the table of embeddings
    init: float = 0.02  # standard deviation of the initial weights
    pairing: str = "halves"  # which two numbers rotate together: (i, i + h/2); or "adjacent", (2i, 2i + 1)
    norm: str = "rms"  # or "layer", as in the Transformer
    activation: str = "swiglu"  # or "gelu", two matrices instead of three
    positions: str = "rotary"  # or "learned", a table added to the embeddings
    biases: bool = False  # in the layers between the normalisations, as GPT has them

    dataset: str = "auto"  # "tinyshakespeare" if it can be had, else "topics"; or "timemachine"
    tokens: str = "characters"  # or "bpe", pieces learned from the training text
    validation: int = 0  # characters at the end of the training text that are not trained on, to choose rates by
    batch_size: int = 12
    windows: int = 6000  # in an epoch, each from a random place of the text
    epochs: int = 4
    learning_rate: float = 3e-3
    final_rate: float = 0.1  # the learning rate falls along half a cosine to this share of itself
    warmup: float = 0.05  # share of the steps in which it rises
    beta2: float = 0.95
    weight_decay: float = 0.1
    clip: float = 1.0  # the largest norm of all gradients together
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (
            ("pairing", PAIRINGS), ("norm", NORMS), ("activation", FEED_FORWARDS), ("positions", POSITIONS),
            ("tokens", TOKENS), ("dataset", DATASETS),
        ):  # fmt: skip
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        for name in (
            "vocab_size", "hidden_size", "layers", "heads", "kv_heads", "feed_forward", "context", "batch_size",
            "windows", "epochs",
        ):  # fmt: skip
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("rope_theta", "norm_eps", "init", "learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("final_rate", "warmup", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")
        for name in ("weight_decay", "validation"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        self._check_heads()

    def _check_heads(self) -> None:
        if self.head_dim < 0:
            raise ValueError(f"head_dim must be at least 0, got {self.head_dim}")
        if self.hidden_size % self.heads and not self.head_dim:
            raise ValueError(f"heads must divide hidden_size {self.hidden_size}, got {self.heads}")
        if self.positions == "rotary" and self.head_size % 2:
            raise ValueError(f"rotary positions need heads of even size, got {self.head_size}")
        if self.heads % self.kv_heads:
            raise ValueError(f"kv_heads must divide heads {self.heads}, got {self.kv_heads}")
        if self.rope_factors and len(self.rope_factors) != self.head_size // 2:
            raise ValueError(
                f"rope_factors must be {self.head_size // 2}, one for each frequency, got {len(self.rope_factors)}"
            )
        if not all(0 < factor < math.inf for factor in self.rope_factors):
            raise ValueError("rope_factors must be above 0")

    @property
    def head_size(self) -> int:
        """h"""
        return self.head_dim or self.hidden_size // self.heads


class LlamaBatch(TypedDict):
    """Tokens, and the one that follows each."""

    tokens: Int[Tensor, "b t"]
    target: Int[Tensor, "b t"]
    count: float
    bytes: NotRequired[float]  # how much text the targets stand for


def feed_forward_size(hidden_size: int, multiple_of: int = 256, multiplier: float = 1.0) -> int:
    """f: two thirds of 4 d, so that three matrices cost what two of 4 d cost; rounded up to a multiple.

    Args:
        hidden_size: d.
        multiple_of: what the published code calls so; 256 in LLaMA.
        multiplier: Llama 2 70B and Llama 3 widen their layers by 1.3.
    """
    size = int(multiplier * int(2 * 4 * hidden_size / 3))
    return multiple_of * -(-size // multiple_of)


def _published(hidden_size: int, layers: int, heads: int, multiple_of: int = 256, **changes: Any) -> LlamaConfig:
    """A model of the papers; ``kv_heads`` and ``multiplier`` where it has them, the ``trillions`` of tokens it read."""
    size = feed_forward_size(hidden_size, multiple_of, changes.pop("multiplier", 1.0))
    epochs = round(changes.pop("trillions", 1.0) * 1e12 / BATCH / EPOCH)
    sizes = {"vocab_size": 32_000, "kv_heads": heads, "context": 2048, "norm_eps": 1e-6} | changes
    rows = BATCH // sizes["context"]
    schedule = {"batch_size": rows, "windows": EPOCH * rows, "epochs": epochs, "warmup": WARM_UP / EPOCH / epochs}
    return LlamaConfig(
        hidden_size=hidden_size, layers=layers, heads=heads, feed_forward=size, **(schedule | RECIPE | sizes)
    )


# Section 2.3 and table 2: AdamW with (0.9, 0.95), decay 0.1, clip 1, a cosine to a tenth; half the rate for the two
# largest; 4 million tokens in a batch, 2,000 steps of warm-up, 1.0 or 1.4 trillion tokens; of Llama 2, 2.0 trillion.
# Llama 3's and SmolLM2's schedules are not at hand: theirs is that of the first.
BATCH = 2**22  # tokens
EPOCH = 1000  # steps; no text here has so many tokens that they would be read once
WARM_UP = 2000  # steps
RECIPE: dict[str, Any] = {"learning_rate": 3e-4, "tokens": "bpe"}
LLAMA_3 = {"vocab_size": 128_256, "kv_heads": 8, "context": 8192, "rope_theta": 5e5, "norm_eps": 1e-5}

PUBLISHED = {
    "LLaMA 7B": _published(4096, 32, 32),
    "LLaMA 13B": _published(5120, 40, 40),
    "LLaMA 33B": _published(6656, 60, 52, learning_rate=1.5e-4, trillions=1.4),
    "LLaMA 65B": _published(8192, 80, 64, learning_rate=1.5e-4, trillions=1.4),
    "Llama 2 70B": _published(
        8192, 80, 64, 4096, multiplier=1.3, kv_heads=8, context=4096, norm_eps=1e-5, learning_rate=1.5e-4, trillions=2.0
    ),
    "Llama 3 8B": _published(4096, 32, 32, 1024, multiplier=1.3, **LLAMA_3),
    "Llama 3 70B": _published(8192, 80, 64, 4096, multiplier=1.3, **LLAMA_3),
    "SmolLM2 135M": _published(
        576, 30, 9, vocab_size=49_152, kv_heads=3, context=8192, rope_theta=1e5, norm_eps=1e-5, tied=True
    ),
}

TINY = LlamaConfig(
    vocab_size=11,
    hidden_size=8,
    layers=2,
    heads=2,
    kv_heads=2,
    feed_forward=12,
    context=6,
    init=0.4,
    batch_size=3,
    windows=6,
)
SMALL = LlamaConfig()
PAPER_SIZE = PUBLISHED["LLaMA 7B"]

# One part of LLaMA exchanged for what the Transformer or GPT had, everything else the same.
EXCHANGED: dict[str, dict[str, Any]] = {
    "llama": {},
    "layer-norm": {"norm": "layer"},
    "gelu": {"activation": "gelu"},  # with half as many units again: as many parameters
    "learned": {"positions": "learned"},
}


def _exchange(config: LlamaConfig, variant: str) -> LlamaConfig:
    changes = {"variant": variant, **EXCHANGED[variant]}
    if variant == "gelu":
        changes["feed_forward"] = config.feed_forward * 3 // 2
    return replace(config, **changes)


VARIANTS = {
    variant: {
        size: _exchange(config, variant) for size, config in {"tiny": TINY, "small": SMALL, "paper": PAPER_SIZE}.items()
    }
    for variant in EXCHANGED
} | {
    "smollm2": {  # groups of queries that share a head of keys and values, and one table at both ends
        "tiny": replace(TINY, variant="smollm2", hidden_size=12, heads=6, kv_heads=2, tied=True),
        "small": replace(SMALL, variant="smollm2", kv_heads=2, tied=True),
        "paper": replace(PUBLISHED["SmolLM2 135M"], variant="smollm2"),
    }
}
