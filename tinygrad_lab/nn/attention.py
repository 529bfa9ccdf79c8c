"""Multi-head attention with torch's parameters and torch's meaning of masks."""

from typing import Any

import numpy as np

from tinygrad_lab import random
from tinygrad_lab.nn import init
from tinygrad_lab.nn.linear import Linear
from tinygrad_lab.nn.module import Module, Parameter
from tinygrad_lab.ops.attention import scaled_dot_product_attention
from tinygrad_lab.ops.dropout import dropout
from tinygrad_lab.ops.linear import linear
from tinygrad_lab.ops.operation import Bool, Float
from tinygrad_lab.ops.softmax import masked_softmax
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Generator

Mask = Bool[Tensor, "..."] | Bool[Array, "..."]


class MultiheadAttention(Module):
    """concat(head_1 ... head_H) W_O, head_i = attention(Q W_i^Q, K W_i^K, V W_i^V)  (Vaswani 2017, section 3.2.2).

    Args:
        embed_dim: width of queries, keys, values and output.
        num_heads: how many heads share that width.
        dropout: in training each attention weight is 0 with this probability.
        bias: whether the four linear maps have one.
        batch_first: (batch, time, width) instead of (time, batch, width).
        dtype: of the parameters.
        generator: where the initial values and dropout's masks come from; by default the ambient one.

    Raises:
        ValueError: ``num_heads`` does not divide ``embed_dim``.
    """

    in_proj_weight: Parameter  # (3 embed_dim, embed_dim): W^Q, W^K and W^V of all heads below each other
    in_proj_bias: Parameter | None  # (3 embed_dim,)

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        batch_first: bool = False,
        dtype: Any = np.float32,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: num_heads must divide embed_dim, got {num_heads} and {embed_dim}")
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.generator = random.ambient() if generator is None else generator
        self.in_proj_weight = Parameter(np.empty((3 * embed_dim, embed_dim), dtype))
        self.register_parameter("in_proj_bias", Parameter(np.zeros(3 * embed_dim, dtype)) if bias else None)
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype=dtype, generator=self.generator)
        init.xavier_uniform_(self.in_proj_weight, generator=self.generator)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Float[Tensor, "a b d"],
        key: Float[Tensor, "c e d"],
        value: Float[Tensor, "c e d"],
        key_padding_mask: Mask | None = None,
        need_weights: bool = True,
        attn_mask: Mask | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Float[Tensor, "a b d"], Float[Tensor, "..."] | None]:
        """Return the output, and the attention weights if they are wanted.

        Args:
            query: (L, B, D), or (B, L, D) with ``batch_first``.
            key: (S, B, D) or (B, S, D).
            value: like ``key``.
            key_padding_mask: (B, S), True where a key is *left out*: the opposite of the operation's mask, as in torch.
            need_weights: return them, (B, L, S), as the mean over heads; forming them takes time and memory.
            attn_mask: (L, S) or (B num_heads, L, S), True where attention is *not* allowed.
            average_attn_weights: otherwise the weights are those of each head, (B, num_heads, L, S).
            is_causal: query i sees the keys 0 to i.  With an ``attn_mask``, which then says the same, it is a hint.

        Raises:
            ValueError: a mask of another shape.
        """
        if not self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        q, k, v = (self._heads(x, part) for part, x in enumerate((query, key, value)))
        allowed = self._allowed(q.shape[:3], k.shape[2], key_padding_mask, attn_mask, is_causal)
        p = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            weights = masked_softmax(q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5, allowed, -1)
            flat = dropout(weights.flatten(0, 1), p, generator=self.generator)  # torch draws (B num_heads, L, S) here
            weights = flat.reshape(weights.shape)
            heads = weights @ v
            weights = weights.mean(1) if average_attn_weights else weights
        else:
            heads = scaled_dot_product_attention(q, k, v, allowed, p, generator=self.generator)
        joined = self.out_proj(heads.transpose(1, 2).reshape(query.shape))
        return joined if self.batch_first else joined.transpose(0, 1), weights

    def _heads(self, x: Tensor, part: int) -> Tensor:
        """Project by one third of ``in_proj_weight``; split.    (B, T, D) -> (B, H, T, D/H)"""
        rows = slice(part * self.embed_dim, (part + 1) * self.embed_dim)
        bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
        projected = linear(x, self.in_proj_weight[rows], bias)
        return projected.reshape(*x.shape[:2], self.num_heads, -1).transpose(1, 2)

    def _allowed(
        self, queries: tuple[int, ...], keys: int, padding: Mask | None, attention: Mask | None, is_causal: bool
    ) -> np.ndarray:
        """True where attention is allowed, (B or 1, H or 1, L, S); ``queries`` is (B, H, L)."""
        batch, heads, length = queries
        allowed = np.ones((1, 1, length, keys), bool)
        if attention is not None:
            self._check("attn_mask", attention, [(length, keys), (batch * heads, length, keys)])
            mask = np.asarray(attention)
            allowed = ~(mask[None, None] if mask.ndim == 2 else mask.reshape(batch, heads, length, keys))
        elif is_causal:
            allowed = np.tri(length, keys, dtype=bool)[None, None]
        if padding is not None:
            self._check("key_padding_mask", padding, [(batch, keys)])
            allowed = allowed & ~np.asarray(padding)[:, None, None, :]
        return allowed

    def _check(self, name: str, mask: Mask, shapes: list[tuple[int, ...]]) -> None:
        if mask.shape not in shapes:
            wanted = " or ".join(map(str, shapes))
            raise ValueError(f"MultiheadAttention: {name} has shape {mask.shape}, it must be {wanted}")

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, num_heads={self.num_heads}, dropout={self.dropout}, batch_first={self.batch_first}"
