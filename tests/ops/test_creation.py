"""New tensors: equal distances, and draws by weight."""

import numpy as np
import pytest
import torch

from tinygrad_lab import linspace, multinomial, rand_like, randn_like, random
from tinygrad_lab.tensor import Tensor


@pytest.mark.parametrize(("start", "end", "steps"), [(0, 1, 5), (1e-4, 0.02, 1000), (3.0, -2, 7), (1, 2, 1), (0, 1, 0)])
def test_linspace_equals_torch(start: float, end: float, steps: int) -> None:
    for ours, theirs, eps in ((np.float32, torch.float32, 1e-6), (np.float64, torch.float64, 1e-14)):
        mine = linspace(start, end, steps, dtype=ours)
        np.testing.assert_allclose(
            mine.numpy(), torch.linspace(start, end, steps, dtype=theirs).numpy(), rtol=eps, atol=eps
        )
        assert mine.dtype == ours
    with pytest.raises(ValueError, match="steps must be at least 0, got -1"):
        linspace(0, 1, -1)


def test_draws_like_another_tensor() -> None:
    like = Tensor(np.zeros((2, 3)))
    for draw in (randn_like, rand_like):
        first, again = (draw(like, generator=random.generator(3)) for _ in range(2))
        assert (first.shape, first.dtype) == ((2, 3), np.float64)
        np.testing.assert_array_equal(first.numpy(), again.numpy())
        assert draw(like, generator=random.generator(3), dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize("replacement", [True, False])
def test_draws_come_by_their_weights(replacement: bool) -> None:
    """The first draw by the weights; without replacement the second by what is left."""
    weights = np.array([1.0, 0.0, 3.0, 4.0])
    rows = Tensor(np.tile(weights, (40_000, 1)))
    drawn = multinomial(rows, 2, replacement, generator=random.generator(1)).numpy()
    assert drawn.shape == (40_000, 2)
    assert drawn.dtype == np.int64
    share = np.zeros((4, 4))
    np.add.at(share, tuple(drawn.T), 1 / len(drawn))
    p = weights / weights.sum()
    expected = np.outer(p, p)
    if not replacement:
        expected = expected / (1 - p)[:, None] * (1 - np.eye(4))
    assert np.abs(share - expected).max() < 5 * 0.5 / np.sqrt(len(drawn))
    assert (share[expected == 0] == 0).all()


def test_draws_of_one_row_and_the_last_weight_zero() -> None:
    drawn = multinomial(Tensor([0.2, 0.8, 0.0]), 1000, replacement=True, generator=random.generator(0))
    assert set(drawn.tolist()) == {0, 1}
    assert sorted(multinomial(Tensor([1.0, 1.0, 1.0]), 3, generator=random.generator(0)).tolist()) == [0, 1, 2]


@pytest.mark.parametrize(
    ("weights", "draws", "replacement"),
    [
        ([0.0, 1.0], 2, False),
        ([0.0, 0.0], 1, True),
        ([-1.0, 2.0], 1, True),
        ([np.nan, 1.0], 1, True),
        ([1.0], 0, True),
        ([[[1.0]]], 1, True),
    ],
)
def test_weights_that_cannot_be_drawn_from_are_refused(weights: list, draws: int, replacement: bool) -> None:
    with pytest.raises(ValueError, match=r"multinomial: needs .* finite weights from 0 up"):
        multinomial(Tensor(weights), draws, replacement, generator=random.generator(0))
