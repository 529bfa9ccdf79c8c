"""The Transformer in PyTorch.

    symbol     meaning                                                                size
    B          sentences in the batch
    S, T       length of the longest source and target, the others are padded
    d          width of embeddings and of what sub-layers hand on (d_model)
    h          heads
    q, k, v    queries, keys and values of all heads         (B, h, T, d_k), (B, h, S, d_k), (B, h, S, d_v)
    mask       which keys a query may look at                broadcasts to (B, h, T, S)
    E          the one embedding of both sides, and the layer before the softmax      (V, d)

Norms come after the sub-layers, as in the paper: x -> LayerNorm(x + Dropout(Sublayer(x))), and there is none behind the
last layer.  Parameters have the names of torch.nn.Transformer.
"""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, arange, cat, empty, nn, stack, zeros
from torch.nn import functional as F

from .config import TransformerBatch, TransformerConfig

PAD, BOS, EOS = 0, 1, 2  # tokens: padding, beginning and end of a sequence

Hidden = Float[Tensor, "b t d"]
Queries = Float[Tensor, "b h t d_k"]
Keys = Float[Tensor, "b h s d_k"]
Values = Float[Tensor, "b h s d_v"]
Mask = Bool[Tensor, "..."]
KeysValues = tuple[Tensor, Tensor]  # (B, h, S, d_k), (B, h, S, d_v)


class Memory(NamedTuple):
    """What the decoder sees of the source."""

    layers: tuple[KeysValues, ...]  # each decoder layer's own, made once
    real: Tensor  # (B, 1, 1, S): whether a position is not padding

    def select(self, rows: Int[Tensor, " n"]) -> "Memory":
        """The same of some sentences only."""
        return Memory(tuple((k[rows], v[rows]) for k, v in self.layers), self.real[rows])


class KVCache(NamedTuple):
    """Each decoder layer's keys and values of the target so far, so that none is made twice."""

    layers: tuple[KeysValues, ...]

    @property
    def steps(self) -> int:
        """Target positions so far."""
        return self.layers[0][0].shape[2]

    def select(self, rows: Int[Tensor, " n"]) -> "KVCache":
        """The same of some sentences only."""
        return KVCache(tuple((k[rows], v[rows]) for k, v in self.layers))


def attention(q: Queries, k: Keys, v: Values, mask: Mask) -> Float[Tensor, "b h t d_v"]:
    """softmax(q kᵀ / √d_k) v, over the keys where ``mask`` is true  (equation 1)"""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return F.softmax(scores.masked_fill(~mask, -torch.inf), dim=-1) @ v


