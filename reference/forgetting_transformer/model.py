"""The Forgetting Transformer in PyTorch: two kinds of block, and the gates and positions it is compared with.

    symbol   meaning
    B, T, S  sequences, new tokens, all tokens so far (S = T without a cache)
    V, d     tokens in the vocabulary, width of the network
    H, h     heads, size of a head (d = H h)
    f_t      forget gate of a token, in (0, 1), one for each head; log f in the code
    D_ij     decay of key j for query i, log f_{j+1} + ... + log f_i

Names of modules and parameters are those of the paper's published code.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, arange, cat, from_numpy, nn, ones, zeros, zeros_like
from torch.nn import functional as F

from .attention.cache import KVCache
from .attention.linear import State, linear_attention
from .config import FoXBatch, FoXConfig

Caches = list[KVCache | State]  # what each layer keeps of the tokens so far: the State for linear attention
SMALLEST_LOG_GATE = -1e4  # a gate of 0 counts as the exponential of this: nothing is left, and sums stay finite


class RotaryEmbedding(nn.Module):
    """Angles m θ_i, θ_i = theta^(-2i/h) for position m (Su et al. 2021, eq. 15), for the control; i goes with i + h/2.

    There is no last position.
    """

    def __init__(self, head_size: int, theta: float) -> None:
        super().__init__()
        self.frequency = theta ** (-arange(0, head_size, 2).double() / head_size)

    def forward(self, x: Float[Tensor, "b heads t h"], start: int) -> Float[Tensor, "b heads t h"]:
        """Queries or keys of the positions from ``start`` on, each pair (a, b) turned by its angle."""
        angle = arange(start, start + x.shape[2]).double()[:, None] * self.frequency
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        a, b = x.chunk(2, dim=-1)
        return cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


class HeadNorm(nn.Module):
    """Root mean square normalisation within each head, with a weight for every feature.    (B, T, H, h) -> the same"""

    def __init__(self, heads: int, head_size: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(ones(heads * head_size))

    def forward(self, x: Float[Tensor, "b t heads h"]) -> Float[Tensor, "b t heads h"]:
        return F.rms_norm(x, x.shape[3:], None, self.eps) * self.weight.reshape(x.shape[2:])


class ShiftLinear(nn.Module):
    """A linear map whose output is mixed with that of the token before ("KV-shift").

    α_t = sigmoid(w x_t) for each head;  y_t = α_t (W x_{t-1}) + (1 - α_t) (W x_t), and W x_{-1} = 0.
    """

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.linear = nn.Linear(size, size, bias=False)
        self.shift_proj = nn.Linear(size, heads, bias=False)

    def forward(
        self, x: Float[Tensor, "b t d"], last: Float[Tensor, "b 1 d"] | None = None
    ) -> tuple[Float[Tensor, "b t heads h"], Float[Tensor, "b 1 d"]]:
        """The mixtures, and W x of the last token, which the next call needs as ``last``."""
        now = self.linear(x)
        first = zeros_like(now[:, :1]) if last is None else last
        before = cat([first, now[:, :-1]], 1)
        alpha = self.shift_proj(x).sigmoid().unsqueeze(3)
        now_h, before_h = (y.reshape(*y.shape[:2], self.heads, -1) for y in (now, before))
        return now_h + alpha * (before_h - now_h), now[:, -1:]


class Attention(nn.Module):
    """Forgetting attention as in LLaMA's block, without rotary positions; the gates can be others'.

    Gates come from the token, f_t = sigmoid(w x_t + b); or are one number for each head, learned or not; or are all 1.
    """

    def __init__(self, config: FoXConfig) -> None:
        super().__init__()
        d = config.hidden_size
        self.heads, self.gate = config.heads, config.gate
        self.q_proj = nn.Linear(d, d, bias=False)
        self.k_proj = self.key_or_value(config)
        self.v_proj = self.key_or_value(config)
        self.o_proj = nn.Linear(d, d, bias=False)
        self.fgate_proj = nn.Linear(d, config.heads) if config.gate == "data" else None
        self.rotary = RotaryEmbedding(config.head_size, config.rope_theta) if config.rotary else None
        if config.gate == "bias_only":
            self.fgate_bias = nn.Parameter(memory_bias(config))
        elif config.gate == "fixed":
            self.register_buffer("fgate_bias", memory_bias(config))

    def key_or_value(self, config: FoXConfig) -> nn.Module:
        """The map that makes keys, or values."""
        return nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(self, x: Float[Tensor, "b t d"], cache: KVCache | None = None) -> Float[Tensor, "b t d"]:
        q, k, v = self.project(x, cache)
        log_f = self.log_gates(x)
        if self.rotary is not None:
            start = 0 if cache is None else cache.length
            q, k = self.rotary(q, start), self.rotary(k, start)
        if cache is not None:
            k, v, log_f = cache.append(k, v, log_f)
        return self.combine(self.attend(q, k, v, log_f).transpose(1, 2), x)

    def project(self, x: Float[Tensor, "b t d"], cache: KVCache | None) -> tuple[Float[Tensor, "b heads t h"], ...]:  # noqa: ARG002
        """Queries, keys and values."""
        return tuple(self.split(layer(x)) for layer in (self.q_proj, self.k_proj, self.v_proj))

    def split(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b heads t h"]:
        """Heads apart."""
        return x.reshape(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def log_gates(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b heads t"]:
        """log f; from the normalised input, as queries are."""
        if self.fgate_proj is not None:
            return F.logsigmoid(self.fgate_proj(x)).transpose(1, 2)
        if self.gate == "none":
            return x.new_zeros(x.shape[0], self.heads, x.shape[1])
        return F.logsigmoid(self.fgate_bias)[None, :, None].expand(x.shape[0], self.heads, x.shape[1])

    def attend(
        self,
        q: Float[Tensor, "b heads t h"],
        k: Float[Tensor, "b heads s h"],
        v: Float[Tensor, "b heads s h"],
        log_f: Float[Tensor, "b heads s"],
    ) -> Float[Tensor, "b heads t h"]:
        """softmax(q kᵀ / sqrt(h) + D) v, each of the T last tokens over itself and what is before it."""
        (t, h), s = q.shape[2:], k.shape[2]
        past = ones(t, s, dtype=torch.bool, device=q.device).tril(s - t)
        scores = q @ k.transpose(2, 3) / math.sqrt(h) + decay(log_f, t).to(q.dtype)
        return scores.masked_fill(~past, -math.inf).softmax(dim=-1) @ v

    def combine(self, y: Float[Tensor, "b t heads h"], x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """What the heads found, as one."""
        return self.o_proj(y.reshape(x.shape))


class ProAttention(Attention):
    """The Pro block's: shifted keys and values, normalised queries and keys, normalised gated output."""

    def __init__(self, config: FoXConfig) -> None:
        super().__init__(config)
        d = config.hidden_size
        self.q_norm = HeadNorm(config.heads, config.head_size, config.head_norm_eps)
        self.k_norm = HeadNorm(config.heads, config.head_size, config.head_norm_eps)
        self.ogate_proj = nn.Linear(d, d, bias=False)
        self.output_norm = HeadNorm(config.heads, config.head_size, config.norm_eps)

    def key_or_value(self, config: FoXConfig) -> nn.Module:
        return ShiftLinear(config.hidden_size, config.heads)

    def project(self, x: Float[Tensor, "b t d"], cache: KVCache | None) -> tuple[Float[Tensor, "b heads t h"], ...]:
        last_k, last_v = (None, None) if cache is None else cache.last
        q = self.q_proj(x).reshape(x.shape[0], x.shape[1], self.heads, -1)
        (k, last_k), (v, last_v) = self.k_proj(x, last_k), self.v_proj(x, last_v)
        if cache is not None:
            cache.last = last_k, last_v
        return tuple(y.transpose(1, 2) for y in (self.q_norm(q), self.k_norm(k), v))

    def combine(self, y: Float[Tensor, "b t heads h"], x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """W_o(norm(y) * sigmoid(W_g x))"""
        return self.o_proj(self.output_norm(y).flatten(2) * self.ogate_proj(x).sigmoid())


class LinearAttention(Attention):
    """The relative with a state of constant size: see ``linear.py``."""

    def forward(  # type: ignore[override]  # it keeps another kind of thing
        self, x: Float[Tensor, "b t d"], state: State | None = None
    ) -> Float[Tensor, "b t d"]:
        q, k, v = self.project(x, None)
        y = linear_attention(q, k, v, self.log_gates(x), state)
        return self.combine(y.transpose(1, 2), x)


class GatedMLP(nn.Module):
    """W_down (silu(W_gate x) * W_up x) (Shazeer 2020, eq. 6), the first two in one matrix."""

    def __init__(self, config: FoXConfig) -> None:
        super().__init__()
        d, f = config.hidden_size, config.feed_forward
        self.gate_proj = nn.Linear(d, 2 * f, bias=False)
        self.down_proj = nn.Linear(f, d, bias=False)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        gate, up = self.gate_proj(x).chunk(2, dim=-1)
        return self.down_proj(F.silu(gate) * up)


class Block(nn.Module):
    """x + attention(norm(x)), then the same with the gated layer."""

    def __init__(self, config: FoXConfig) -> None:
        super().__init__()
        self.attn_norm = nn.RMSNorm(config.hidden_size, config.norm_eps)
        kind = (
            LinearAttention if config.attention == "linear" else {"llama": Attention, "pro": ProAttention}[config.block]
        )
        self.attn: nn.Module = kind(config)
        self.mlp_norm = nn.RMSNorm(config.hidden_size, config.norm_eps)
        self.mlp = GatedMLP(config)

    def forward(self, x: Float[Tensor, "b t d"], cache: KVCache | State | None = None) -> Float[Tensor, "b t d"]:
        x = x + self.attn(self.attn_norm(x), cache)
        return x + self.mlp(self.mlp_norm(x))


class Decoder(nn.Module):
    """Embeddings, the blocks, and a last normalisation: everything but the output layer."""

    def __init__(self, config: FoXConfig) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([Block(config) for _ in range(config.layers)])
        self.norm = nn.RMSNorm(config.hidden_size, config.norm_eps)

    def forward(self, tokens: Int[Tensor, "b t"], caches: Caches | None = None) -> Float[Tensor, "b t d"]:
        """The state of every new token, which has seen those before it.

        Args:
            tokens: the first ones, or, with ``caches``, those that come next.
            caches: one for each block; they take the new tokens in.
        """
        x = self.embeddings(tokens)
        past: Sequence[KVCache | State | None] = caches or [None] * len(self.layers)
        for layer, cache in zip(self.layers, past, strict=True):
            x = layer(x, cache)
        return self.norm(x)


class ForgettingTransformer(nn.Module):
    """The decoder and its output layer: for every token the logits of the one that follows."""

    def __init__(self, config: FoXConfig) -> None:
        super().__init__()
        self.clip = config.clip
        self.model = Decoder(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        initialise(self, config)

    def forward(self, tokens: Int[Tensor, "b t"], caches: Caches | None = None) -> Float[Tensor, "b t vocab"]:
        return self.lm_head(self.model(tokens, caches))


def decay(log_f: Float[Tensor, "b heads s"], t: int) -> Float[Tensor, "b heads t s"]:
    """D for the T last tokens, in float64: the running sum falls without end, and float32 loses what is near."""
    c = log_f.double().clamp(min=SMALLEST_LOG_GATE).cumsum(dim=-1)
    return c[..., -t:, None] - c[..., None, :]


def memory_bias(config: FoXConfig) -> Float[Tensor, " heads"]:
    """b with -1 / log sigmoid(b) = τ, a memory of τ tokens for each head, evenly spread on a logarithmic scale."""
    first, last = config.memories
    memory = np.geomspace(first, last, config.heads)
    return from_numpy(-np.log(np.expm1(1 / memory)).astype(np.float32))


def initialise(model: ForgettingTransformer, config: FoXConfig) -> None:
    """N(0, 0.02²) for every matrix; 0 for the gates' biases, so that every gate is a half, or those of open gates."""
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            nn.init.normal_(parameter, std=0.02)
        elif name.endswith("fgate_proj.bias"):
            parameter.detach().copy_(memory_bias(config) if config.open_gates else zeros(config.heads))


def build(config: FoXConfig) -> ForgettingTransformer:
    """The model of ``config``."""
    return ForgettingTransformer(config)


def new_caches(config: FoXConfig) -> Caches:
    """Nothing read so far: for each layer keys, values and gates, or the state of linear attention."""
    return [State() if config.attention == "linear" else KVCache() for _ in range(config.layers)]


def loss(model: ForgettingTransformer, batch: FoXBatch) -> Float[Tensor, ""]:
    """Cross-entropy of the next token in {"tokens": (B, T), "target": (B, T), "count"}, divided by the count."""
    logits = model(batch["tokens"])
    flat = logits.reshape(-1, logits.shape[-1])
    return F.cross_entropy(flat, batch["target"].reshape(-1), reduction="sum") / batch["count"]
