"""What a model that was trained in long windows does beyond them: losses after more and more text, gates, pruning."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lab.data.characters import CHARACTERS, decode
from tinygrad_lab.fit import Metrics
from tinygrad_lab.study import Lab, Record, Run

from ..config import FoXConfig
from ..data import STRETCH
from ..model import ForgettingTransformer
from .probes import blocks_left, log_gates, loss_by_position, pruned_loss

WINDOWS = 4  # long ones whose losses are looked at by position, and two of them with pruned attention
LONGER = 4  # times the training length, where they end
BEFORE = (16, 64, 256)  # tokens before a stretch of text; then as many as a training window has room for, and beyond
PRUNING = float(np.exp(-10))  # the share that the paper on pruning leaves out


def contexts(length: int) -> list[int]:
    """Tokens before a stretch: a few, all that a training window of that length has, and twice the window."""
    inside = length - STRETCH
    return [*(n for n in BEFORE if n < inside), inside, 2 * length] if inside > 0 else [length, 2 * length]


def far_look(lab: Lab, config: FoXConfig) -> Callable[[ForgettingTransformer], Metrics]:
    """What looks at a model after its training, all that is judged of long windows but the test loss."""
    side = lab.side("numpy")
    long = [side.batch(batch) for batch in long_windows(lab, config, LONGER * config.length)]
    places = contexts(config.length)
    stretches = {n: lab.data.context_batches(config, "test", n, places[-1]) for n in places}

    def look(model: ForgettingTransformer) -> Metrics:
        after = {n: loss_by_position(model, map(side.batch, batches))[n:] for n, batches in stretches.items()}
        by_context = {f"after {n}": float(np.mean(nats)) for n, nats in after.items()}
        return by_context | by_position(loss_by_position(model, long)) | forgetting(model, long[: WINDOWS // 2])

    return look


def long_windows(lab: Lab, config: FoXConfig, length: int) -> list[Record]:
    """Windows of held-out text from all over it."""
    batches = lab.data.evaluation_batches(config, "test", length)
    return list(batches[:: max(1, len(batches) // WINDOWS)][:WINDOWS])


def by_position(nats: list[float]) -> Metrics:
    """Means over octaves of positions, from 16 on."""
    edges = [2**k for k in range(4, len(nats).bit_length())]
    return {f"at {first}": float(np.mean(nats[first : 2 * first])) for first in edges if 2 * first <= len(nats)}


def forgetting(model: ForgettingTransformer, windows: list[Record]) -> Metrics:
    """The longest memory of a head in tokens, what pruning leaves of attention, and the losses with and without it."""
    if model.model.layers[0].attn.gate == "none":
        return {}
    mean = log_gates(model, windows[0]["tokens"]).mean(axis=(1, 3))
    return {
        "memory": float((-1 / mean).max()),
        "left": float(blocks_left(model, windows[0]["tokens"][:1], PRUNING).mean()),
        "whole": float(np.mean(loss_by_position(model, windows))),
        "pruned": pruned_loss(model, windows, PRUNING),
    }


def gates_of(lab: Lab, run: Run) -> Record:
    """Gates over held-out text: the mean of log f of every head, by the kind of character, and one passage."""
    batches = [lab.side("numpy").batch(batch) for batch in long_windows(lab, run.config, run.config.length)]
    tokens = np.concatenate([batch["tokens"].numpy() for batch in batches])
    gates = np.concatenate([log_gates(run.model, batch["tokens"]) for batch in batches], axis=1)  # (L, B, H, T)
    kinds = np.array([kind_of(character) for character in CHARACTERS])[tokens]
    return {
        "mean": gates.mean(axis=(1, 3)).tolist(),
        "by_kind": by_kind(gates.transpose(0, 2, 1, 3), kinds),
        "text": decode(tokens[0]),
        "passage": np.round(gates[:, 0].astype(np.float64), 5).tolist(),
    }


def by_kind(gates: np.ndarray, kinds: np.ndarray) -> dict[str, Any]:
    """Mean log f of every layer and head at each kind of character.    (L, H, B, T), (B, T)"""
    return {kind: gates[..., kinds == kind].mean(axis=-1).tolist() for kind in sorted(set(kinds.ravel()))}


def kind_of(character: str) -> str:
    """What kind of character it is, as far as gates may care."""
    if character == "\n":
        return "line end"
    if character == " ":
        return "space"
    return "letter or digit" if character.isalnum() else "punctuation"
