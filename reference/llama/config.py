"""What LLaMA in PyTorch reads of its configuration, and of a batch; and the sizes that long runs have."""

from typing import Annotated, Any, NotRequired, Protocol, TypedDict, runtime_checkable

from jaxtyping import Int
from torch import Tensor

from ..arguments import Count, CountOrZero, Factors, NotNegative, Options, Positive, Share, Window, one_of
from ..data import CHARACTERS


@runtime_checkable
class LlamaConfig(Protocol):
    """The network, its tokens and its training recipe."""

    vocab_size: Count = len(CHARACTERS)  # V
    hidden_size: Count = 64  # d
    layers: Count = 2  # L
    heads: Count = 4  # H, of queries
    kv_heads: Count = 4  # of keys and values; fewer than H is grouped-query attention
    feed_forward: Count = 172  # f
    context: Count = 64  # positions there are; also the length of a training window
    head_dim: CountOrZero = 0  # h; 0: d / H
    rope_theta: Positive = 10_000.0  # the base of the angles' wavelengths
    rope_factors: Factors = ()  # what each frequency is divided by, h/2 numbers; none: 1
    norm_eps: Positive = 1e-5
    tied: bool = False  # the output layer is the table of embeddings
    init: Positive = 0.02  # standard deviation of the initial weights
    pairing: Annotated[str, one_of("halves", "adjacent")] = "halves"  # which two numbers of a head rotate together
    norm: Annotated[str, one_of("rms", "layer")] = "rms"
    activation: Annotated[str, one_of("swiglu", "gelu")] = "swiglu"
    positions: Annotated[str, one_of("rotary", "learned")] = "rotary"
    biases: bool = False  # in the layers between the normalisations, as GPT has them

    tokens: Annotated[str, one_of("characters", "bpe")] = "characters"
    validation: CountOrZero = 0  # characters at the end of the training text that are not trained on
    batch_size: Count = 16
    windows: Count = 3200  # in an epoch, each from a random place of the text
    epochs: Count = 3
    learning_rate: Positive = 3e-3
    final_rate: Share = 0.1  # the learning rate falls along half a cosine to this share of itself
    warmup: Share = 0.05  # share of the steps in which it rises
    beta2: Share = 0.95
    weight_decay: NotNegative = 0.1
    clip: Positive = 1.0  # the largest norm of all gradients together
    seed: CountOrZero = 0

    @property
    def head_size(self) -> int:
        """h"""
        return self.head_dim or self.hidden_size // self.heads


class Run(LlamaConfig, Options):
    """What ``python -m reference.llama.train`` trains."""

    context: Window = 64

    def check(self) -> None:
        """Raise ValueError where heads do not fit each other, or tokens the vocabulary."""
        if self.hidden_size % self.heads and not self.head_dim:
            raise ValueError(f"heads must divide hidden_size {self.hidden_size}, got {self.heads}")
        if self.positions == "rotary" and self.head_size % 2:
            raise ValueError(f"rotary positions need heads of even size, got {self.head_size}")
        if self.heads % self.kv_heads:
            raise ValueError(f"kv_heads must divide heads {self.heads}, got {self.kv_heads}")
        if self.rope_factors and len(self.rope_factors) != self.head_size // 2:
            raise ValueError(f"rope_factors must be {self.head_size // 2} numbers, got {len(self.rope_factors)}")
        smallest = {"characters": len(CHARACTERS), "bpe": 256}[self.tokens]
        if self.vocab_size < smallest:
            raise ValueError(f"vocab_size must be at least {smallest} for {self.tokens}, got {self.vocab_size}")


class LlamaBatch(TypedDict):
    """Tokens, and the one that follows each."""

    tokens: Int[Tensor, "b t"]
    target: Int[Tensor, "b t"]
    count: float
    bytes: NotRequired[float]  # how much text the targets stand for


# ---- long runs -------------------------------------------------------------------------------------------------------


class LongRun(Run):
    """What ``python -m reference.llama.train_advanced`` trains, in the size "small"."""

    variant: Annotated[str, one_of("llama", "layer-norm", "gelu", "learned", "smollm2")] = "llama"
    hidden_size: Count = 128
    layers: Count = 4
    feed_forward: Count = 344
    context: Count = 64
    dataset: Annotated[str, one_of("auto", "tinyshakespeare", "timemachine", "topics")] = "auto"
    batch_size: Count = 12
    windows: Count = 6000
    epochs: Count = 4


SIZES: dict[str, dict[str, Any]] = {
    "tiny": {
        "vocab_size": 11, "hidden_size": 8, "layers": 2, "heads": 2, "kv_heads": 2, "feed_forward": 12, "context": 6,
        "init": 0.4, "batch_size": 3, "windows": 6,
    },
    "small": {},
    "paper": {  # LLaMA 7B
        "vocab_size": 32_000, "hidden_size": 4096, "layers": 32, "heads": 32, "kv_heads": 32, "feed_forward": 11_008,
        "context": 2048, "norm_eps": 1e-6, "batch_size": 2048, "learning_rate": 3e-4, "tokens": "bpe",
        "windows": 2_048_000, "epochs": 238, "warmup": 2 / 238,  # 2,000 of 238,000 steps, a trillion tokens
    },
}  # fmt: skip
SMOLLM2: dict[str, dict[str, Any]] = {  # groups of queries that share keys and values, and one table at both ends
    "tiny": {"hidden_size": 12, "heads": 6, "kv_heads": 2, "tied": True},
    "small": {"kv_heads": 2, "tied": True},
    "paper": {
        "vocab_size": 49_152, "hidden_size": 576, "layers": 30, "heads": 9, "kv_heads": 3, "feed_forward": 1536,
        "context": 8192, "rope_theta": 1e5, "norm_eps": 1e-5, "tied": True, "batch_size": 512, "windows": 512_000,
    },
}  # fmt: skip
EXCHANGED = {"layer-norm": {"norm": "layer"}, "gelu": {"activation": "gelu"}, "learned": {"positions": "learned"}}
VARIANTS = ("llama", *EXCHANGED, "smollm2")


def long_run(variant: str, size: str) -> LongRun:
    """One of the sizes, with one part exchanged, or with all that SmolLM2 has of its own."""
    config = LongRun()
    changes = SMOLLM2[size] if variant == "smollm2" else EXCHANGED.get(variant, {})
    for name, value in {**SIZES[size], **changes, "variant": variant}.items():
        setattr(config, name, value)
    if variant == "gelu":
        config.feed_forward = config.feed_forward * 3 // 2  # with half as many units again: as many parameters
    return config