class MultiHeadAttention(nn.Module):
    """Concat(head_1 ... head_h) W^O with head_i = attention(x W_i^Q, y W_i^K, y W_i^V)  (section 3.2.2)

    The matrices of all heads stand in one: W^Q above W^K above W^V.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        d, self.h = config.hidden_size, config.heads
        self.d_k, self.d_v = config.key_size or d // self.h, d // self.h
        rows = self.h * (2 * self.d_k + self.d_v)
        self.in_proj_weight = nn.Parameter(empty(rows, d))
        self.in_proj_bias = nn.Parameter(empty(rows))
        self.out_proj = nn.Linear(self.h * self.d_v, d)

    def queries(self, x: Hidden) -> Queries:
        """q of x"""
        size = self.h * self.d_k
        return self.split(F.linear(x, self.in_proj_weight[:size], self.in_proj_bias[:size]), self.d_k)

    def keys_values(self, y: Hidden) -> tuple[Keys, Values]:
        """k and v of y"""
        size = self.h * self.d_k
        both = F.linear(y, self.in_proj_weight[size:], self.in_proj_bias[size:])
        return self.split(both[..., :size], self.d_k), self.split(both[..., size:], self.d_v)

    def split(self, x: Float[Tensor, "b t all"], size: int) -> Float[Tensor, "b h t size"]:
        """Heads side by side become an axis."""
        b, t, _ = x.shape
        return x.reshape(b, t, self.h, size).transpose(1, 2)

    def forward(self, x: Hidden, k: Keys, v: Values, mask: Mask) -> Hidden:
        heads = attention(self.queries(x), k, v, mask)
        b, _, t, _ = heads.shape
        return self.out_proj(heads.transpose(1, 2).reshape(b, t, self.h * self.d_v))


def feed_forward(x: Hidden, linear1: nn.Linear, linear2: nn.Linear) -> Hidden:
    """max(0, x W_1 + b_1) W_2 + b_2, the same at every position  (equation 2)"""
    return linear2(F.relu(linear1(x)))


class EncoderLayer(nn.Module):
    """Self-attention over the source, then two linear layers  (section 3.1)"""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        d = config.hidden_size
        self.self_attn = MultiHeadAttention(config)
        self.linear1 = nn.Linear(d, config.feed_forward)
        self.linear2 = nn.Linear(config.feed_forward, d)
        self.norm1, self.norm2 = (nn.LayerNorm(d) for _ in range(2))
        self.dropout1, self.dropout2 = (nn.Dropout(config.dropout) for _ in range(2))

    def forward(self, x: Hidden, real: Mask) -> Hidden:
        x = self.norm1(x + self.dropout1(self.self_attn(x, *self.self_attn.keys_values(x), real)))
        return self.norm2(x + self.dropout2(feed_forward(x, self.linear1, self.linear2)))


class DecoderLayer(nn.Module):
    """Self-attention over the target so far, attention to the source, two linear layers  (section 3.1)"""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        d = config.hidden_size
        self.self_attn = MultiHeadAttention(config)
        self.multihead_attn = MultiHeadAttention(config)
        self.linear1 = nn.Linear(d, config.feed_forward)
        self.linear2 = nn.Linear(config.feed_forward, d)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(d) for _ in range(3))
        self.dropout1, self.dropout2, self.dropout3 = (nn.Dropout(config.dropout) for _ in range(3))

    def forward(
        self, x: Hidden, past: KeysValues, source: KeysValues, causal: Mask, real: Mask
    ) -> tuple[Hidden, Keys, Values]:
        k, v = (cat([before, now], dim=2) for before, now in zip(past, self.self_attn.keys_values(x), strict=True))
        x = self.norm1(x + self.dropout1(self.self_attn(x, k, v, causal)))
        x = self.norm2(x + self.dropout2(self.multihead_attn(x, *source, real)))
        return self.norm3(x + self.dropout3(feed_forward(x, self.linear1, self.linear2))), k, v


class Encoder(nn.Module):
    """N layers; padding is looked at by nobody."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList([EncoderLayer(config) for _ in range(config.layers)])

    def forward(self, x: Hidden, real: Mask) -> Hidden:
        for layer in self.layers:
            x = layer(x, real)
        return x


class Decoder(nn.Module):
    """N layers; a position looks at itself and at those before it, so that none can see what it is to predict."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList([DecoderLayer(config) for _ in range(config.layers)])

    def read(self, encoded: Hidden) -> tuple[KeysValues, ...]:
        """Each layer's own keys and values of the source."""
        layers: Any = self.layers
        return tuple(layer.multihead_attn.keys_values(encoded) for layer in layers)

    def forward(self, x: Hidden, cache: KVCache, memory: Memory) -> tuple[Hidden, KVCache]:
        steps, t = cache.steps, x.shape[1]
        causal = arange(steps + t) <= arange(steps, steps + t).unsqueeze(1)
        grown = []
        for layer, past, source in zip(self.layers, cache.layers, memory.layers, strict=True):
            x, k, v = layer(x, past, source, causal, memory.real)
            grown.append((k, v))
        return x, KVCache(tuple(grown))


class SinusoidalPositions(nn.Module):
    """PE(pos, 2i) = sin(pos / 10000^(2i/d)), PE(pos, 2i + 1) = cos of the same  (section 3.5)"""

    table: Tensor  # (max_positions, d)

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        d = config.hidden_size
        position = arange(config.max_positions).double()[:, None]
        angle = position / 10000 ** (arange(0, d, 2).double() / d)
        table = stack([angle.sin(), angle.cos()], dim=-1).reshape(-1, d)
        self.register_buffer("table", table.float(), persistent=False)

    def forward(self, start: int, stop: int) -> Float[Tensor, "t d"]:
        return self.table[start:stop]


