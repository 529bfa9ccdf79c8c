"""What the causal convolution promises beyond agreeing with torch: nothing of the future, pieces, errors."""

import numpy as np
import pytest

from tests.numerics import relative_error
from tinygrad_lab import Tensor
from tinygrad_lab.ops.causal_conv1d import causal_conv1d

B, T, E, K = 2, 9, 3, 4
rng = np.random.default_rng(0)
INPUT, WEIGHT, BIAS, PAST = (rng.standard_normal(shape) for shape in ((B, T, E), (E, K), (E,), (B, K - 1, E)))


def test_outputs_do_not_see_later_inputs() -> None:
    before = causal_conv1d(INPUT, WEIGHT, BIAS, activation="silu").numpy()
    after = causal_conv1d(INPUT + (np.arange(T)[:, None] > 4), WEIGHT, BIAS, activation="silu").numpy()
    np.testing.assert_array_equal(before[:, :5], after[:, :5])
    assert (before[:, 5:] != after[:, 5:]).all()


def test_a_sequence_read_in_pieces_is_the_sequence_read_at_once() -> None:
    whole = causal_conv1d(INPUT, WEIGHT, BIAS, PAST).numpy()
    seen = np.concatenate([PAST, INPUT], axis=1)
    for start, stop in ((0, 1), (1, 3), (3, T)):
        piece = causal_conv1d(INPUT[:, start:stop], WEIGHT, BIAS, seen[:, start : start + K - 1])
        assert relative_error(piece.numpy(), whole[:, start:stop]) < 1e-15


def test_the_last_tap_is_for_the_step_itself() -> None:
    weight = np.zeros((E, K))
    weight[:, -1] = 1
    np.testing.assert_array_equal(causal_conv1d(INPUT, weight).numpy(), INPUT)


def test_each_channel_has_a_filter_of_its_own() -> None:
    x = Tensor(INPUT, requires_grad=True)
    causal_conv1d(x, WEIGHT)[:, :, 1].sum().backward()
    assert x.grad.numpy()[:, :, 1].all()
    assert not x.grad.numpy()[:, :, [0, 2]].any()


def test_very_negative_sums_are_shut_and_finite() -> None:
    x = Tensor(np.full((1, 2, 1), -1e4, np.float32), requires_grad=True)
    y = causal_conv1d(x, np.ones((1, 1), np.float32), activation="silu")
    y.backward(np.ones(y.shape))
    assert not y.numpy().any()
    assert not x.grad.numpy().any()


@pytest.mark.parametrize(
    ("place", "shape", "message"),
    [
        (0, (B, 0, E), r"input has shape \(2, 0, 3\), a sequence must have at least one step"),
        (1, (E + 1, K), r"weight has shape \(4, 4\), .*must be \(3, K\) with K at least 1"),
        (1, (E, 0), r"weight has shape \(3, 0\), .*must be \(3, K\) with K at least 1"),
        (2, (K,), r"bias has shape \(4,\), .*must be \(3,\)"),
        (3, (B, K, E), r"past has shape \(2, 4, 3\), .*and 4 taps it must be \(2, 3, 3\)"),
    ],
)
def test_wrong_shapes_are_named(place: int, shape: tuple[int, ...], message: str) -> None:
    given = [INPUT, WEIGHT, BIAS, PAST]
    given[place] = np.ones(shape)
    unchecked = causal_conv1d.info.body.__wrapped__  # as users run it: only tests check annotations
    with pytest.raises(ValueError, match=f"causal_conv1d: {message}"):
        unchecked(*given)


def test_other_arguments_that_do_not_fit_are_named() -> None:
    with pytest.raises(
        TypeError, match="causal_conv1d: input is float64 and weight is float32, they must have one dtype"
    ):
        causal_conv1d(INPUT, WEIGHT.astype(np.float32))
    with pytest.raises(ValueError, match="causal_conv1d: activation must be None or 'silu', got 'relu'"):
        causal_conv1d(INPUT, WEIGHT, activation="relu")
