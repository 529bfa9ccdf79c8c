"""The same model with torch's fused attention, the decay its mask, for benchmarks and as a witness in tests."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from .config import FoXConfig
from .model import Attention, ForgettingTransformer, decay
from .model import build as build_written_out


def build(config: FoXConfig) -> ForgettingTransformer:
    """The model of ``config``, with the same parameters; linear attention stays as it is."""
    model = build_written_out(config)
    for module in model.modules():
        if isinstance(module, Attention):
            module.attend = attend  # type: ignore[method-assign]
    return model


def attend(q: Tensor, k: Tensor, v: Tensor, log_f: Tensor) -> Tensor:
    """Scores get D added, and -inf after the query.    (B, H, T, h), (B, H, S, h), (B, H, S, h), (B, H, S)"""
    t, s = q.shape[2], k.shape[2]
    past = torch.ones(t, s, dtype=torch.bool, device=q.device).tril(s - t)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=decay(log_f, t).masked_fill(~past, -math.inf).to(q.dtype))