class LearnedPositions(nn.Module):
    """A row of parameters for each position (table 3, row E); those that never occur in training stay as drawn."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.table = nn.Parameter(empty(config.max_positions, config.hidden_size))

    def forward(self, start: int, stop: int) -> Float[Tensor, "t d"]:
        return self.table[start:stop]


class NoPositions(nn.Module):
    """Zeros: to the encoder a sentence is then the same in any order."""

    table: Tensor

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        nothing = zeros(config.max_positions, config.hidden_size)
        self.register_buffer("table", nothing, persistent=False)

    def forward(self, start: int, stop: int) -> Float[Tensor, "t d"]:
        return self.table[start:stop]


POSITIONS = {"sinusoidal": SinusoidalPositions, "learned": LearnedPositions, "none": NoPositions}


class Transformer(nn.Module):
    """Reads a source, then writes a target token by token."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.d, self.max_positions = config.hidden_size, config.max_positions
        self.label_smoothing = config.label_smoothing
        self.embedding = nn.Embedding(config.vocabulary, self.d)  # E
        self.positions = POSITIONS[config.positions](config)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def embed(self, tokens: Int[Tensor, "b t"], start: int) -> Hidden:
        """√d E[tokens] + PE, the first token at position ``start``  (sections 3.4 and 3.5)

        Raises:
            ValueError: a position that the model does not have.
        """
        stop = start + tokens.shape[1]
        if stop > self.max_positions:
            raise ValueError(f"a sequence may have {self.max_positions} positions, this one has {stop}")
        return self.dropout(self.embedding(tokens) * math.sqrt(self.d) + self.positions(start, stop))

    def encode(self, source: Int[Tensor, "b s"], length: Int[Tensor, " b"]) -> tuple[Memory, KVCache]:
        """What the decoder sees of the source, and the cache that it begins with, of no position.

        Raises:
            ValueError: a length below 1 or beyond the padding, or a source of more positions than the model has.
        """
        b, s = source.shape
        shortest, longest = int(length.amin().item()), int(length.amax().item())
        if shortest < 1 or longest > s:
            raise ValueError(f"length must be from 1 to the {s} tokens that there are, got {shortest} to {longest}")
        real = (arange(s) < length.unsqueeze(1)).reshape(b, 1, 1, s)
        hidden = self.encoder(self.embed(source, 0), real)
        seen = self.decoder.read(hidden)
        return Memory(seen, real), KVCache(tuple((k[:, :, :0], v[:, :, :0]) for k, v in seen))

    def decode(self, y: Int[Tensor, "b t"], cache: KVCache, memory: Memory) -> tuple[Float[Tensor, "b t v"], KVCache]:
        """Logits of the tokens that come after each of ``y``, and the cache to go on from."""
        hidden, cache = self.decoder(self.embed(y, cache.steps), cache, memory)
        return F.linear(hidden, self.embedding.weight), cache  # E again, without the factor √d

    def forward(
        self, source: Int[Tensor, "b s"], length: Int[Tensor, " b"], y: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b t v"]:
        """Logits under teacher forcing: ``y`` begins with BOS, and position t is to predict y[t + 1]."""
        memory, cache = self.encode(source, length)
        return self.decode(y, cache, memory)[0]

    def loss(
        self, logits: Float[Tensor, "b t v"], target: Int[Tensor, "b t"], smoothing: float = 0.0
    ) -> Float[Tensor, ""]:
        """Cross-entropy summed over all tokens that are not padding, ``smoothing`` of each target spread over all."""
        flat = logits.flatten(0, 1), target.flatten()
        return F.cross_entropy(*flat, ignore_index=PAD, reduction="sum", label_smoothing=smoothing)


def build(config: TransformerConfig) -> Transformer:
    """The network of ``config``: matrices after Glorot, E and learned positions N(0, 1/d), biases 0."""
    model = Transformer(config)
    for name, parameter in model.named_parameters():
        if name in ("embedding.weight", "positions.table"):
            nn.init.normal_(parameter, std=config.hidden_size**-0.5)
        elif parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
    return model


def loss(model: Transformer, batch: TransformerBatch) -> Float[Tensor, ""]:
    """The loss on {"source": (B, S), "length": (B,), "target": (B, T + 1), "count"}, divided by the count of tokens."""
    target = batch["target"]
    logits = model(batch["source"], batch["length"], target[:, :-1])
    return model.loss(logits, target[:, 1:], model.label_smoothing) / batch["count"]
