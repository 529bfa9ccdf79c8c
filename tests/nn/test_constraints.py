"""The max-norm projection: each unit's incoming weights end up inside the ball, the rest is untouched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lab.nn.constraints import max_norm_
from tinygrad_lab.tensor import Tensor


@given(
    seed=st.integers(0, 999),
    shape=st.sampled_from([(5, 3), (4, 2, 3, 3), (1, 1), (6, 4, 5)]),
    bound=st.floats(0.1, 5),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_each_unit_is_scaled_to_the_bound(seed: int, shape: tuple, bound: float, dtype: type) -> None:
    before = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    weight = Tensor(before, requires_grad=True)
    assert max_norm_(weight, bound) is weight
    for old, new in zip(before, weight.numpy(), strict=True):
        expected = old * min(1.0, bound / np.linalg.norm(old))
        np.testing.assert_allclose(new, expected, rtol=1e-12 if dtype == np.float64 else 1e-6)
        if np.linalg.norm(old) <= bound * 0.999:
            np.testing.assert_array_equal(new, old)
    assert weight.dtype == dtype


def test_only_rows_count_not_columns() -> None:
    weight = max_norm_(Tensor(np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])), 1.0)
    np.testing.assert_allclose(weight.numpy(), [[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]], rtol=1e-15)


def test_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"\(out, in\) or \(out, in, \*kernel\), got shape \(3,\)"):
        max_norm_(Tensor(np.ones(3)), 1.0)
    with pytest.raises(ValueError, match="max_norm must be positive, got 0"):
        max_norm_(Tensor(np.ones((2, 2))), 0)
