"""The engine's draws replayed into PyTorch's own random functions."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lab import ops, random
from tinygrad_lab.lab.noise import ReplayDraws, replayed


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


def test_draws_are_replayed_in_the_order_in_which_they_were_made() -> None:
    masks = [np.array([True, False, False]), np.array([False, True, False]), np.array([False, False, True])]
    with replayed(masks):
        got = [torch.empty(3).bernoulli_(0.5).numpy() for _ in masks]
    np.testing.assert_array_equal(got, np.array(masks, np.float32))


@pytest.mark.parametrize(("draw", "ask", "message"), [
    (np.ones(3), lambda: torch.randn(3, dtype=torch.float64), "is 0 or 1 on the engine, a normal number in torch"),
    (np.full(3, 0.3), lambda: torch.empty(3).double().bernoulli_(), "is a number on the engine, 0 or 1 in torch"),
    (np.full(3, 0.3), lambda: torch.randn(3), "is torch.float64 on the engine, torch.float32 in torch"),
    (np.ones(3), lambda: torch.empty(3).bernoulli_(), "is torch.float64 on the engine, torch.float32 in torch"),
    (np.ones(99, bool), lambda: torch.empty(99).bernoulli_(0.3), "99 ones of 99 on the engine, torch expects 30"),
    (np.ones(99, bool), lambda: torch.bernoulli(torch.zeros(99)), "99 ones of 99 on the engine, torch expects 0"),
])  # fmt: skip
def test_draws_from_another_distribution_or_of_another_dtype_are_an_error(
    draw: np.ndarray, ask: Callable[[], torch.Tensor], message: str
) -> None:
    with pytest.raises(RuntimeError, match=message), replayed([draw]):
        ask()


def test_normal_draws_have_the_mean_and_deviation_that_torch_asks_for() -> None:
    noise = [np.array([0.5, -1.0], np.float32)] * 2
    with replayed(noise):
        got = [torch.empty(2).normal_(3.0, 2.0), torch.normal(torch.tensor([3.0, 3.0]), torch.tensor([2.0, 2.0]))]
    assert [values.tolist() for values in got] == [[4.0, 1.0]] * 2


@pytest.mark.parametrize("draw", [lambda: torch.rand(2), lambda: torch.randperm(5), lambda: torch.empty(2).uniform_()])
@pytest.mark.parametrize("draws", [[], [np.ones(3, bool)]])
def test_a_draw_from_torch_s_own_generator_is_an_error(draws: list[np.ndarray], draw: Callable[[], object]) -> None:
    """Also where nothing is intercepted because the engine drew nothing."""

    def ask() -> None:
        with replayed(draws):
            draw()
            if draws:
                torch.empty(3).bernoulli_(0.9)

    with pytest.raises(RuntimeError, match=f"own generator, beside the {len(draws)} draws"):
        ask()


def test_torch_draws_and_the_engine_did_not() -> None:
    with pytest.raises(RuntimeError, match="torch drew from its own generator"), replayed([]):
        torch.nn.functional.dropout(torch.ones(2), 0.5)


def test_left_over_draws_are_an_error_at_the_end_of_the_block() -> None:
    with pytest.raises(RuntimeError, match="the engine drew 1 times, torch 0 times"), replayed([np.ones(3)]):
        pass


def test_replaying_leaves_torch_s_generator_alone() -> None:
    before = torch.get_rng_state()
    with replayed([np.array([0.5, 0.25], np.float32)]):
        torch.randn(2)
    assert torch.equal(before, torch.get_rng_state())


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
