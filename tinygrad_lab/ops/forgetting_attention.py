"""Forgetting attention (Lin et al. 2025, section 3): softmax attention in which the past fades as gates say.

Every key carries a gate f in [0, 1], and a key's weight is multiplied by all gates after it, up to the query's own.
With c the running sum of log f, that is one number added to each score:

    D_ij = log f_{j+1} + ... + log f_i = c_i - c_j <= 0,    S = s Q Kᵀ + D,    O = softmax(S) V    over keys j <= i.

A key's own gate does not act on it: D_ii = 0.  Backward, with E = exp(S), ℓ its row sums, Ō' = Ō / ℓ, δ = Σ_c Ō'_c O_c:

    V̄ = Eᵀ Ō',    G = S̄ = E ∘ (Ō' Vᵀ - δ),    Q̄ = s G K,    K̄ = s Gᵀ Q,
    c̄_j = Σ_k G_jk - Σ_i G_ij = -Σ_i G_ij,  since rows of G sum to 0;    log f̄_l = Σ_{j >= l} c̄_j,

which is the sum of G over all pairs that gate l lies between, i >= l > j.

c falls without end, so it is summed in float64 whatever the dtype and only differences are rounded; a gate of 0 counts
as exp(-10,000), which leaves nothing of a weight and lets the sum go on.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lab.ops.attention import default_scale
from tinygrad_lab.ops.contraction import matmul
from tinygrad_lab.ops.kernels.forgetting_blocks import ForgettingBlocks
from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.ops.softmax import SAFE_SCORE, largest_score, masked_softmax, row_sums
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs

SMALLEST_LOG_GATE = -1e4
LARGEST_DIRECT = 512 * 512  # scores of one head; above it memory for all of them costs more time than blocks do


@operation(
    rule="""
    s = 1 / sqrt(max(1, length(query, -1))) if scale is None else scale
    T = length(query, -2)
    c = cumsum(maximum(log_fgate, -10000), -1)
    S = s * query @ key.T + c[..., -T:, None] - c[..., None, :]
    P = masked_softmax(S, causal(query, key, True), -1)
    dP = dy @ value.T
    dS = P * (dP - sum(dP * P, -1))
    dquery = s * dS @ key
    dkey = s * dS.T @ query
    dvalue = P.T @ dy
    dc = -summed(dS, -2)
    dlog_fgate = flip(cumsum(flip(dc, -1), -1), -1) * (log_fgate >= -10000)
    """,
)
def forgetting_attention(
    query: Float[Array, "*n t h"],
    key: Float[Array, "*n s h"],
    value: Float[Array, "*n s v"],
    log_fgate: Float[Array, "*n s"],
    scale: float | None = None,
    pruning: float = 0.0,
) -> tuple[Float[Array, "*n t v"], Backward]:
    """softmax(s Q Kᵀ + D) V, D_ij = Σ_{l = j+1..i} log f_l.    (*, T, h), (*, S, h), (*, S, v), (*, S) -> (*, T, v)

    Up to 512 × 512 scores a head all of them are held at once; more are made and forgotten block by block, forward and
    backward, in memory that grows with T + S only (``ForgettingBlocks``).

    A NaN in a query reaches its output, and the gradients of all keys and gates, later ones too, as softmax attention's
    does in torch.

    Args:
        query: Q of the last T of all S tokens: with a cache of keys, those that are new.
        key: K, one row for each token.
        value: V, what the tokens hold.
        log_fgate: log f, at most 0; one for each token, and with it for each head where heads are a leading axis.
        scale: s; 1/√h where left out.
        pruning: the largest share of a query's attention that may be left out to save time (Lin et al. 2025, *Adaptive
            Computation Pruning*).  Blocks of keys that have decayed so far that they cannot have more than this
            together are not looked at; an output then differs by at most 2 max|V| times this.

    Raises:
        ValueError: shapes that do not fit, more queries than keys, a gate above 1, or ``pruning`` outside [0, 1).
    """
    _check(query, key, value, log_fgate, pruning)
    s = default_scale(query) if scale is None else scale
    c = np.cumsum(np.maximum(log_fgate, SMALLEST_LOG_GATE), axis=-1, dtype=np.float64)
    direct = not pruning and query.shape[-2] * key.shape[-2] <= LARGEST_DIRECT
    y, inner = (all_at_once if direct else in_blocks)(query, key, value, c, s, pruning)

    def backward(needs: Needs, dy: Array) -> Gradients:
        dquery, dkey, dvalue, dc = inner(needs, dy)
        if needs.log_fgate:
            dlog = np.flip(np.cumsum(np.flip(dc, -1), axis=-1, dtype=np.float64), -1)
            dlog *= log_fgate >= SMALLEST_LOG_GATE
        return dquery, dkey, dvalue, dlog.astype(log_fgate.dtype) if needs.log_fgate else None

    return y, backward


@forgetting_attention.define
def forgetting_attention_definition(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    log_fgate: Tensor,
    scale: float | None = None,
    pruning: float = 0.0,
) -> Tensor:
    """Write the weights out, from the same sums in float64."""
    t, s = query.shape[-2], key.shape[-2]
    c = log_fgate.double().clamp(min=SMALLEST_LOG_GATE).cumsum(-1)
    decay = (c[..., s - t :].unsqueeze(-1) - c.unsqueeze(-2)).to(query.dtype)
    scores = matmul(query, key.transpose(-2, -1)) * (default_scale(query) if scale is None else scale) + decay
    return matmul(masked_softmax(scores, np.tri(t, s, s - t, dtype=bool), -1), value)


Inner = Callable[[Needs, np.ndarray], tuple[Any, ...]]  # (needs, dy) -> dquery, dkey, dvalue, dc


def all_at_once(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, c: np.ndarray, s: float, _: float
) -> tuple[np.ndarray, Inner]:
    """Form all scores at once: what blocks do, in the order of the equations above."""
    t, keys = query.shape[-2], key.shape[-2]
    q = np.multiply(query, s, order="C")
    e = q @ key.mT
    e += decay(c[..., keys - t :], c, e.dtype)
    if not largest_score(q, key) <= SAFE_SCORE:  # NaN too
        e -= e.max(axis=-1, keepdims=True)
    np.exp(e, out=e)
    total = row_sums(e)
    y = e @ value
    y /= total
    if not np.isfinite(y).all():  # Σ E V may overflow where the weights' mean of V does not
        e /= total
        total[:] = 1
        y = e @ value

    def inner(needs: Needs, dy: np.ndarray) -> Gradients:
        scaled = np.divide(dy, total, order="C")
        dvalue = e.mT @ scaled if needs.value else None
        if not (needs.query or needs.key or needs.log_fgate):
            return None, None, dvalue, None
        g = scaled @ value.mT
        g -= np.vecdot(scaled, y)[..., None]
        g *= e
        dquery = (g @ key) * s if needs.query else None
        dkey = g.mT @ q if needs.key else None
        return dquery, dkey, dvalue, -(np.ones(t, g.dtype) @ g) if needs.log_fgate else None

    return y, inner


def in_blocks(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, c: np.ndarray, s: float, pruning: float
) -> tuple[np.ndarray, Inner]:
    """Attend for one head after the other, block by block."""
    heads = np.ndindex(query.shape[:-2])
    blocks = {n: ForgettingBlocks(query[n], key[n], value[n], c[n], s, pruning) for n in heads}
    y = np.empty((*query.shape[:-1], value.shape[-1]), query.dtype)
    for n, head in blocks.items():
        head.forward(y[n])

    def inner(needs: Needs, dy: np.ndarray) -> Gradients:
        gradients = [np.zeros(x.shape, x.dtype) for x in (query, key, value, c)]
        for n, head in blocks.items():
            head.backward(dy[n], y[n], *(gradient[n] for gradient in gradients))
        return tuple(gradient if need else None for gradient, need in zip(gradients, needs, strict=True))

    return y, inner


def decay(rows: np.ndarray, columns: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return D in ``dtype``, from float64 sums; -inf for keys after the query.

    (*, T), (*, S) -> (*, T, S)
    """
    d = np.empty((*rows.shape, columns.shape[-1]), dtype)
    with np.errstate(over="ignore"):
        np.subtract(rows[..., :, None], columns[..., None, :], out=d, casting="same_kind")
    np.minimum(d, _past(d.shape[-2], d.shape[-1], dtype), out=d)
    return d


