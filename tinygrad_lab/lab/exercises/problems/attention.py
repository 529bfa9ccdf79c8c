"""Attention, and attention that forgets."""
# mypy: allow-untyped-defs, allow-untyped-calls

import math

import numpy as np

from tinygrad_lab.lab.exercises.draws import Case
from tinygrad_lab.lab.exercises.exercise import Exercise, Slip

# ---- attention -----------------------------------------------------------------------------------


def attention(query, key, value):
    """O = P V with P = softmax(Q Kᵀ / √h), the softmax over the keys.    Q (L, h), K (S, h), V (S, v) -> O (L, v)

    backward(dy) gets the gradient by O, (L, v), and returns dquery, dkey and dvalue.
    """
    scale = 1 / np.sqrt(query.shape[-1]).astype(query.dtype)
    scores = scale * (query @ key.T)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    y = p @ value

    def backward(dy):
        dvalue = p.T @ dy
        dp = dy @ value.T
        dscores = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
        dquery = scale * (dscores @ key)
        dkey = scale * (dscores.T @ query)
        return dquery, dkey, dvalue

    return y, backward


def attention_cases(draw):
    def heads(queries, keys, h, v):
        return {"query": draw.normal(queries, h), "key": draw.normal(keys, h), "value": draw.normal(keys, v)}

    yield Case("three queries, four keys", heads(3, 4, 2, 5))
    yield Case("all sizes alike", heads(3, 3, 3, 3))
    yield Case("one query", heads(1, 4, 3, 2))
    yield Case("one key, which gets all attention", heads(3, 1, 2, 2))
    yield Case("large scores", {name: 6 * x for name, x in heads(2, 3, 4, 2).items()})


ATTENTION = Exercise(
    attention,
    "attention: two products around a softmax",
    "Vaswani et al. 2017, Attention Is All You Need, equation 1.",
    ("query", "key", "value"),
    attention_cases,
    (
        Slip("dquery = scale * (dscores @ key)", "dquery = dscores @ key",
             "You forgot the scale 1/√h in dquery: the forward multiplies the scores by it, so "
             "the backward does too."),
        Slip("dkey = scale * (dscores.T @ query)", "dkey = dscores.T @ query",
             "You forgot the scale 1/√h in dkey: the forward multiplies the scores by it, so the "
             "backward does too."),
        Slip("dvalue = p.T @ dy", "dvalue = p @ dy",
             "You did not transpose P: a value collects from all queries that looked at it, along "
             "P's columns, so it is Pᵀ dO."),
        Slip("dkey = scale * (dscores.T @ query)", "dkey = scale * (dscores @ query)",
             "You did not transpose the scores' gradient: a key collects from all queries, along "
             "its columns, so it is dSᵀ Q."),
        Slip("dscores = p * (dp - (dp * p).sum(axis=-1, keepdims=True))", "dscores = dp * p * (1 - p)",
             "You took the softmax's diagonal only: each weight depends on every score of its "
             "row; Σ dP·P is subtracted."),
        Slip("dscores = p * (dp - (dp * p).sum(axis=-1, keepdims=True))", "dscores = dp * p",
             "You forgot that a row's weights add up to 1: Σ dP·P over the keys is subtracted "
             "before P multiplies."),
        Slip("dscores = p * (dp - (dp * p).sum(axis=-1, keepdims=True))", "dscores = dp",
             "You went past the softmax: what arrives at the weights, dP, must go back through it "
             "to the scores."),
        Slip("(dp * p).sum(axis=-1, keepdims=True)", "(dp * p).sum(axis=0, keepdims=True)",
             "You summed over the wrong axis: the softmax runs over the keys, the last axis, and "
             "so does its sum."),
    ),
    (
        "It is matmul, scale, softmax, matmul: go back through them one at a time. Solve softmax "
        "first.",
        "dV = Pᵀ dO and dP = dO Vᵀ; then dS is softmax's backward, row by row.",
        "dQ is dS K and dK is dSᵀ Q, each times the scale.",
    ),
    "scaled_dot_product_attention",
    lambda functional, query, key, value: functional.scaled_dot_product_attention(query, key, value),
)  # fmt: skip

# ---- forgetting attention ------------------------------------------------------------------------


