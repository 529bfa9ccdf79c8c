"""LLaMA in PyTorch: a decoder of pre-normalised blocks with rotary positions and gated layers.

    symbol   meaning
    B, T, S  sequences, new tokens, all tokens so far (S = T without a cache)
    V, d     tokens in the vocabulary, width of the network
    H, G, h  heads of queries, heads of keys and values, size of a head (d = H h)
    f        width of the gated layer
    m        position of a token, from 0

Names of modules and parameters are those of Hugging Face's LlamaForCausalLM, so its checkpoints load as they are.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, arange, empty, nn, ones
from torch.nn import functional as F

from reference.llama.config import LlamaBatch, LlamaConfig

Angles = tuple[Tensor, Tensor]  # cos and sin of every position's angles, (T, h/2) each


class RMSNorm(nn.Module):
    """y = g x / sqrt(mean(x²) + eps) (Zhang, Sennrich 2019): the scale of LayerNorm without its mean and bias."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(ones(size))

    def forward(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        scale = torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + self.eps)
        return self.weight * (x * scale)


class RotaryEmbedding(nn.Module):
    """Angles m θ_i, θ_i = theta^(-2i/h): a pair of numbers of a head for each frequency (Su et al. 2021, eq. 15)."""

    cos: Tensor  # (context, h/2)
    sin: Tensor

    def __init__(self, head_size: int, context: int, theta: float) -> None:
        super().__init__()
        frequency = theta ** (-arange(0, head_size, 2).double() / head_size)
        angle = arange(context).double()[:, None] * frequency
        self.register_buffer("cos", angle.cos().float(), persistent=False)
        self.register_buffer("sin", angle.sin().float(), persistent=False)

    def forward(self, start: int, length: int) -> Angles:
        """cos and sin for positions from ``start`` on."""
        return self.cos[start : start + length], self.sin[start : start + length]


def rotate(x: Float[Tensor, "b heads t h"], angles: Angles, pairing: str) -> Float[Tensor, "b heads t h"]:
    """Each pair (a, b) of a head turned by its angle: (a cos - b sin, a sin + b cos).

    A turned query times a turned key depends on the difference of their positions only. Which numbers make a pair is a
    convention that weights are trained with: i and i + h/2, or, in Meta's own code, the neighbours 2i and 2i + 1.
    """
    cos, sin = angles
    if pairing == "adjacent":
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1).flatten(-2)
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


class KVCache:
    """Keys, already rotated, and values of one layer, for every position so far.

    Args:
        config: of the model.
        length: positions there is room for.
        batch: B.
        dtype: of the model.
    """

    def __init__(self, config: LlamaConfig, length: int, batch: int = 1, dtype: torch.dtype = torch.float32) -> None:
        shape = (batch, config.kv_heads, length, config.head_size)
        self.keys = empty(shape, dtype=dtype)
        self.values = empty(shape, dtype=dtype)
        self.length = 0

    def append(
        self, keys: Float[Tensor, "b g t h"], values: Float[Tensor, "b g t h"]
    ) -> tuple[Float[Tensor, "b g s h"], Float[Tensor, "b g s h"]]:
        """Keep those of T new tokens; returns those of all S."""
        end = self.length + keys.shape[2]
        for kept, new in ((self.keys, keys), (self.values, values)):
            kept[:, :, self.length : end] = new.detach()
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]


