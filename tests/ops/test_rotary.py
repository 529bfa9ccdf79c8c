"""Rotary embedding: only distances matter, the two pairings are one permutation apart, bad input is named."""

import numpy as np
import pytest

from tinygrad_lab.ops.rotary import rotary_embedding
from tinygrad_lab.tensor import Tensor


def tables(positions: np.ndarray, features: int) -> tuple[np.ndarray, np.ndarray]:
    angles = np.outer(positions, 10000.0 ** (-np.arange(0, features, 2) / features))
    return np.cos(angles), np.sin(angles)


@pytest.mark.parametrize("interleaved", [True, False])
def test_scores_depend_on_distances_only(interleaved: bool) -> None:
    rng = np.random.default_rng(0)
    query, key = rng.standard_normal((2, 6, 8))

    def scores(shift: int) -> np.ndarray:
        turn = tables(np.arange(6) + shift, 8)
        q, k = (rotary_embedding(Tensor(x), *turn, interleaved).numpy() for x in (query, key))
        return q @ k.T

    np.testing.assert_allclose(scores(0), scores(1000), rtol=0, atol=1e-11)
    assert np.abs(scores(0) - query @ key.T).max() > 0.1


@pytest.mark.parametrize("interleaved", [True, False])
def test_lengths_stay_and_position_zero_is_not_turned(interleaved: bool) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 5, 6))
    y = rotary_embedding(Tensor(x), *tables(np.arange(5), 6), interleaved).numpy()
    np.testing.assert_allclose(np.linalg.norm(y, axis=-1), np.linalg.norm(x, axis=-1), rtol=1e-13)
    np.testing.assert_array_equal(y[..., 0, :], x[..., 0, :])


def test_the_pairings_are_one_permutation_of_features_apart() -> None:
    x = np.random.default_rng(0).standard_normal((5, 6))
    turn = tables(np.arange(5), 6)
    order = np.array([0, 2, 4, 1, 3, 5])  # the first of each pair, then the second of each
    neighbours = rotary_embedding(Tensor(x), *turn, interleaved=True).numpy()
    halves = rotary_embedding(Tensor(x[:, order]), *turn).numpy()
    np.testing.assert_allclose(halves, neighbours[:, order], rtol=1e-13)


def test_bad_input_is_named() -> None:
    unchecked = rotary_embedding.info.body.__wrapped__  # as users run it: only tests check annotations
    cos, sin = tables(np.arange(5), 6)
    with pytest.raises(ValueError, match=r"input has shape \(5, 7\), its last axis must be even"):
        unchecked(np.ones((5, 7)), cos, sin)
    with pytest.raises(ValueError, match=r"cos has shape \(5, 3\), input \(2, 4, 6\) needs \(4, 3\)"):
        unchecked(np.ones((2, 4, 6)), cos, sin)
    with pytest.raises(ValueError, match=r"sin has shape \(5, 2\), input \(5, 6\) needs \(5, 3\)"):
        unchecked(np.ones((5, 6)), cos, sin[:, :2])
