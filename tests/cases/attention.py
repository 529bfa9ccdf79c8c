"""Cases of tinygrad_lab.ops.attention: masks of every kind, lengths that differ, grouped heads, dropout."""

import numpy as np
from hypothesis import strategies as st

from tests.cases.case import booleans, case, normal, shapes, sizes
from tinygrad_lab import random
from tinygrad_lab.ops.attention import scaled_dot_product_attention

scales = st.sampled_from([None, 1.0, 0.3, 20.0])  # the last makes scores too large for exp: a maximum is subtracted


def projections(draw, leading, key_leading):
    """Query, key and value, with lengths and feature sizes of their own."""
    queries, keys, features, values = (draw(sizes) for _ in range(4))
    q, k = normal(draw, (*leading, queries, features)), normal(draw, (*key_leading, keys, features))
    return q, k, normal(draw, (*key_leading, keys, values))


def broadcast_to_scores(draw, q, k):
    """A shape that broadcasts to (*, L, S): some axes are 1, some of the first left out (torch wants two at least)."""
    shape = tuple(1 if draw(st.booleans()) else size for size in (*q.shape[:-1], k.shape[-2]))
    return shape[draw(st.integers(0, len(shape) - 2)) :]


@case(scaled_dot_product_attention, "nn.functional.scaled_dot_product_attention")
def any_or_earlier_keys(draw):
    leading = draw(shapes(0, 2))
    args = (*projections(draw, leading, leading), None, 0.0, draw(st.booleans()))
    return args, {"scale": draw(scales)}


@case(
    scaled_dot_product_attention,
    "nn.functional.scaled_dot_product_attention",
    name="scaled_dot_product_attention, allowed keys",
)
def chosen_keys(draw):
    leading = draw(shapes(1, 2))
    q, k, v = projections(draw, leading, leading)
    return (q, k, v, np.asarray(booleans(draw, broadcast_to_scores(draw, q, k)))), {"scale": draw(scales)}


@case(
    scaled_dot_product_attention,
    "nn.functional.scaled_dot_product_attention",
    name="scaled_dot_product_attention, bias",
)
def biased_scores(draw):
    leading = draw(shapes(1, 2))
    q, k, v = projections(draw, leading, leading)
    bias = normal(draw, broadcast_to_scores(draw, q, k))
    if draw(st.booleans()):
        bias[booleans(draw, bias.shape)] = -np.inf  # how masks are written where booleans mean something else
    return (q, k, v, bias), {"scale": draw(scales)}


@case(
    scaled_dot_product_attention,
    "nn.functional.scaled_dot_product_attention",
    name="scaled_dot_product_attention, grouped heads",
)
def heads_in_groups(draw):
    leading, heads, groups = draw(shapes(1, 1)), draw(sizes), draw(st.integers(1, 3))
    q, k, v = projections(draw, (*leading, heads * groups), (*leading, heads))
    mask = draw(st.sampled_from([None, np.tri(q.shape[-2], k.shape[-2], dtype=bool)]))
    return (q, k, v, mask), {"enable_gqa": True}


def dropped(torch, q, k, v, p, causal):
    """The same mask, applied to torch's weights."""
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if causal:
        scores = scores.masked_fill(~torch.ones(scores.shape[-2:], dtype=torch.bool).tril(), -torch.inf)
    kept = random.bernoulli(random.generator(0), tuple(scores.shape), 1 - p, np.dtype(bool))
    return (scores.softmax(-1) * torch.from_numpy(kept) / (1 - p)) @ v


@case(
    lambda q, k, v, p, causal: scaled_dot_product_attention(
        q, k, v, None, p, causal, generator=random.generator(0) if p else None
    ),
    dropped,
    name="scaled_dot_product_attention, dropout",
)
def dropped_weights(draw):
    leading = draw(shapes(0, 2))
    p = draw(st.sampled_from([0.0, 0.1, 0.5]))
    return (*projections(draw, leading, leading), p, draw(st.booleans())), {}
