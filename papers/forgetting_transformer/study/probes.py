"""What a trained model does: its loss at each position, its gates, and what pruning leaves out of its attention."""

from collections.abc import Iterable, Iterator
from typing import Any, cast

import numpy as np

from tinygrad_lab import Tensor, no_grad
from tinygrad_lab.nn import functional as F
from tinygrad_lab.ops.forgetting_attention import SMALLEST_LOG_GATE
from tinygrad_lab.ops.kernels.forgetting_blocks import ForgettingBlocks

from ..model import Attention, ForgettingTransformer


def loss_by_position(model: ForgettingTransformer, batches: Iterable[dict[str, Any]]) -> list[float]:
    """Nats that the target of each position costs, mean over all windows; the batches are tensors."""
    model.eval()
    totals: list[np.ndarray] = []
    with no_grad():
        for batch in batches:
            logits = model(batch["tokens"])
            nats = F.cross_entropy(logits.flatten(0, 1), batch["target"].flatten(), reduction="none")
            totals.extend(nats.reshape(batch["target"].shape).numpy().astype(np.float64))
    means: list[float] = np.mean(totals, axis=0).round(5).tolist()
    return means


def attentions(model: ForgettingTransformer, tokens: Tensor) -> Iterator[tuple[Attention, Tensor]]:
    """The attention of each layer, and what it reads."""
    x, layers = model.model.embeddings(tokens), cast(Any, model.model.layers)
    for layer in layers:
        yield layer.attn, layer.attn_norm(x)
        x = layer(x)


def log_gates(model: ForgettingTransformer, tokens: Tensor) -> np.ndarray:
    """log f of every layer, window, head and token.    (B, T) -> (L, B, H, T)"""
    model.eval()
    with no_grad():
        return np.stack([attention.log_gates(x).numpy() for attention, x in attentions(model, tokens)])


def blocks_left(model: ForgettingTransformer, tokens: Tensor, pruning: float) -> np.ndarray:
    """The share of the blocks of scores that each head still looks at in one window.    (1, T) -> (L, H)"""
    model.eval()
    with no_grad():
        return np.array([_shares(attention, x, pruning) for attention, x in attentions(model, tokens)])


def _shares(attention: Attention, x: Tensor, pruning: float) -> list[float]:
    q, k, v = (y.numpy()[0] for y in attention.project(x, None))
    c = np.maximum(attention.log_gates(x).numpy()[0], SMALLEST_LOG_GATE).cumsum(axis=-1, dtype=np.float64)
    scale = q.shape[-1] ** -0.5

    def looked_at(head: int, share: float) -> int:
        blocks = ForgettingBlocks(q[head], k[head], v[head], c[head], scale, share)
        return sum(1 for _, columns in blocks.rows() for _ in columns)

    return [looked_at(head, pruning) / looked_at(head, 0.0) for head in range(len(q))]


def pruned_loss(model: ForgettingTransformer, batches: Iterable[dict[str, Any]], pruning: float) -> float:
    """The mean of ``loss_by_position`` with pruned attention; the model is left as it was."""

    def attend(q: Tensor, k: Tensor, v: Tensor, log_f: Tensor) -> Tensor:
        return F.forgetting_attention(q, k, v, log_f, pruning=pruning)

    layers = [layer.attn for layer in cast(Any, model.model.layers)]
    for attention in layers:
        attention.attend = attend
    try:
        return float(np.mean(loss_by_position(model, batches)))
    finally:
        for attention in layers:
            del attention.attend