def forgetting_attention(query, key, value, log_gate):
    """O = softmax(Q Kᵀ / √h + D) V over keys j ≤ i, with D_ij = a_{j+1} + ... + a_i, a = log f of the forget gates.

    Q, K (T, h), V (T, v), a (T,), at most 0 -> O (T, v)

    With c the running sum of a, D_ij = c_i − c_j. backward(dy) gets the gradient by O, (T, v), and returns dquery,
    dkey, dvalue and dlog_gate (T,).
    """
    scale = 1 / np.sqrt(query.shape[-1]).astype(query.dtype)
    c = np.cumsum(log_gate)
    past = np.tri(len(query), dtype=bool)  # true where j <= i
    scores = np.where(past, scale * (query @ key.T) + c[:, None] - c[None, :], -np.inf).astype(query.dtype)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    y = p @ value

    def backward(dy):
        dvalue = p.T @ dy
        dp = dy @ value.T
        dscores = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
        dquery = scale * (dscores @ key)
        dkey = scale * (dscores.T @ query)
        dc = dscores.sum(axis=1) - dscores.sum(axis=0)
        dlog_gate = np.cumsum(dc[::-1])[::-1]
        return dquery, dkey, dvalue, dlog_gate

    return y, backward


def forgetting_attention_cases(draw):
    def head(t, h, v, gates):
        return {"query": draw.normal(t, h), "key": draw.normal(t, h), "value": draw.normal(t, v), "log_gate": gates}

    yield Case("five tokens", head(5, 3, 2, np.log(draw.positive(5) / 2.1)))
    yield Case("all sizes alike", head(3, 3, 3, np.log(draw.positive(3) / 2.1)))
    yield Case("gates that forget nearly all", head(4, 2, 2, -8 * draw.positive(4)))
    yield Case("one token, on which no gate acts", head(1, 2, 3, -draw.positive(1)))


def torch_forgetting_attention(torch, query, key, value, log_gate):
    c = log_gate.cumsum(0)
    later = torch.ones(len(query), len(key), dtype=torch.bool).triu(1)
    scores = (query @ key.T) / math.sqrt(query.shape[-1]) + c[:, None] - c[None, :]
    return scores.masked_fill(later, -math.inf).softmax(-1) @ value


FORGETTING_ATTENTION = Exercise(
    forgetting_attention,
    "forgetting attention: the forget gate of FoX",
    "Lin et al. 2025, Forgetting Transformer, section 3.",
    ("query", "key", "value", "log_gate"),
    forgetting_attention_cases,
    (
        Slip("dlog_gate = np.cumsum(dc[::-1])[::-1]", "dlog_gate = dc",
             "You stopped at c: it is a running sum of the log gates, so each gate collects from "
             "its own place and all later ones."),
        Slip("dlog_gate = np.cumsum(dc[::-1])[::-1]", "dlog_gate = np.cumsum(dc)",
             "You summed in the wrong direction: gate l is in c_l and in all later c, so the sum "
             "runs backwards in time."),
        Slip("dc = dscores.sum(axis=1) - dscores.sum(axis=0)", "dc = dscores.sum(axis=0)",
             "You have the sign of c_j wrong: D_ij = c_i − c_j, so a column's sum is subtracted."),
        Slip("dc = dscores.sum(axis=1) - dscores.sum(axis=0)", "dc = dscores.sum(axis=1)",
             "You summed the rows only, which gives 0: c_j of the keys enters too, with a minus."),
        Slip("dc = dscores.sum(axis=1) - dscores.sum(axis=0)",
             "dc = scale * (dscores.sum(axis=1) - dscores.sum(axis=0))",
             "You scaled the gate's gradient by 1/√h: D is added after the scale, so it does not "
             "feel it."),
        Slip("dquery = scale * (dscores @ key)", "dquery = dscores @ key",
             "You forgot the scale 1/√h in dquery: the forward multiplies the scores by it, so "
             "the backward does too."),
        Slip("dkey = scale * (dscores.T @ query)", "dkey = dscores.T @ query",
             "You forgot the scale 1/√h in dkey: the forward multiplies the scores by it, so the "
             "backward does too."),
        Slip("dscores = p * (dp - (dp * p).sum(axis=-1, keepdims=True))", "dscores = dp * p * (1 - p)",
             "You took the softmax's diagonal only: each weight depends on every score of its "
             "row; Σ dP·P is subtracted."),
    ),
    (
        "All but the gate is attention: solve that first. D is added to the scores, so dD = dS.",
        "c_i is in all of row i with a plus, c_j in all of column j with a minus.",
        "From dc to the gates: the backward of a running sum is a running sum from the other end.",
    ),
    "forgetting_attention",
    lambda functional, query, key, value, log_gate: functional.forgetting_attention(query, key, value, log_gate),
    torch_forgetting_attention,
)  # fmt: skip
