"""Tokens are drawn as the softmax says, the same on both sides, and only where options allow it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reference import sampling as reference
from tinygrad_lab.random import generator
from tinygrad_lab.sampling import Sampling, choose

LOGITS = np.array([0.0, 1.0, 2.0, -1.0])


def drawn(options: Sampling, times: int) -> list[int]:
    rng = generator(0)
    return [choose(LOGITS, options, rng) for _ in range(times)]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_come_as_often_as_the_softmax_says(temperature: float) -> None:
    expected = np.exp(LOGITS / temperature) / np.exp(LOGITS / temperature).sum()
    found = drawn(Sampling(temperature=temperature), 600)
    assert [found.count(token) / 600 for token in range(4)] == pytest.approx(expected.tolist(), abs=0.07)


def test_top_k_leaves_the_others_out() -> None:
    assert set(drawn(Sampling(temperature=5.0, top_k=2), 200)) == {1, 2}
    assert set(drawn(Sampling(temperature=5.0, top_k=99), 200)) == {0, 1, 2, 3}


def test_temperature_zero_is_the_most_likely_token() -> None:
    assert set(drawn(Sampling(temperature=0.0), 5)) == {2}


@given(
    st.integers(0, 10**6), st.integers(1, 50), st.sampled_from([0.0, 0.3, 1.0, 7.0]), st.integers(0, 60),
    st.sampled_from([np.float32, np.float64]), st.sampled_from([1.0, 1000.0]),
)  # fmt: skip
def test_both_sides_choose_the_same(
    seed: int, size: int, temperature: float, top_k: int, dtype: type, scale: float
) -> None:
    logits = (scale * np.random.default_rng(seed).standard_normal(size)).astype(dtype)
    options = Sampling(temperature=temperature, top_k=top_k)
    ours = choose(logits, options, generator(seed))
    assert ours == reference.choose(torch.from_numpy(logits), options, generator(seed))
    assert 0 <= ours < size


@pytest.mark.parametrize(("name", "value"), [("length", 0), ("temperature", -0.1), ("top_k", -1), ("seed", -1)])
def test_impossible_options_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{name} must be at least [01], got {value}"):
        Sampling(**{name: value})
