"""Scaled dot-product attention (Vaswani et al. 2017, eq. 1), forward and backward in one operation.

With S = s Q Kᵀ + M, E = exp(S), ℓ the row sums of E and P = E / ℓ the attention weights, the output is O = P V.  P is
never formed: the short rows of O are divided by ℓ, not the long ones of E.  Backward, with Ō' = Ō / ℓ and
δ = Σ_c Ō'_c O_c for each row (the sum over all keys that the softmax's derivative needs, without touching the keys):

    V̄ = Eᵀ Ō',    G = S̄ = E ∘ (Ō' Vᵀ - δ),    Q̄ = s G K,    K̄ = s Gᵀ Q,    M̄ = G.

Dropout multiplies E by a mask D / (1 - p) wherever V is concerned: O, V̄ and Ō' Vᵀ; δ keeps its form.  Query heads that
share a head of keys are further rows of the same products: (Hk G, L, h) is looked at as (Hk, G L, h).
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lab import random
from tinygrad_lab.ops.contraction import matmul
from tinygrad_lab.ops.dropout import dropout, masking
from tinygrad_lab.ops.operation import Bool, Float, operation
from tinygrad_lab.ops.softmax import SAFE_SCORE, largest_score, masked_softmax, row_sums
from tinygrad_lab.tensor import Tensor, unbroadcast
from tinygrad_lab.typing import Array, Backward, Generator, Gradients, Needs


@operation(
    rule="""
    K = repeat_heads(key, query) if enable_gqa else key
    V = repeat_heads(value, query) if enable_gqa else value
    s = 1 / sqrt(max(1, length(query, -1))) if scale is None else scale
    S = s * query @ K.T + (attn_mask if attn_mask is not None and is_float(attn_mask) else 0)
    if attn_mask is not None:
        P = masked_softmax(S, S > -inf if is_float(attn_mask) else attn_mask, -1)
    else:
        P = masked_softmax(S, causal(query, key), -1) if is_causal else softmax(S, -1)
    if dropout_p == 0:
        W = P
        dP = dy @ V.T
    else:
        m = bernoulli(generator, P, 1 - dropout_p) / (1 - dropout_p)
        W = m * P
        dP = m * (dy @ V.T)
    dS = P * (dP - sum(dP * P, -1))
    dquery = s * dS @ K
    dkey = sum_heads(s * dS.T @ query, key) if enable_gqa else s * dS.T @ query
    dvalue = sum_heads(W.T @ dy, value) if enable_gqa else W.T @ dy
    dattn_mask = sum_like(dS, attn_mask)
    """,
)
def scaled_dot_product_attention(
    query: Float[Array, "*n l h"],
    key: Float[Array, "*m s h"],
    value: Float[Array, "*m s v"],
    attn_mask: Bool[Array, "..."] | Float[Array, "..."] | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
    generator: Generator | None = None,
) -> tuple[Float[Array, "*n l v"], Backward]:
    """softmax(s Q Kᵀ + M) V.    (*, L, h), (*, S, h), (*, S, v) -> (*, L, v)

    A query that may attend to no key at all, or has no score above -inf, gives zeros, and passes no gradient on.  A key
    to which it may not attend has no influence, even where their score is infinite or NaN (torch adds -inf to it, which
    leaves NaN there).

    Args:
        query: Q, one row for each position that asks.
        key: K, one row for each position that can be attended to.
        value: V, what those positions hold.
        attn_mask: broadcasts to (*, L, S).  Booleans: True where attention is allowed.  Floats: added to the scores.
        dropout_p: each attention weight is 0 with this probability, and scaled up otherwise.  There is no mode: pass 0
            in evaluation.
        is_causal: query i sees the keys 0 to i, counted from the first of both.  Queries that are the *last* of the
            keys, as with a cache, need an ``attn_mask`` (one single query needs none: it sees every key).
        scale: s; 1/√h where left out.
        enable_gqa: the axis before the last two, heads, may be a multiple of that of the keys: each head of keys and
            values then serves a group of neighbouring query heads.
        generator: where dropout's mask comes from.

    Raises:
        ValueError: shapes that do not fit; both ``attn_mask`` and ``is_causal``; ``dropout_p`` outside [0, 1), or
            above 0 without ``generator``.
    """
    _check_shapes(query.shape, key.shape, value.shape, enable_gqa)
    allowed, bias = _masks(query, key, attn_mask, is_causal)
    draw = _noise(dropout_p, generator)
    s = default_scale(query) if scale is None else scale
    groups = math.prod(query.shape[:-2]) // max(1, math.prod(key.shape[:-2]))
    rows = (*key.shape[:-2], groups * query.shape[-2])  # then the last axis: a group's query heads below each other
    scores = (*query.shape[:-1], key.shape[-2])
    q = np.multiply(query, s, order="C").reshape(*rows, query.shape[-1])
    e = _exponentials((q @ key.mT).reshape(scores), largest_score(q, key), allowed, bias)
    total = row_sums(e)
    total[total == 0] = 1  # nothing was allowed
    kept = draw(e)

    def weighted() -> Array:
        return (kept(e).reshape(*rows, scores[-1]) @ value).reshape(*query.shape[:-1], value.shape[-1])

    y = weighted()
    y /= total
    if not np.isfinite(y).all():  # Σ E V may overflow where the weights' mean of V does not
        e /= total
        total[:] = 1
        y = weighted()

    def backward(needs: Needs, dy: Array) -> Gradients:
        scaled = np.divide(dy, total, order="C")
        delta = row_sums(scaled * y)
        scaled = scaled.reshape(*rows, dy.shape[-1])
        dvalue = kept(e).reshape(*rows, scores[-1]).mT @ scaled if needs.value else None
        if not (needs.query or needs.key or needs.attn_mask):
            return None, None, dvalue, None
        g = kept((scaled @ value.mT).reshape(scores))
        g -= delta
        g *= e
        dmask = unbroadcast(g, bias.shape) if bias is not None and needs.attn_mask else None
        g = g.reshape(*rows, scores[-1])
        dquery = (g @ key).reshape(query.shape) * s if needs.query else None
        dkey = g.mT @ q if needs.key else None
        return dquery, dkey, dvalue, dmask

    return y, backward


@scaled_dot_product_attention.define
def scaled_dot_product_attention_definition(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Write the weights out; keys and values are repeated for each query head of a group."""
    if enable_gqa:
        groups = query.shape[-3] // key.shape[-3]
        key, value = (x.unsqueeze(-3).expand(*x.shape[:-2], groups, *x.shape[-2:]) for x in (key, value))
        key, value = (x.reshape(*query.shape[:-2], *x.shape[-2:]) for x in (key, value))
    s = default_scale(query) if scale is None else scale
    scores = matmul(query, key.transpose(-2, -1)) * s
    allowed = np.tri(scores.shape[-2], scores.shape[-1], dtype=bool) if is_causal else np.ones(scores.shape[-2:], bool)
    if attn_mask is not None and attn_mask.dtype == np.bool_:
        allowed = np.asarray(attn_mask)
    elif attn_mask is not None:
        scores = scores + attn_mask
        allowed = np.asarray(scores) > -np.inf
    weights = dropout(masked_softmax(scores, allowed, -1), dropout_p, dropout_p > 0, generator=generator)
    return matmul(weights, value)


