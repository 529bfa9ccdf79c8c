"""Attention: queries that may attend to nothing, large scores, a cache of keys, bad input."""

import numpy as np
import pytest

from tinygrad_lab import random
from tinygrad_lab.ops.attention import scaled_dot_product_attention
from tinygrad_lab.ops.softmax import SAFE_SCORE
from tinygrad_lab.tensor import Tensor

rng = np.random.default_rng(0)


def projections(queries: int = 4, keys: int = 6, heads: int = 2) -> list[Tensor]:
    shapes = [(1, heads, queries, 8), (1, heads, keys, 8), (1, heads, keys, 8)]
    return [Tensor(rng.standard_normal(shape), requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("nothing", [False, -np.inf])
def test_a_query_that_may_attend_to_nothing_gives_zeros_and_passes_no_gradient_on(nothing: float) -> None:
    q, k, v = projections()
    mask = np.full((4, 6), True if nothing is False else 0.0)
    mask[1] = nothing
    y = scaled_dot_product_attention(q, k, v, mask)
    assert not y.numpy()[:, :, 1].any()
    assert y.numpy()[:, :, [0, 2, 3]].all()
    seed = np.zeros(y.shape)
    seed[:, :, 1] = 1
    y.backward(seed)
    for tensor in (q, k, v):
        assert not tensor.grad.numpy().any()


def test_large_scores_do_not_overflow() -> None:
    q, k, v = (
        Tensor(x.numpy().astype(np.float32) * scale) for x, scale in zip(projections(), (30, 30, 1), strict=True)
    )
    sharp = scaled_dot_product_attention(q, k, v).numpy()
    best = (q.numpy() @ k.numpy().mT).argmax(-1)
    np.testing.assert_allclose(sharp, np.take_along_axis(v.numpy(), best[..., None], 2), rtol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
def test_with_and_without_a_subtracted_maximum(masked: bool) -> None:
    """The largest score that is safe as it is, and the same scores just above it."""
    q, k, v = (x.numpy().astype(np.float32) for x in projections())
    lengths = np.linalg.norm(q, axis=-1).max() * np.linalg.norm(k, axis=-1).max()
    mask = rng.random((4, 6)) < 0.5 if masked else None
    below, above = (
        scaled_dot_product_attention(Tensor(q), Tensor(k), Tensor(v), mask, scale=float(factor * SAFE_SCORE / lengths))
        for factor in (1 - 1e-6, 1 + 1e-6)
    )
    np.testing.assert_allclose(below.numpy(), above.numpy(), rtol=0, atol=1e-4)


def test_queries_that_are_the_last_of_the_keys_need_a_mask() -> None:
    q, k, v = projections(queries=6)
    whole = scaled_dot_product_attention(q, k, v, is_causal=True).numpy()
    last = Tensor(q.numpy()[:, :, 4:])
    np.testing.assert_allclose(
        scaled_dot_product_attention(last, k, v, np.tri(6, dtype=bool)[4:]).numpy(), whole[:, :, 4:], rtol=1e-12
    )
    one = Tensor(q.numpy()[:, :, 5:])
    np.testing.assert_allclose(scaled_dot_product_attention(one, k, v).numpy(), whole[:, :, 5:], rtol=1e-12)


def test_only_the_gradients_that_are_needed_are_computed() -> None:
    q, k, v = projections()
    frozen = [scaled_dot_product_attention(q.detach(), k.detach(), v), scaled_dot_product_attention(q, k.detach(), v)]
    for y in frozen:
        y.backward(np.ones(y.shape))
    assert k.grad is None
    assert v.grad is not None
    assert q.grad is not None


def test_bad_input_is_named() -> None:
    unchecked = scaled_dot_product_attention.info.body.__wrapped__  # as users run it: only tests check annotations
    q, k, v = (x.numpy() for x in projections())
    for wrong in [(q[0], k, v), (q, k[..., :5], v), (q, k, v[:, :, :5]), (q[:, :1], k, v)]:
        with pytest.raises(ValueError, match=r"query .* key .* and value .* do not fit: .* the same leading axes"):
            unchecked(*wrong)
    with pytest.raises(ValueError, match="a multiple of the key's heads in the query"):
        unchecked(rng.standard_normal((1, 3, 4, 8)), k, v, enable_gqa=True)
    with pytest.raises(ValueError, match=r"attn_mask has shape \(4, 5\), it must broadcast to \(1, 2, 4, 6\)"):
        unchecked(q, k, v, np.ones((4, 5), bool))
    with pytest.raises(ValueError, match=r"attn_mask has shape \(3, 2, 4, 6\), it must broadcast to \(1, 2, 4, 6\)"):
        unchecked(q, k, v, np.ones((3, 2, 4, 6), bool))
    with pytest.raises(ValueError, match="attn_mask and is_causal exclude each other"):
        unchecked(q, k, v, np.ones((4, 6), bool), is_causal=True)
    with pytest.raises(ValueError, match=r"dropout_p must be in \[0, 1\), got 1.0"):
        unchecked(q, k, v, dropout_p=1.0, generator=random.generator(0))
    with pytest.raises(ValueError, match="dropout_p above 0 needs a generator"):
        unchecked(q, k, v, dropout_p=0.5)