def _past(t: int, s: int, dtype: np.dtype) -> np.ndarray:
    """0 for a query's own key and those before it, -inf for those after it.    (T, S)"""
    past = np.zeros((t, s), dtype)
    past[~np.tri(t, s, s - t, dtype=bool)] = -np.inf
    return past


def _check(query: np.ndarray, key: np.ndarray, value: np.ndarray, log_fgate: np.ndarray, pruning: float) -> None:
    shapes = query.shape[:-2] == key.shape[:-2] == value.shape[:-2] and query.shape[-1] == key.shape[-1]
    if not shapes or key.shape[-2] != value.shape[-2] or not 0 < query.shape[-2] <= key.shape[-2]:
        raise ValueError(
            f"forgetting_attention: query {query.shape}, key {key.shape} and value {value.shape} do not fit: they must "
            "be (*, T, h), (*, S, h) and (*, S, v) with the same leading axes and T from 1 to S"
        )
    if log_fgate.shape != key.shape[:-1]:
        raise ValueError(f"forgetting_attention: log_fgate has shape {log_fgate.shape}, it must be {key.shape[:-1]}")
    if (log_fgate > 0).any():
        raise ValueError(f"forgetting_attention: log_fgate must be at most 0, got {log_fgate.max()}")
    if not 0 <= pruning < 1:
        raise ValueError(f"forgetting_attention: pruning must be in [0, 1), got {pruning}")