def default_scale(query: Any) -> float:
    """1/√h, also where h is 0, and with it every score."""
    return 1 / math.sqrt(max(1, query.shape[-1]))


def _exponentials(
    scores: np.ndarray, largest: float, allowed: np.ndarray | None, bias: np.ndarray | None
) -> np.ndarray:
    """exp of the scores, in place, each row up to a factor; 0 where attention is not allowed."""
    if bias is None and largest < SAFE_SCORE:
        np.exp(scores, out=scores)
        if allowed is not None:
            scores *= allowed.astype(scores.dtype)  # a product of floats is faster than a mixed one
        return scores
    if bias is not None:
        scores += bias
    if allowed is not None:
        np.copyto(scores, -np.inf, where=~allowed)
    highest = scores.max(axis=-1, keepdims=True, initial=-np.inf)
    highest[highest == -np.inf] = 0  # nothing is allowed: every exponential below is exp(-inf) = 0
    scores -= highest
    np.exp(scores, out=scores)
    return scores


def _masks(
    query: np.ndarray, key: np.ndarray, attn_mask: np.ndarray | None, is_causal: bool
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(where attention is allowed, what is added to the scores): at most one of them."""
    scores = (*query.shape[:-1], key.shape[-2])
    if attn_mask is None:
        return (np.tri(scores[-2], scores[-1], dtype=bool) if is_causal else None), None
    if is_causal:
        raise ValueError("scaled_dot_product_attention: attn_mask and is_causal exclude each other")
    trailing = scores[len(scores) - attn_mask.ndim :] if attn_mask.ndim <= len(scores) else ()
    if len(trailing) < attn_mask.ndim or any(m not in (1, n) for m, n in zip(attn_mask.shape, trailing, strict=True)):
        raise ValueError(
            f"scaled_dot_product_attention: attn_mask has shape {attn_mask.shape}, it must broadcast to {scores}"
        )
    return (attn_mask, None) if attn_mask.dtype == bool else (None, attn_mask)


def _noise(p: float, generator: Generator | None) -> Callable[[np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    """A function that draws a mask for an array and returns a function that applies it: x -> x D / (1 - p)."""
    if not 0 <= p < 1:
        raise ValueError(f"scaled_dot_product_attention: dropout_p must be in [0, 1), got {p}")
    if p == 0:
        return lambda like: lambda x: x
    if generator is None:
        raise ValueError(
            "scaled_dot_product_attention: dropout_p above 0 needs a generator, "
            "tinygrad_lab.random.generator(seed) makes one"
        )

    def draw(like: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        return masking(random.bernoulli(generator, like.shape, 1 - p, np.dtype(bool)), p)

    return draw


def _check_shapes(query: tuple[int, ...], key: tuple[int, ...], value: tuple[int, ...], enable_gqa: bool) -> None:
    heads = -3 if enable_gqa else -2  # the axes before this one must be the same
    groups = enable_gqa and len(query) > 2 and len(key) > 2 and query[-3] % key[-3] == 0
    same = query[:heads] == key[:heads] and key[:-1] == value[:-1] and query[-1] == key[-1]
    if not same or (enable_gqa and not groups):
        rule = "a multiple of the key's heads in the query, else " if enable_gqa else ""
        raise ValueError(
            f"scaled_dot_product_attention: query {query}, key {key} and value {value} do not fit: they must be "
            f"(*, L, h), (*, S, h) and (*, S, v), {rule}with the same leading axes"
        )
