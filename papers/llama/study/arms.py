"""What the case study trains, and all that was settled before any of it was run: budgets, grids, seeds, margins.

Two cores have about twenty minutes, so there are three sizes of networks.  What is compared with a published number has
the published size.  What is compared with each other is smaller, as many cheap seeds decide more than a few dear ones.
"""

from dataclasses import replace
from typing import Any

from ..config import VARIANTS, LlamaConfig, feed_forward_size

Changes = dict[str, Any]

VALIDATION = 100_000  # characters at the end of the training text, kept apart while learning rates are chosen

# The parts: one of them exchanged, or all at once, in a network of width 64.
WIDTH, LAYERS = 64, 2
PART_STEPS = 1000
PART_SEEDS = 8  # more than the five that are asked for: losses of two seeds differ by nearly as much as the margin
PART_RATES = (2e-3, 4e-3, 8e-3, 1.6e-2)
GELU: Changes = {"activation": "gelu"}  # and half as many units again: as many parameters
PARTS: dict[str, Changes] = {
    "llama": {},
    "gpt": {"norm": "layer", "positions": "learned", "biases": True, **GELU},
    "layer-norm": {"norm": "layer"},
    "gelu": GELU,
    "learned": {"positions": "learned"},
    "grouped queries": {"kv_heads": 2},
}
CONFIRMED = ("llama", "gpt", "learned")  # arms of the two headline rows, which PyTorch runs again
CONFIRMING = tuple(range(1000, 1005))  # under seeds that nothing else here uses

# Sizes and numbers of steps, figure 1 in small.  A width has about 3.4 times the parameters of the one before and each
# number of steps is four times the last, so that the networks of a column cost about the same arithmetic, the smallest
# a little more.  At the second cost every size has its rate tuned; at the others it is that one.
SIZES = {16: (1024, 4096, 16_384), 32: (256, 1024, 4096), 64: (256, 1024)}
TUNED_AT = {16: 4096, 32: 1024, 64: 256}
SIZE_SEEDS = 5
SIZE_RATES = (4e-3, 8e-3, 1.6e-2, 3.2e-2)

YARDSTICK_SEEDS = 5
NANOGPT_RECIPE: Changes = {"learning_rate": 1e-3, "beta2": 0.99}  # of its setting for a CPU; the rest is ours already

PIECES = 512  # of byte pair encoding, about two characters each
PIECE_STEPS = 1000  # so about as many characters as the model of characters reads

QUICK: Changes = {"layers": 1, "hidden_size": 16, "heads": 4, "kv_heads": 4, "feed_forward": 24}  # a token size
QUICKER = 256  # by which numbers of steps are divided then


def shortened(config: LlamaConfig, steps: int, quick: bool) -> LlamaConfig:
    """One epoch of so many steps."""
    return replace(config, windows=(steps // QUICKER if quick else steps) * config.batch_size, epochs=1)


def whole(quick: bool) -> LlamaConfig:
    """nanoGPT's setting: 4 layers, 4 heads, width 128, context 64, 2,000 batches of 12."""
    config = VARIANTS["llama"]["small"]
    return replace(config, **QUICK, windows=24, epochs=2) if quick else config


def yardstick(quick: bool) -> LlamaConfig:
    """The same with nanoGPT's learning rate and moments."""
    return replace(whole(quick), **NANOGPT_RECIPE)


def sized(width: int, steps: int, rate: float, quick: bool) -> LlamaConfig:
    """LLaMA of another width and two layers."""
    config = replace(VARIANTS["llama"]["small"], hidden_size=width, layers=LAYERS, learning_rate=rate)
    return shortened(replace(config, feed_forward=feed_forward_size(width, 4)), steps, quick)


def part(name: str, rate: float, quick: bool) -> LlamaConfig:
    """LLaMA with that part exchanged."""
    config = replace(sized(16 if quick else WIDTH, PART_STEPS, rate, quick), **PARTS[name])
    units = config.feed_forward
    return replace(config, feed_forward=units * 3 // 2) if config.activation == "gelu" else config


def choosing(config: LlamaConfig) -> LlamaConfig:
    """The same trained without the validation split, on which its learning rate is judged."""
    return replace(config, validation=VALIDATION)


def pieces(quick: bool) -> LlamaConfig:
    """The network of nanoGPT's size on byte pairs."""
    return shortened(replace(whole(quick), tokens="bpe", vocab_size=PIECES), PIECE_STEPS, quick)
