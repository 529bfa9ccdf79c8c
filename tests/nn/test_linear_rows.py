"""A single row: however its matrix is read, the numbers are those of a product."""

import sys

import numpy as np
import pytest

from tinygrad_lab.nn import functional as F
from tinygrad_lab.random import generator
from tinygrad_lab.tensor import Tensor

module = sys.modules[F.linear.__module__]  # its name in the package is the operation's


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_is_a_product_however_it_is_read(threads: int, dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_TOGETHER", 12)
    monkeypatch.setattr(module, "blas_threads", lambda: threads)
    rng = generator(0)
    for rows, columns in ((3, 3), (3, 4), (40, 7), (1, 12)):  # below, at and above the size from which threads share
        weight, x = rng.standard_normal((rows, columns)).astype(dtype), rng.standard_normal((1, columns)).astype(dtype)
        y = F.linear(Tensor(x), Tensor(weight)).numpy()
        assert y.dtype == dtype
        assert y.shape == (1, rows)
        np.testing.assert_allclose(
            y, (x.astype(float) @ weight.T.astype(float)), rtol=100 * np.finfo(dtype).eps, atol=1e-5
        )


def test_who_has_threads_uses_them_for_large_matrices_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(module, "blas_threads", lambda: asked.append(1) or 2)
    F.linear(Tensor(np.ones((1, 8), np.float32)), Tensor(np.ones((8, 8), np.float32)))
    assert not asked
    F.linear(Tensor(np.ones((1, 1024), np.float32)), Tensor(np.ones((512, 1024), np.float32)))
    assert asked
