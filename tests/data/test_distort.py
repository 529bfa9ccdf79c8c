"""Affine distortions: identity, exact translation, agreement with torch's sampler, and the range of pixels."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lab.data.distort import CHUNK, SCALING, SHEAR, SQUEEZE, TRANSLATION, distort, draw, warp

sides = st.integers(1, 9)
shifts = st.integers(-10, 10)


def images(*shape, dtype=np.float32):
    return np.random.default_rng(0).random(shape).astype(dtype)


def same(count, *coefficients):
    return np.tile(np.array(coefficients, float), (count, 1))


@given(height=sides, width=sides)
def test_the_identity_changes_nothing(height, width):
    x = images(3, 2, height, width)
    np.testing.assert_array_equal(warp(x, same(3, 1, 0, 0, 1, 0)), x)


@given(height=sides, width=sides, dx=shifts, dy=shifts)
def test_a_whole_translation_is_exact(height, width, dx, dy):
    x = images(2, 1, height, width)
    around = np.pad(x, ((0, 0), (0, 0), (10, 10), (10, 10)))
    expected = around[:, :, 10 + dy : 10 + dy + height, 10 + dx : 10 + dx + width]
    np.testing.assert_array_equal(warp(x, same(2, 1, 0, dx, 1, dy)), expected)


@given(height=st.integers(2, 9), width=st.integers(2, 9), seed=st.integers(0, 1000))
def test_warp_is_torchs_bilinear_sampling(height, width, seed):
    x = images(4, 2, height, width, dtype=np.float64)
    coefficients = np.random.default_rng(seed).uniform(-2, 2, (4, 5))
    a, b, c, d, e = coefficients.T
    # torch's coordinates run from -1 to 1 between the outer pixels' centres
    u, v = (width - 1) / 2, (height - 1) / 2
    theta = np.stack([[a, b * v / u, c / u], [0 * d, d, e / v]]).transpose(2, 0, 1)
    grid = torch.nn.functional.affine_grid(torch.tensor(theta), list(x.shape), align_corners=True)
    expected = torch.nn.functional.grid_sample(torch.tensor(x), grid, padding_mode="zeros", align_corners=True)
    np.testing.assert_allclose(warp(x, coefficients), expected.numpy(), atol=1e-12)


def test_random_distortions_stay_in_range_keep_dtype_and_differ():
    x = np.repeat(images(1, 1, 28, 28), 2 * CHUNK + 3, axis=0)  # several chunks and a rest
    x[:, :, ::3] = 1.0
    y = distort(x, np.random.default_rng(1))
    assert y.dtype == np.float32
    assert y.min() >= 0.0
    assert y.max() <= 1.0
    assert len({image.tobytes() for image in y}) == len(y)
    np.testing.assert_array_equal(y, distort(x, np.random.default_rng(1)))


def test_chunks_do_not_show():
    x = images(CHUNK + 2, 1, 5, 5)
    coefficients = draw(len(x), np.random.default_rng(2))
    np.testing.assert_array_equal(warp(x, coefficients)[-3:], warp(x[-3:], coefficients[-3:]))


def test_the_amounts_are_as_stated():
    a, b, c, d, e = draw(20_000, np.random.default_rng(3)).T
    for shift in (c, e):
        assert 0.99 * TRANSLATION < np.abs(shift).max() <= TRANSLATION
    assert 0.99 * SHEAR < np.abs(b).max() <= SHEAR
    scale, ratio = np.sqrt(a * d), np.sqrt(d / a)
    for value, amount in ((scale, SCALING), (ratio, SQUEEZE)):
        assert 1 - amount <= value.min() < 1 - 0.99 * amount
        assert 1 + 0.99 * amount < value.max() <= 1 + amount
    assert np.abs(np.corrcoef(np.stack([scale, ratio, b, c, e])) - np.eye(5)).max() < 0.03
