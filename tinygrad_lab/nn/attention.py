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

Mask = Bool[Tensor, "..."] | Bool[Array, "..."] | Float[Tensor, "..."] | Float[Array, "..."]


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
        query: Float[Tensor, "..."],
        key: Float[Tensor, "..."],
        value: Float[Tensor, "..."],
        key_padding_mask: Mask | None = None,
        need_weights: bool = True,
        attn_mask: Mask | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."] | None]:
        """Return the output, and the attention weights if they are wanted.

        Args:
            query: (L, B, D), or (B, L, D) with ``batch_first``; (L, D) for one sequence.
            key: (S, B, D) or (B, S, D); (S, D).
            value: like ``key``.
            key_padding_mask: (B, S), or (S,) for one sequence.  Booleans: True where a key is *left out*, the
                opposite of the operation's mask, as in torch.  Floats: added to the scores.
            need_weights: return them, (B, L, S), as the mean over heads; forming them takes time and memory.
            attn_mask: (L, S) or (B num_heads, L, S).  Booleans: True where attention is *not* allowed.  Floats:
                added to the scores.
            average_attn_weights: otherwise the weights are those of each head, (B, num_heads, L, S).
            is_causal: query i sees the keys 0 to i.  With an ``attn_mask``, which then says the same, it is a hint.

        Raises:
            ValueError: inputs that do not fit together, a mask of another shape.
            TypeError: a mask of integers, or one that needs a gradient.
        """
        self._check_inputs(query, key, value)
        alone = query.ndim == 2
        if alone:
            query, key, value = (x[None] for x in (query, key, value))
            key_padding_mask = None if key_padding_mask is None else key_padding_mask[None]
        elif not self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        q, k, v = (self._heads(x, part) for part, x in enumerate((query, key, value)))
        allowed, bias = self._allowed(q.shape[:3], k.shape[2], key_padding_mask, attn_mask, is_causal)
        p = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
            weights = masked_softmax(scores if bias is None else scores + Tensor(bias, q.dtype), allowed, -1)
            flat = dropout(weights.flatten(0, 1), p, generator=self.generator)  # torch draws (B num_heads, L, S) here
            weights = flat.reshape(weights.shape)
            heads = weights @ v
            weights = weights.mean(1) if average_attn_weights else weights
        else:
            mask = allowed if bias is None else np.where(allowed, bias, -np.inf).astype(q.dtype)
            heads = scaled_dot_product_attention(q, k, v, mask, p, generator=self.generator)
        joined = self.out_proj(heads.transpose(1, 2).reshape(query.shape))
        if alone:
            return joined[0], None if weights is None else weights[0]
        return joined if self.batch_first else joined.transpose(0, 1), weights

    def _heads(self, x: Tensor, part: int) -> Tensor:
        """Project by one third of ``in_proj_weight``; split.    (B, T, D) -> (B, H, T, D/H)"""
        rows = slice(part * self.embed_dim, (part + 1) * self.embed_dim)
        bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
        projected = linear(x, self.in_proj_weight[rows], bias)
        return projected.reshape(*x.shape[:2], self.num_heads, -1).transpose(1, 2)

    def _allowed(
        self, queries: tuple[int, ...], keys: int, padding: Mask | None, attention: Mask | None, is_causal: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """(where attention is allowed, what is added to the scores), both (B or 1, H or 1, L, S)."""
        batch, heads, length = queries
        masks = []
        if attention is not None:
            mask = self._checked("attn_mask", attention, [(length, keys), (batch * heads, length, keys)])
            masks.append(mask[None, None] if mask.ndim == 2 else mask.reshape(batch, heads, length, keys))
        elif is_causal:
            masks.append(~np.tri(length, keys, dtype=bool)[None, None])
        if padding is not None:
            masks.append(self._checked("key_padding_mask", padding, [(batch, keys)])[:, None, None, :])
        allowed, bias = np.ones((1, 1, length, keys), bool), None
        for mask in masks:
            allowed = allowed & (~mask if mask.dtype == bool else mask > -np.inf)
            if mask.dtype != bool:
                finite = np.where(mask > -np.inf, mask, 0)  # where attention is not allowed, whatever is added
                bias = finite if bias is None else bias + finite
        return allowed, bias

    def _checked(self, name: str, mask: Mask, shapes: list[tuple[int, ...]]) -> np.ndarray:
        if mask.dtype.kind not in "bf":
            raise TypeError(f"MultiheadAttention: {name} must be boolean or floating point, got {mask.dtype}")
        if isinstance(mask, Tensor) and mask.requires_grad:
            raise TypeError(f"MultiheadAttention: {name} has no gradient here, but this tensor needs one: detach() it")
        if mask.shape not in shapes:
            wanted = " or ".join(map(str, shapes))
            raise ValueError(f"MultiheadAttention: {name} has shape {mask.shape}, it must be {wanted}")
        return np.asarray(mask)

    def _check_inputs(self, query: Tensor, key: Tensor, value: Tensor) -> None:
        batch = 0 if self.batch_first else 1
        ranks = {x.ndim for x in (query, key, value)}
        if ranks not in ({2}, {3}) or key.shape[:-1] != value.shape[:-1]:
            fit = False
        else:
            fit = ranks == {2} or query.shape[batch] == key.shape[batch]
        if not fit or {x.shape[-1] for x in (query, key, value)} != {self.embed_dim}:
            raise ValueError(
                f"MultiheadAttention: query {query.shape}, key {key.shape} and value {value.shape} must be all (time, "
                f"{self.embed_dim}) or all of the same batch, batch_first={self.batch_first}, width {self.embed_dim}"
            )

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, num_heads={self.num_heads}, dropout={self.dropout}, batch_first={self.batch_first}"
