"""The engine's draws replayed into PyTorch's own random functions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lab import ops, random
from tinygrad_lab.lab.noise import ReplayDraws


@given(st.floats(0.1, 0.9), st.integers(1, 5), st.integers(1, 5))
def test_dropout_of_torch_uses_the_recorded_mask(p: float, rows: int, columns: int) -> None:
    with random.record_draws() as draws:
        mask = random.bernoulli(random.generator(0), (rows, columns), 1 - p, np.dtype(np.float64))
    x = torch.ones(rows, columns, dtype=torch.float64, requires_grad=True)
    with ReplayDraws(draws) as replay:
        y = torch.nn.functional.dropout(x, p, training=True)
    y.sum().backward()
    replay.check_all_used()
    np.testing.assert_allclose(y.detach().numpy(), mask / (1 - p))
    np.testing.assert_allclose(x.grad.numpy(), mask / (1 - p))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: torch.randn_like(torch.zeros(3, 2)),
        lambda: torch.empty(3, 2).normal_(),
        lambda: torch.normal(torch.zeros(3, 2), torch.ones(3, 2)),
        lambda: torch.randn(3, 2),
    ],
)
def test_normal_draws_are_replayed(draw: object) -> None:
    noise = random.generator(1).standard_normal((3, 2)).astype(np.float32)
    with ReplayDraws([noise]) as replay:
        got = draw()
    replay.check_all_used()
    np.testing.assert_array_equal(got.numpy(), noise)


def test_more_draws_than_recorded_is_an_error() -> None:
    with ReplayDraws([]), pytest.raises(RuntimeError, match=r"torch draws \(2,\).*the engine made only 0 draws"):
        torch.empty(2).bernoulli_(0.5)


def test_draws_of_another_shape_are_an_error() -> None:
    with ReplayDraws([np.zeros(3)]), pytest.raises(RuntimeError, match=r"draw 1 is \(3,\) on the engine, \(2,\)"):
        torch.empty(2).bernoulli_(0.5)


def test_unused_draws_are_an_error() -> None:
    with ReplayDraws([np.zeros(3)]) as replay:
        pass
    with pytest.raises(RuntimeError, match="the engine drew 1 times, torch 0 times"):
        replay.check_all_used()


def test_recording_is_off_outside_the_block() -> None:
    with random.record_draws() as draws:
        random.normal(random.generator(0), (2,), np.dtype(np.float32))
    random.normal(random.generator(0), (2,), np.dtype(np.float32))
    assert len(draws) == 1


def test_attention_of_torch_drops_the_recorded_weights() -> None:
    arrays = np.random.default_rng(0).standard_normal((3, 2, 2, 4, 5))
    with random.record_draws() as draws:
        ours = ops.scaled_dot_product_attention(*arrays, dropout_p=0.3, generator=random.generator(0))
    with ReplayDraws(draws) as replay:
        theirs = torch.nn.functional.scaled_dot_product_attention(*map(torch.from_numpy, arrays), dropout_p=0.3)
    replay.check_all_used()
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12, atol=1e-14)
