"""Forgetting attention: in blocks, pruned and all scores at once; extreme gates, long sequences, memory, bad input."""

import importlib
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lab.ops.forgetting_attention import SMALLEST_LOG_GATE, forgetting_attention
from tinygrad_lab.ops.kernels.forgetting_blocks import ForgettingBlocks
from tinygrad_lab.ops.softmax import SAFE_SCORE
from tinygrad_lab.tensor import Tensor

op = importlib.import_module("tinygrad_lab.ops.forgetting_attention")  # the package has the function by this name
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def example(tokens: int, queries: int | None = None, heads: int = 2, size: int = 4, seed: int = 0) -> Arrays:
    """Query, key, value and log gates; the first head remembers long, the last one briefly."""
    rng = np.random.default_rng(seed)
    q, k, v = (rng.standard_normal((heads, n, size)) for n in (queries or tokens, tokens, tokens))
    memory = np.geomspace(50, 1, heads)[:, None]
    return q, k, v, -rng.exponential(1 / memory, (heads, tokens))


def results(arrays: Arrays, **options: Any) -> list[np.ndarray]:
    """The output, and the gradients of a random projection of it."""
    tensors = [Tensor(x, requires_grad=True) for x in arrays]
    y = forgetting_attention(*tensors, **options)
    y.backward(np.random.default_rng(1).standard_normal(y.shape).astype(y.dtype))
    return [y.numpy(), *(tensor.grad.numpy() for tensor in tensors)]


