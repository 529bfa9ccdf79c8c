"""Sizes and scales of images."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lab.data.transforms import fit, flatten, normalise_1998, pad, resize

sides = st.integers(1, 12)


def images(seed, *shape):
    return np.random.default_rng(seed).random(shape, np.float32)


@given(before=st.tuples(sides, sides), after=st.tuples(sides, sides))
def test_resize_is_torchs_bilinear_interpolation(before, after):
    x = images(0, 2, 3, *before)
    expected = torch.nn.functional.interpolate(torch.tensor(x), after, mode="bilinear", align_corners=False)
    ours = resize(x, *after)
    np.testing.assert_allclose(ours, expected.numpy(), atol=2e-6)
    assert ours.dtype == np.float32


@given(before=st.tuples(sides, sides), after=st.tuples(sides, sides), value=st.integers(0, 255))
def test_a_constant_image_stays_constant(before, after, value):
    x = np.full((1, 1, *before), value / 255, np.float32)
    np.testing.assert_allclose(resize(x, *after), value / 255, rtol=1e-6)


@given(side=sides, factor=st.integers(1, 5))
def test_enlarging_keeps_mean_range_and_symmetry(side, factor):
    x = images(1, 1, 1, side, side)
    big = resize(x, side * factor, side * factor)
    inner = np.pad(x, ((0, 0), (0, 0), (4, 4), (4, 4)))  # with a border of background no ink is lost or repeated
    big_inner = resize(inner, (side + 8) * factor, (side + 8) * factor)
    np.testing.assert_allclose(big_inner.mean(), inner.mean(), rtol=1e-4)
    assert x.min() - 1e-6 <= big.min() <= big.max() <= x.max() + 1e-6
    flipped = resize(np.ascontiguousarray(x[..., ::-1]), side * factor, side * factor)
    np.testing.assert_allclose(flipped[..., ::-1], big, atol=1e-6)


def test_pad_centres_and_fills():
    x = images(2, 2, 1, 28, 28)
    padded = pad(x, 32, background=-0.1)
    np.testing.assert_array_equal(padded[:, :, 2:30, 2:30], x)
    assert (padded[:, :, :2] == np.float32(-0.1)).all()
    assert (padded[:, :, :, 30:] == np.float32(-0.1)).all()
    np.testing.assert_array_equal(pad(x[:, :, :1, :2], 3)[0, 0, 1, :2], x[0, 0, 0, :2])


@pytest.mark.parametrize(("before", "after", "border"), [(28, 32, 2), (8, 32, 0), (8, 28, 2), (28, 28, 0)])
def test_fit_enlarges_by_a_whole_factor_and_pads(before, after, border):
    x = np.ones((2, 1, before, before), np.float32)
    expected = pad(np.ones((2, 1, after - 2 * border, after - 2 * border), np.float32), after)
    np.testing.assert_allclose(fit(x, after), expected, rtol=1e-6)


def test_fit_returns_a_new_array():
    x = images(3, 1, 1, 4, 4)
    assert not np.shares_memory(fit(x, 4), x)


def test_the_scale_of_1998():
    scaled = normalise_1998(np.array([0, 1, 0.5], np.float32))
    np.testing.assert_allclose(scaled, [-0.1, 1.175, 0.5375], rtol=1e-6)
    assert scaled.dtype == np.float32


def test_flatten_keeps_the_order_of_pixels_and_copies():
    x = images(4, 3, 2, 4, 5)
    np.testing.assert_array_equal(flatten(x)[1], x[1].ravel())
    assert flatten(x).shape == (3, 40)
    assert not np.shares_memory(flatten(x), x)


def test_images_that_are_too_large_and_sizes_that_are_too_small_are_errors():
    with pytest.raises(ValueError, match="fit: images of 4x5 do not fit into 4x4"):
        fit(images(0, 1, 1, 4, 5), 4)
    with pytest.raises(ValueError, match="pad: images of 4x5 do not fit into 4x4"):
        pad(images(0, 1, 1, 4, 5), 4)
    with pytest.raises(ValueError, match="height and width must be at least 1, got 3 and 0"):
        resize(images(0, 1, 1, 4, 5), 3, 0)
