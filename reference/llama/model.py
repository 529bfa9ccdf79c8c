"""LLaMA in PyTorch: a decoder of pre-normalised blocks with rotary positions and gated layers.

    symbol   meaning
    B, T, S  sequences, new tokens, all tokens so far (S = T without a cache)
    V, d     tokens in the vocabulary, width of the network
    H, G, h  heads of queries, heads of keys and values, size of a head (H h is mostly d)
    f        width of the gated layer
    m        position of a token, from 0

Names of modules and parameters are those of Hugging Face's LlamaForCausalLM, so its checkpoints load as they are.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, arange, empty, nn, ones, tensor
from torch.nn import functional as F

from .config import LlamaBatch, LlamaConfig

Angles = tuple[Tensor, Tensor]  # cos and sin of every position's angles, (T, h/2) each
Mask = Bool[Tensor, "b s"] | Int[Tensor, "b s"] | None  # which tokens are real and no padding
Visible = Bool[Tensor, "b 1 t s"] | None  # which tokens each new one sees, where it is not all before it


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
    """Angles m θ_i, θ_i = theta^(-2i/h): a pair of numbers of a head for each frequency (Su et al. 2021, eq. 15).

    Models that were taught longer contexts later divide each frequency by a factor of its own.
    """

    cos: Tensor  # (context, h/2)
    sin: Tensor

    def __init__(self, head_size: int, context: int, theta: float, factors: tuple[float, ...] = ()) -> None:
        super().__init__()
        frequency = theta ** (-arange(0, head_size, 2).double() / head_size)
        if factors:
            frequency = frequency / tensor(factors, dtype=torch.float64)
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
        self.q_proj = nn.Linear(d, config.heads * h, bias=config.biases)
        self.k_proj = nn.Linear(d, config.kv_heads * h, bias=config.biases)
        self.v_proj = nn.Linear(d, config.kv_heads * h, bias=config.biases)
        self.o_proj = nn.Linear(config.heads * h, d, bias=config.biases)

    def forward(
        self, x: Float[Tensor, "b t d"], angles: Angles | None, cache: KVCache | None = None, visible: Visible = None
    ) -> Float[Tensor, "b t d"]:
        q, k, v = self.split(self.q_proj(x)), self.split(self.k_proj(x)), self.split(self.v_proj(x))
        if angles is not None:
            q, k = rotate(q, angles, self.pairing), rotate(k, angles, self.pairing)
        if cache is not None:
            k, v = cache.append(k, v)
        y = self.attend(q, k, v, visible)
        return self.o_proj(y.transpose(1, 2).flatten(2))

    def split(self, x: Float[Tensor, "b t size"]) -> Float[Tensor, "b heads t h"]:
        """Heads apart."""
        return x.reshape(x.shape[0], x.shape[1], -1, self.head_size).transpose(1, 2)

    def attend(
        self,
        q: Float[Tensor, "b heads t h"],
        k: Float[Tensor, "b g s h"],
        v: Float[Tensor, "b g s h"],
        visible: Visible = None,
    ) -> Float[Tensor, "b heads t h"]:
        """softmax(q kᵀ / sqrt(h)) v, each of the T last tokens over itself and what is before it, or ``visible``."""
        (t, h), s, group = q.shape[2:], k.shape[2], q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        scores = q @ k.transpose(2, 3) / math.sqrt(h)
        past = ones(t, s, dtype=torch.bool, device=q.device).tril(s - t)
        return scores.masked_fill(~(past if visible is None else visible), -math.inf).softmax(dim=-1) @ v


class SwiGLU(nn.Module):
    """W_down (silu(W_gate x) * W_up x) (Shazeer 2020, eq. 6): one product decides how much of the other passes."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        d, f = config.hidden_size, config.feed_forward
        self.gate_proj = nn.Linear(d, f, bias=config.biases)
        self.up_proj = nn.Linear(d, f, bias=config.biases)
        self.down_proj = nn.Linear(f, d, bias=config.biases)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class GELULayer(nn.Module):
    """W_down gelu(W_up x): the layer of GPT, for comparison."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        d, f = config.hidden_size, config.feed_forward
        self.up_proj = nn.Linear(d, f, bias=config.biases)
        self.down_proj = nn.Linear(f, d, bias=config.biases)

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
        self, x: Float[Tensor, "b t d"], angles: Angles | None, cache: KVCache | None = None, visible: Visible = None
    ) -> Float[Tensor, "b t d"]:
        x = x + self.self_attn(self.input_layernorm(x), angles, cache, visible)
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
        turning = (config.head_size, config.context, config.rope_theta, config.rope_factors)
        self.rotary_emb = RotaryEmbedding(*turning) if rotary else None
        self.embed_positions = None if rotary else nn.Embedding(config.context, d)

    def forward(
        self, tokens: Int[Tensor, "b t"], caches: list[KVCache] | None = None, mask: Mask = None
    ) -> Float[Tensor, "b t d"]:
        """The state of every new token, which has seen those before it.

        Args:
            tokens: the first ones, or, with ``caches``, those that come next.
            caches: one for each block; they take the new tokens in.
            mask: of all tokens so far, those that are real (not 0), where shorter texts begin with padding.  Rotary
                positions count from the padding on, which changes nothing: only their differences matter.

        Raises:
            ValueError: more positions than the context has, or a mask of another length.
        """
        start, length = caches[0].length if caches else 0, tokens.shape[1]
        if start + length > self.context:
            raise ValueError(f"tokens: {start + length} positions do not fit into a context of {self.context}")
        if mask is not None and mask.shape[1] != start + length:
            raise ValueError(f"mask: it is of {mask.shape[1]} tokens, there are {start + length}")
        x = self.embed_tokens(tokens)
        if self.embed_positions is not None:
            x = x + self.embed_positions(self.positions(start, length, mask).to(tokens.device))
        angles = self.rotary_emb(start, length) if self.rotary_emb is not None else None
        visible = self.visible(start, length, mask)
        for number, layer in enumerate(self.layers):
            x = layer(x, angles, caches[number] if caches else None, visible)
        return self.norm(x)

    def positions(self, start: int, length: int, mask: Mask) -> Int[Tensor, "*b t"]:
        """Of the new tokens, each row counted from its first real one."""
        if mask is None:
            return arange(start, start + length)
        return (mask.long().cumsum(dim=1) - 1).clamp(min=0)[:, start:]

    def visible(self, start: int, length: int, mask: Mask) -> Visible:
        """The real tokens up to each new one; and each sees itself, so that padding stays finite."""
        if mask is None:
            return None
        past = ones(length, start + length, device=mask.device).tril(start)
        return past.bool() & mask[:, None, None, :].bool() | past.triu(start).bool()


class Llama(nn.Module):
    """The decoder and its output layer: for every token the logits of the one that follows."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.clip = config.clip
        self.model = Decoder(config)
        self.lm_head = None if config.tied else nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        initialise(self, config)

    def forward(
        self, tokens: Int[Tensor, "b t"], caches: list[KVCache] | None = None, mask: Mask = None
    ) -> Float[Tensor, "b t vocab"]:
        return self.logits(self.model(tokens, caches, mask))

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

    Biases start at 0.  The paper does not say how it starts.
    """
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            added = name.endswith(("o_proj.weight", "down_proj.weight"))
            std = config.init / math.sqrt(2 * config.layers) if added else config.init
            nn.init.normal_(parameter, std=std)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)


def build(config: LlamaConfig) -> Llama:
    """The model of ``config``."""
    return Llama(config)


def loss(model: Llama, batch: LlamaBatch) -> Float[Tensor, ""]:
    """Cross-entropy of the next token in {"tokens": (B, T), "target": (B, T), "count"}, divided by the count."""
    logits = model(batch["tokens"])
    flat = logits.reshape(-1, logits.shape[-1])
    return F.cross_entropy(flat, batch["target"].reshape(-1), reduction="sum") / batch["count"]