def in_blocks(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """From here on blocks of this size, however few the scores."""
    monkeypatch.setattr(op, "LARGEST_DIRECT", 0)
    monkeypatch.setattr(op, "ForgettingBlocks", lambda *args: ForgettingBlocks(*args, block=block))


def largest_difference(some: list[np.ndarray], others: list[np.ndarray]) -> float:
    return max(np.abs(a - b).max() / max(1.0, np.abs(b).max()) for a, b in zip(some, others, strict=True))


# ---- blocks ----------------------------------------------------------------------------------------------------------


@given(tokens=st.integers(1, 40), block=st.integers(1, 45), fewer=st.integers(0, 39), seed=st.integers(0, 9))
def test_blocks_equal_all_scores_at_once(tokens: int, block: int, fewer: int, seed: int) -> None:
    arrays = example(tokens, max(1, tokens - fewer), seed=seed)
    direct = results(arrays)
    with pytest.MonkeyPatch.context() as patch:
        in_blocks(patch, block)
        assert largest_difference(results(arrays), direct) < 1e-12


def test_blocks_with_scores_too_large_for_exp(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = example(30)
    direct = results(arrays, scale=500.0)
    in_blocks(monkeypatch, 7)
    assert largest_difference(results(arrays, scale=500.0), direct) < 1e-11


def test_the_number_of_scores_decides() -> None:
    """513 queries of 513 tokens are one block of scores too many, 512 are not."""
    used = []

    class Watched(ForgettingBlocks):
        def forward(self, output: np.ndarray) -> None:
            used.append(len(output))
            super().forward(output)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(op, "ForgettingBlocks", Watched)
        for tokens in (512, 513):
            forgetting_attention(*example(tokens, heads=1))
        forgetting_attention(*example(2000, queries=1, heads=1))  # a new token and its cache
    assert used == [513]


def test_memory_grows_with_the_length_only() -> None:
    peaks = []
    for tokens in (768, 3072):
        arrays = tuple(x.astype(np.float32) for x in example(tokens, heads=1, size=16))
        tracemalloc.start()
        results(arrays)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 4.1 * peaks[0]  # 16 times as many scores
    assert peaks[1] < 3072 * 3072 * 4 / 8


# ---- pruning ---------------------------------------------------------------------------------------------------------


@given(tokens=st.integers(2, 60), block=st.integers(1, 9), power=st.integers(1, 12), seed=st.integers(0, 9))
def test_pruned_outputs_are_within_the_bound(tokens: int, block: int, power: int, seed: int) -> None:
    arrays = example(tokens, heads=3, seed=seed)
    exact, pruning = results(arrays), 10.0**-power
    with pytest.MonkeyPatch.context() as patch:
        in_blocks(patch, block)
        pruned = results(arrays, pruning=pruning)
    assert np.abs(pruned[0] - exact[0]).max() <= 2 * np.abs(arrays[2]).max() * pruning
    assert largest_difference(pruned[1:], exact[1:]) <= 100 * tokens * pruning


@given(block=st.integers(1, 9), power=st.integers(1, 12), seed=st.integers(0, 9))
def test_what_is_left_out_has_less_than_its_share_of_every_row(block: int, power: int, seed: int) -> None:
    """The bound itself: the weights in the blocks that are left out."""
    q, k, v, log_f = example(60, heads=1, seed=seed)
    c, scale = log_f[0].cumsum(), 0.5
    head = ForgettingBlocks(q[0], k[0], v[0], c, scale, 10.0**-power, block)
    weights = np.exp(q[0] @ k[0].T * scale + c[:, None] - c) * np.tri(60)
    weights /= weights.sum(axis=1, keepdims=True)
    for rows, columns in head.rows():
        assert weights[rows, : next(columns).start].sum(axis=1).max(initial=0) < 10.0**-power


@pytest.mark.parametrize("block", [1, 4, 7])
def test_blocks_are_left_out_as_soon_as_the_bound_allows(block: int) -> None:
    """Scores of 0 and gates of 1/e: a key d tokens away has decayed by -d."""
    none = np.zeros((50, 2))
    head = ForgettingBlocks(
        none, none, none, -np.arange(50.0), 1.0, 50 * np.exp(-9.5), block
    )  # left out from d = 10 on
    for rows, columns in head.rows():
        first = next(columns).start
        assert first == max(0, (rows.start - 10 + 1) // block * block)


def test_pruning_skips_most_of_a_forgetful_head_and_nothing_of_one_that_keeps_all() -> None:
    q, k, v, _ = example(640, heads=1)

    def looked_at(log_f: float) -> int:
        c = np.full(640, log_f).cumsum()
        head = ForgettingBlocks(q[0], k[0], v[0], c, 0.5, np.exp(-10), block=32)
        return sum(1 for _, columns in head.rows() for _ in columns)

    assert looked_at(0.0) == 20 * 21 // 2
    assert looked_at(-2.0) < 20 * 4


# ---- gates at their limits -------------------------------------------------------------------------------------------


def test_open_gates_are_plain_causal_attention() -> None:
    q, k, v, log_f = example(9)
    scores = q @ k.mT / 2 + np.where(np.tri(9), 0, -np.inf)
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    np.testing.assert_allclose(results((q, k, v, 0 * log_f))[0], weights @ v, rtol=1e-12)


@pytest.mark.parametrize("block", [0, 4])
def test_a_closed_gate_cuts_off_everything_before_its_token(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v, log_f = example(9)
    log_f[:, 5] = -np.inf
    if block:
        in_blocks(monkeypatch, block)
    whole, after = results((q, k, v, log_f)), results(tuple(x[:, 5:] for x in (q, k, v, log_f)))
    np.testing.assert_allclose(whole[0][:, 5:], after[0], rtol=1e-12)
    assert all(np.isfinite(x).all() for x in whole)
    assert not whole[4][:, 5].any()  # a gate that is closed altogether has no gradient


def test_the_first_gate_acts_on_nothing() -> None:
    q, k, v, log_f = example(9)
    other = log_f.copy()
    other[:, 0] = -3
    np.testing.assert_allclose(results((q, k, v, other))[0], results((q, k, v, log_f))[0], rtol=1e-12)
    np.testing.assert_allclose(results((q, k, v, log_f))[4][:, 0], 0, atol=1e-14)


def test_one_token_attends_to_itself() -> None:
    q, k, v, log_f = example(1)
    y, dq, dk, _, dlog_f = results((q, k, v, log_f))
    np.testing.assert_array_equal(y, v)
    np.testing.assert_allclose(np.stack([dq, dk]), 0, atol=1e-15)
    np.testing.assert_allclose(dlog_f, 0, atol=1e-15)


@pytest.mark.parametrize("closing", [-5.0, -1e3, SMALLEST_LOG_GATE, -3e38])
def test_many_tokens_with_closing_gates_in_float32(closing: float) -> None:
    """16,384 tokens: a float32 sum of such gates would be off by more than a nearby decay."""
    tokens = 16_384
    q, k, v, log_f = (x.astype(np.float32) for x in example(tokens, heads=1, size=2))
    log_f[:, ::3] = closing
    single = results((q, k, v, log_f), pruning=1e-12)  # pruned only to be quick
    assert all(np.isfinite(x).all() for x in single)
    last = tuple(x[:, -64:].astype(np.float64) for x in (q, k, v, log_f))
    assert np.abs(single[0][:, -32:] - results(last)[0][:, -32:]).max() < 1e-4


def test_sums_of_gates_do_not_lose_digits() -> None:
    """The same decay far from the beginning as near to it, in float32."""
    tokens = 16_384
    q, k, v, log_f = (x.astype(np.float32) for x in example(tokens, heads=1, size=2))
    q, k, v = (np.ascontiguousarray(np.broadcast_to(x[:, -8:], (1, 8, 2))) for x in (q, k, v))
    near = forgetting_attention(q, k, v, log_f[:, -8:]).numpy()
    before = np.zeros((1, tokens, 2), np.float32)
    closed = np.concatenate([np.full((1, tokens), -1000, np.float32), log_f[:, -8:]], axis=1)
    far = forgetting_attention(
        q, np.concatenate([before, k], axis=1), np.concatenate([before, v], axis=1), closed
    ).numpy()
    weight_of_the_past = np.exp(closed[0, -8])
    assert np.abs(far - near)[:, 1:].max() < 10 * weight_of_the_past + 1e-5


def test_with_and_without_a_subtracted_maximum() -> None:
    q, k, v, log_f = (x.astype(np.float32) for x in example(6))
    lengths = np.linalg.norm(q, axis=-1).max() * np.linalg.norm(k, axis=-1).max()
    below, above = (
        results((q, k, v, log_f), scale=float(factor * SAFE_SCORE / lengths)) for factor in (1 - 1e-6, 1 + 1e-6)
    )
    assert largest_difference(below, above) < 1e-4


def test_only_the_gradients_that_are_needed_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        q, k, v, log_f = (Tensor(x) for x in example(5))
        value = Tensor(v.numpy(), requires_grad=True)
        forgetting_attention(q, k, value, log_f).backward(np.ones(v.shape))
        gate = Tensor(log_f.numpy(), requires_grad=True)
        forgetting_attention(q, k, v, gate).backward(np.ones(v.shape))
        assert value.grad is not None
        assert gate.grad is not None
        assert all(tensor.grad is None for tensor in (q, k, v, log_f))
        in_blocks(monkeypatch, 2)


def test_bad_input_is_named() -> None:
    unchecked = forgetting_attention.info.body.__wrapped__  # as users run it: only tests check annotations
    q, k, v, log_f = example(6)
    for wrong in [(q[0], k, v), (q, k[..., :3], v), (q, k, v[:, :5]), (q, k[:, :4], v[:, :4]), (q[:, :0], k, v)]:
        with pytest.raises(ValueError, match=r"query .* key .* and value .* do not fit: .* T from 1 to S"):
            unchecked(*wrong, log_f)
    with pytest.raises(ValueError, match=r"log_fgate has shape \(2, 5\), it must be \(2, 6\)"):
        unchecked(q, k, v, log_f[:, :5])
    with pytest.raises(ValueError, match=r"log_fgate must be at most 0, got 0\.5"):
        unchecked(q, k, v, np.full((2, 6), 0.5))
    for pruning in (-0.1, 1.0):
        with pytest.raises(ValueError, match=rf"pruning must be in \[0, 1\), got {pruning}"):
            unchecked(q, k, v, log_f, pruning=pruning)
