"""What is trained and compared: language models in short windows and in long ones, and needles; budgets and rates.

Budgets are what five seeds of all arms leave time for in a quarter of an hour on two cores.
"""

from dataclasses import replace
from typing import Any

from tinygrad_lab.data import available
from tinygrad_lab.study import SWEEP_SEED

from ..config import VARIANTS, FoXConfig, feed_forward_size
from .needles import VOCABULARY, NeedleConfig

# arm -> the variant it is, and what it changes
TEXT: dict[str, tuple[str, dict[str, Any]]] = {
    "FoX (LLaMA)": ("llama", {}),
    "Transformer (LLaMA)": ("rotary", {}),
    "FoX (Pro)": ("pro", {}),
    "Transformer (Pro)": ("pro", {"gate": "none", "rotary": True}),
    "learned constant gates": ("bias-only", {}),
    "fixed gates": ("fixed", {}),
    "no gates, no positions": ("nope", {}),
}
OPEN, ROTARY, CLOSED = "FoX, open", "Transformer", "FoX, half open"
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    OPEN: ("llama", {"open_gates": True}),  # heads start with memories of many lengths
    ROTARY: ("rotary", {}),
    CLOSED: ("llama", {}),  # the official start: every gate at a half
}
LONG = (OPEN, ROTARY)
NEEDLES = {"stale": (OPEN, ROTARY), "far": (OPEN, ROTARY, CLOSED)}

LENGTH, LONG_LENGTH, NEEDLE_LENGTH = 128, 1024, 128  # tokens in a training window
STEPS, NEEDLE_STEPS = 500, 800
TOKENS = 1024  # of text in a step, in short windows as in long ones
LOOKS = 4  # at the loss while a short-window model is trained
SEEDS, TRIALS = 5, 10  # no run takes three minutes; ten trials are the fewest whose share stands Holm's correction
FIRST_WITNESS = 1000  # PyTorch's first seed; no other run has one from here on

RATES = (2.5e-3, 5e-3, 1e-2, 2e-2)  # for every arm; one whose best is at an end is given further ones
RATE_SHARE = {"text": 3, "long": 3, "stale": 2, "far": 2}  # a rate is tried for this part of the steps


def configuration(study: str, arm: str) -> FoXConfig:
    """An arm of "text", of "long", or of a needle task, at any rate."""
    if study == "text":
        return text(*TEXT[arm], LENGTH)
    if study == "long":
        return text(*MODELS[arm], LONG_LENGTH)
    return needle(study, *MODELS[arm])


def text(variant: str, changes: dict[str, Any], length: int) -> FoXConfig:
    """Two layers of width 64 that read the King James Bible, or where it is missing Python's help texts."""
    full, batch_size = VARIANTS[variant]["small"], TOKENS // length
    epochs = LOOKS if length == LENGTH else 1
    return replace(
        full, dataset="kjv" if available("kjv") else "topics", hidden_size=64, layers=2, length=length,
        feed_forward=feed_forward_size(64, full.block, 8), batch_size=batch_size, windows=STEPS * batch_size // epochs,
        epochs=epochs, memories=(2.0, float(2 * length)), **changes,
    )  # fmt: skip


def needle(task: str, variant: str, changes: dict[str, Any]) -> NeedleConfig:
    """One layer of width 32, with a head for every key."""
    wanted = VARIANTS[variant]["small"]
    return NeedleConfig(
        variant=variant, gate=wanted.gate, rotary=wanted.rotary, task=task, dataset="topics", vocab_size=VOCABULARY,
        hidden_size=32, layers=1, heads=4, feed_forward=88, length=NEEDLE_LENGTH, batch_size=8,
        memories=(NEEDLE_LENGTH / 4, 4.0 * NEEDLE_LENGTH), windows=8 * NEEDLE_STEPS, epochs=1, **changes,
    )  # fmt: skip


def tried(study: str, arm: str, rate: float, quick: bool) -> FoXConfig:
    """What a rate is chosen with: fewer steps, on text that is not judged."""
    config = configuration(study, arm)
    windows = config.epochs * config.windows // RATE_SHARE[study]
    return shortened(
        replace(config, windows=windows, epochs=1, learning_rate=rate, validate=True, seed=SWEEP_SEED), quick
    )


def shortened(config: FoXConfig, quick: bool) -> FoXConfig:
    """The same at a token size, where that is all that is asked for."""
    if not quick:
        return config
    length = 2 * (config.length // 8)
    return replace(config, hidden_size=16, feed_forward=16, length=length, windows=4 * config.batch_size)
