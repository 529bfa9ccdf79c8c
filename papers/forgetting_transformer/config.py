"""Configurations of the Forgetting Transformer: blocks, gates and their controls; published sizes and small ones."""

from dataclasses import dataclass, replace
from typing import Any, TypedDict

from jaxtyping import Int

from tinygrad_lab import Tensor
from tinygrad_lab.data.characters import CHARACTERS

BLOCKS = ("llama", "pro")
GATES = ("data", "bias_only", "fixed", "none")
ATTENTIONS = ("softmax", "linear")
DATASETS = ("auto", "tinyshakespeare", "timemachine", "kjv", "topics")


@dataclass(frozen=True)
class FoXConfig:
    """The network and its training recipe.

    Raises:
        ValueError: an unknown name; a size, count or rate out of range; heads that do not divide the width, or are of
            odd size with rotary positions; a pro block with linear attention.
    """

    variant: str = "llama"
    block: str = "llama"  # or "pro": output gate, normalised queries and keys, shifted keys and values, output norm
    gate: str = "data"  # from the token; "bias_only", one learned number for each head; "fixed", not learned; "none"
    rotary: bool = False  # rotary positions, which the gate makes unnecessary
    attention: str = "softmax"  # or "linear", a relative with a state of constant size
    vocab_size: int = len(CHARACTERS)  # V
    hidden_size: int = 128  # d
    layers: int = 4  # L
    heads: int = 4  # H
    feed_forward: int = 344  # f: see ``feed_forward_size``
    norm_eps: float = 1e-6  # of the normalisation before each layer, and of the output
    head_norm_eps: float = 1e-5  # of queries and keys
    rope_theta: float = 10_000.0  # the base of the rotary angles' wavelengths
    memories: tuple[float, float] = (2.0, 256.0)  # in tokens, of the first and last head whose gate is not the token's
    open_gates: bool = False  # gates of the token start with these memories, too, not at a half

    dataset: str = "auto"  # "tinyshakespeare" if it can be had, else "topics"; or "kjv", "timemachine"
    validate: bool = False  # train on eight tenths of the text, so that the ninth can choose learning rates
    length: int = 128  # tokens in a training window
    batch_size: int = 8
    windows: int = 2000  # in an epoch, each from a random place of the text
    epochs: int = 8
    learning_rate: float = 3e-3
    warmup: float = 0.1  # share of the steps in which it rises; then it falls along half a cosine to 0
    weight_decay: float = 0.1
    clip: float = 1.0  # the largest norm of all gradients together
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("block", BLOCKS), ("gate", GATES), ("attention", ATTENTIONS), ("dataset", DATASETS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        for name in (
            "vocab_size", "hidden_size", "layers", "heads", "feed_forward", "length", "batch_size", "windows", "epochs",
        ):  # fmt: skip
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("norm_eps", "head_norm_eps", "rope_theta", "learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup must be in [0, 1), got {self.warmup}")
        if self.weight_decay < 0:
            raise ValueError(f"weight_decay must be at least 0, got {self.weight_decay}")
        if not all(memory > 0 for memory in self.memories):
            raise ValueError(f"memories must be above 0, got {self.memories}")
        self._check_heads()

    def _check_heads(self) -> None:
        if self.hidden_size % self.heads:
            raise ValueError(f"heads must divide hidden_size {self.hidden_size}, got {self.heads}")
        if self.rotary and self.head_size % 2:
            raise ValueError(f"rotary positions need heads of even size, got {self.head_size}")
        if self.attention == "linear" and (self.block == "pro" or self.rotary):
            raise ValueError("attention 'linear' is there for the llama block without rotary positions only")

    @property
    def head_size(self) -> int:
        """h"""
        return self.hidden_size // self.heads


class FoXBatch(TypedDict):
    """Tokens, and the one that follows each."""

    tokens: Int[Tensor, "b t"]
    target: Int[Tensor, "b t"]
    count: float


def feed_forward_size(hidden_size: int, block: str, multiple_of: int = 256) -> int:
    """f: two thirds of 4 d, rounded up to a multiple; the pro block's output gate is paid for with an eighth of it."""
    size = int(2 * {"llama": 4.0, "pro": 3.5}[block] * hidden_size / 3)
    return multiple_of * -(-size // multiple_of)


# One change each to FoX with LLaMA's block, but for its own.
CHANGES: dict[str, dict[str, Any]] = {
    "llama": {},
    "pro": {"block": "pro"},
    "rotary": {"gate": "none", "rotary": True},  # the Transformer, the control
    "nope": {"gate": "none"},  # neither gate nor positions
    "bias-only": {"gate": "bias_only"},
    "fixed": {"gate": "fixed"},
    "linear": {"attention": "linear"},
}

TINY = FoXConfig(
    vocab_size=11, hidden_size=8, layers=2, heads=2, feed_forward=12, memories=(1.0, 4.0), length=7, batch_size=3,
    windows=6,
)  # fmt: skip
SMALL = FoXConfig()
# Section 4: 760M parameters, 48B tokens of LongCrawl64 in batches of 32 windows, GPT-2's tokens.
PAPER_SIZE = FoXConfig(
    vocab_size=50_257, hidden_size=1536, layers=24, heads=24, feed_forward=feed_forward_size(1536, "llama"),
    rope_theta=5e5, memories=(2.0, 16_384.0), length=16_384, batch_size=32, windows=32, epochs=91_553,
    learning_rate=1e-3, warmup=0.0056,
)  # fmt: skip


def _changed(size: str, config: FoXConfig, variant: str) -> FoXConfig:
    changes: dict[str, Any] = {"variant": variant, **CHANGES[variant]}
    if variant == "pro":
        multiple = {"tiny": 5, "small": 8, "paper": 256}[size]
        changes["feed_forward"] = feed_forward_size(config.hidden_size, "pro", multiple)
    if size == "paper":
        changes["learning_rate"] = {"pro": 2e-3, "rotary": 5e-4}.get(variant, config.learning_rate)
        changes["heads"] = 12 if variant == "rotary" else config.heads
    return replace(config, **changes)


VARIANTS = {
    variant: {
        size: _changed(size, config, variant)
        for size, config in {"tiny": TINY, "small": SMALL, "paper": PAPER_SIZE}.items()
    }
    for variant in CHANGES
}