class Attention(nn.Module):
    """Causal attention; each head of keys and values serves H/G heads of queries (Ainslie et al. 2023)."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        d, h = config.hidden_size, config.head_size
        self.head_size, self.pairing = h, config.pairing
        self.q_proj = nn.Linear(d, config.heads * h, bias=False)
        self.k_proj = nn.Linear(d, config.kv_heads * h, bias=False)
        self.v_proj = nn.Linear(d, config.kv_heads * h, bias=False)
        self.o_proj = nn.Linear(config.heads * h, d, bias=False)

    def forward(
        self, x: Float[Tensor, "b t d"], angles: Angles | None, cache: KVCache | None = None
    ) -> Float[Tensor, "b t d"]:
        q, k, v = self.split(self.q_proj(x)), self.split(self.k_proj(x)), self.split(self.v_proj(x))
        if angles is not None:
            q, k = rotate(q, angles, self.pairing), rotate(k, angles, self.pairing)
        if cache is not None:
            k, v = cache.append(k, v)
        y = self.attend(q, k, v)
        return self.o_proj(y.transpose(1, 2).reshape(x.shape))

    def split(self, x: Float[Tensor, "b t size"]) -> Float[Tensor, "b heads t h"]:
        """Heads apart."""
        return x.reshape(x.shape[0], x.shape[1], -1, self.head_size).transpose(1, 2)

    def attend(
        self, q: Float[Tensor, "b heads t h"], k: Float[Tensor, "b g s h"], v: Float[Tensor, "b g s h"]
    ) -> Float[Tensor, "b heads t h"]:
        """softmax(q kᵀ / sqrt(h)) v, each of the T last tokens over itself and what is before it."""
        (t, h), s, group = q.shape[2:], k.shape[2], q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        scores = q @ k.transpose(2, 3) / math.sqrt(h)
        past = ones(t, s, dtype=torch.bool, device=q.device).tril(s - t)
        return scores.masked_fill(~past, -math.inf).softmax(dim=-1) @ v


class SwiGLU(nn.Module):
    """W_down (silu(W_gate x) * W_up x) (Shazeer 2020, eq. 6): one product decides how much of the other passes."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        d, f = config.hidden_size, config.feed_forward
        self.gate_proj = nn.Linear(d, f, bias=False)
        self.up_proj = nn.Linear(d, f, bias=False)
        self.down_proj = nn.Linear(f, d, bias=False)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class GELULayer(nn.Module):
    """W_down gelu(W_up x): the layer of GPT, for comparison."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        d, f = config.hidden_size, config.feed_forward
        self.up_proj = nn.Linear(d, f, bias=False)
        self.down_proj = nn.Linear(f, d, bias=False)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return self.down_proj(F.gelu(self.up_proj(x), approximate="tanh"))


class Block(nn.Module):
    """x + attention(norm(x)), then the same with the gated layer: what is added up is never normalised itself."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp: SwiGLU | GELULayer
        self.mlp = SwiGLU(config) if config.activation == "swiglu" else GELULayer(config)
        self.input_layernorm = normalisation(config)
        self.post_attention_layernorm = normalisation(config)

    def forward(
        self, x: Float[Tensor, "b t d"], angles: Angles | None, cache: KVCache | None = None
    ) -> Float[Tensor, "b t d"]:
        x = x + self.self_attn(self.input_layernorm(x), angles, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    """Embeddings, the blocks, and a last normalisation: everything but the output layer."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        d = config.hidden_size
        self.context = config.context
        self.embed_tokens = nn.Embedding(config.vocab_size, d)
        self.layers = nn.ModuleList([Block(config) for _ in range(config.layers)])
        self.norm = normalisation(config)
        rotary = config.positions == "rotary"
        self.rotary_emb = RotaryEmbedding(config.head_size, config.context, config.rope_theta) if rotary else None
        self.embed_positions = None if rotary else nn.Embedding(config.context, d)

    def forward(self, tokens: Int[Tensor, "b t"], caches: list[KVCache] | None = None) -> Float[Tensor, "b t d"]:
        """The state of every new token, which has seen those before it.

        Args:
            tokens: the first ones, or, with ``caches``, those that come next.
            caches: one for each block; they take the new tokens in.

        Raises:
            ValueError: more positions than the context has.
        """
        start, length = caches[0].length if caches else 0, tokens.shape[1]
        if start + length > self.context:
            raise ValueError(f"tokens: {start + length} positions do not fit into a context of {self.context}")
        x = self.embed_tokens(tokens)
        if self.embed_positions is not None:
            x = x + self.embed_positions(arange(start, start + length, device=tokens.device))
        angles = self.rotary_emb(start, length) if self.rotary_emb is not None else None
        for number, layer in enumerate(self.layers):
            x = layer(x, angles, caches[number] if caches else None)
        return self.norm(x)


class Llama(nn.Module):
    """The decoder and its output layer: for every token the logits of the one that follows."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.clip = config.clip
        self.model = Decoder(config)
        self.lm_head = None if config.tied else nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        initialise(self, config)

    def forward(self, tokens: Int[Tensor, "b t"], caches: list[KVCache] | None = None) -> Float[Tensor, "b t vocab"]:
        return self.logits(self.model(tokens, caches))

    def logits(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n vocab"]:
        """The output layer: its own matrix, or the table of embeddings again."""
        return F.linear(x, self.model.embed_tokens.weight) if self.lm_head is None else self.lm_head(x)


def normalisation(config: LlamaConfig) -> RMSNorm | nn.LayerNorm:
    """RMSNorm, or LayerNorm for comparison."""
    if config.norm == "layer":
        return nn.LayerNorm(config.hidden_size, config.norm_eps)
    return RMSNorm(config.hidden_size, config.norm_eps)


def initialise(model: Llama, config: LlamaConfig) -> None:
    """N(0, init²) for every matrix; those whose output is added to the stream smaller, by sqrt(2 L), as in GPT-2.

    The paper does not say how it starts.
    """
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            added = name.endswith(("o_proj.weight", "down_proj.weight"))
            std = config.init / math.sqrt(2 * config.layers) if added else config.init
            nn.init.normal_(parameter, std=std)


def build(config: LlamaConfig) -> Llama:
    """The model of ``config``."""
    return Llama(config)


def loss(model: Llama, batch: LlamaBatch) -> Float[Tensor, ""]:
    """Cross-entropy of the next token in {"tokens": (B, T), "target": (B, T), "count"}, divided by the count."""
    logits = model(batch["tokens"])
    flat = logits.reshape(-1, logits.shape[-1])
    return F.cross_entropy(flat, batch["target"].reshape(-1), reduction="sum") / batch["count"]
