"""Crops, mirror images, ten views and colour shifts: what they keep, what they change, and how often."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lab.data.augment import (
    centre_crop,
    flip,
    principal_colours,
    random_crop,
    random_flip,
    shift_colours,
    ten_views,
)

sides = st.integers(1, 9)
seeds = st.integers(0, 10**6)


def numbered(*shape: int, dtype: type = np.float32) -> np.ndarray:
    """Every pixel of every image has a value of its own."""
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def coloured(seed: int, count: int = 40, channels: int = 3) -> np.ndarray:
    """Images whose channels go together, each with a mean of its own."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((channels, channels))
    pixels = rng.standard_normal((count, 5, 4, channels)) @ mixing.T + rng.standard_normal(channels)
    return pixels.transpose(0, 3, 1, 2)


# ---- crops -----------------------------------------------------------------------------------------------------------


@given(height=sides, width=sides, size=sides, seed=seeds)
def test_a_random_crop_is_a_square_out_of_its_own_image(height, width, size, seed):
    size = min(size, height, width)
    images = numbered(3, 2, height, width)
    crops = random_crop(images, size, np.random.default_rng(seed))
    for image, crop in zip(images, crops, strict=True):
        row, column = (int(index[0]) for index in np.nonzero(image[0] == crop[0, 0, 0]))
        np.testing.assert_array_equal(crop, image[:, row : row + size, column : column + size])


def test_every_place_of_a_crop_is_equally_likely():
    images = np.repeat(numbered(1, 1, 6, 5), 12_000, axis=0)
    corner = random_crop(images, 3, np.random.default_rng(0))[:, 0, 0, 0].astype(int)
    row, column = np.divmod(corner, 5)
    counts = np.zeros((4, 3), int)
    np.add.at(counts, (row, column), 1)
    np.testing.assert_allclose(counts, 1000, atol=5 * 1000**0.5)  # five standard deviations


@given(height=sides, width=sides, size=sides)
def test_the_centre_crop_leaves_equal_borders_or_one_pixel_more_below_and_right(height, width, size):
    size = min(size, height, width)
    images = numbered(2, 3, height, width)
    top, left = (height - size) // 2, (width - size) // 2
    np.testing.assert_array_equal(centre_crop(images, size), images[:, :, top : top + size, left : left + size])


@pytest.mark.parametrize("size", [0, 5])
@pytest.mark.parametrize(
    "crop",
    [lambda x, n: random_crop(x, n, np.random.default_rng(0)), centre_crop, ten_views],
    ids=["random_crop", "centre_crop", "ten_views"],
)
def test_a_crop_that_is_empty_or_larger_than_the_image_is_refused(crop, size, request):
    with pytest.raises(ValueError, match=f"size must be from 1 to the side of the 4x6 images, got {size}") as error:
        crop(numbered(2, 1, 4, 6), size)
    assert str(error.value).split(":")[0] in request.node.name


# ---- mirror images ---------------------------------------------------------------------------------------------------


@given(height=sides, width=sides)
def test_flipping_twice_changes_nothing_and_once_reverses_columns(height, width):
    images = numbered(2, 3, height, width)
    np.testing.assert_array_equal(flip(flip(images)), images)
    np.testing.assert_array_equal(flip(images)[..., 0], images[..., -1])


@given(seed=seeds)
def test_a_random_flip_gives_each_image_or_its_mirror_image(seed):
    images = numbered(20, 2, 3, 4)
    flipped = random_flip(images, np.random.default_rng(seed))
    same = (flipped == images).all(axis=(1, 2, 3))
    mirrored = (flipped == flip(images)).all(axis=(1, 2, 3))
    assert (same ^ mirrored).all()


def test_half_of_the_images_are_flipped():
    images = numbered(10_000, 1, 1, 2)
    share = (random_flip(images, np.random.default_rng(0)) != images).any(axis=(1, 2, 3)).mean()
    assert share == pytest.approx(0.5, abs=5 * 0.5 / 10_000**0.5)


@given(height=sides, width=sides, size=sides)
def test_ten_views_are_corners_centre_and_their_mirror_images(height, width, size):
    size = min(size, height, width)
    images = numbered(2, 3, height, width)
    views = ten_views(images, size)
    assert views.shape == (10, 2, 3, size, size)
    for view, expected in zip(
        views,
        [
            images[:, :, :size, :size],
            images[:, :, :size, width - size :],
            images[:, :, height - size :, :size],
            images[:, :, height - size :, width - size :],
            centre_crop(images, size),
        ],
        strict=False,
    ):
        np.testing.assert_array_equal(view, expected)
    np.testing.assert_array_equal(views[5:], views[:5, ..., ::-1])


# ---- colours ---------------------------------------------------------------------------------------------------------


@given(seed=seeds, channels=st.integers(1, 4))
def test_principal_colours_rebuild_the_covariance_largest_first(seed, channels):
    images = coloured(seed, channels=channels)
    eigenvalues, eigenvectors = principal_colours(images)
    pixels = images.transpose(0, 2, 3, 1).reshape(-1, channels)
    centred = pixels - pixels.mean(axis=0)
    np.testing.assert_allclose(eigenvectors.T @ eigenvectors, np.eye(channels), atol=1e-12)
    np.testing.assert_allclose((eigenvectors * eigenvalues) @ eigenvectors.T, centred.T @ centred / len(pixels))
    assert (np.diff(eigenvalues) <= 0).all()


@given(seed=seeds)
def test_a_colour_shift_is_the_same_for_all_pixels_of_an_image_and_differs_between_images(seed):
    images = coloured(seed)
    shift = shift_colours(images, *principal_colours(images), np.random.default_rng(seed)) - images
    np.testing.assert_allclose(shift, np.broadcast_to(shift[:, :, :1, :1], shift.shape), atol=1e-12)
    assert len(np.unique(shift[:, 0, 0, 0])) == len(images)


@given(seed=seeds, along=st.integers(0, 2))
def test_a_colour_shift_goes_along_the_eigenvectors(seed, along):
    """With all other eigenvalues 0, only one direction is left."""
    images = coloured(seed)
    eigenvalues, eigenvectors = principal_colours(images)
    only = np.where(np.arange(3) == along, eigenvalues, 0)
    shift = (shift_colours(images, only, eigenvectors, np.random.default_rng(0)) - images)[:, :, 0, 0]
    others = np.delete(eigenvectors, along, axis=1)
    np.testing.assert_allclose(shift @ others, 0, atol=1e-12)
    assert np.abs(shift @ eigenvectors[:, along]).max() > 0


@given(std=st.sampled_from([0.05, 0.1, 1.0]))
def test_the_factors_of_a_colour_shift_are_normal_independent_and_scaled_by_the_eigenvalues(std):
    images = np.zeros((20_000, 3, 1, 1))
    eigenvalues = np.array([3.0, 0.5, 0.1])
    eigenvectors = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    shift = shift_colours(images, eigenvalues, eigenvectors, np.random.default_rng(0), std)[:, :, 0, 0]
    factors = shift @ eigenvectors / eigenvalues
    np.testing.assert_allclose(factors.mean(axis=0), 0, atol=5 * std / 20_000**0.5)
    np.testing.assert_allclose(np.cov(factors.T), std**2 * np.eye(3), atol=0.05 * std**2)


def test_nothing_random_is_shared_and_inputs_stay_as_they_are():
    images = coloured(0).astype(np.float32)
    kept = images.copy()
    colours = principal_colours(images)
    for augment in (
        lambda rng: random_crop(images, 3, rng),
        lambda rng: random_flip(images, rng),
        lambda rng: shift_colours(images, *colours, rng),
    ):
        first, again, other = (augment(np.random.default_rng(seed)) for seed in (0, 0, 1))
        assert first.dtype == np.float32
        assert not np.shares_memory(first, images)
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)
        np.testing.assert_array_equal(images, kept)
    assert not np.shares_memory(centre_crop(images, 3), images)


def test_bad_colours_are_refused():
    images = coloured(0)
    with pytest.raises(ValueError, match=r"principal_colours: needs at least one pixel, got images of shape \(0, 3"):
        principal_colours(images[:0])
    with pytest.raises(ValueError, match="images of 3 channels need as many eigenvalues, got 2"):
        shift_colours(images, np.ones(2), np.eye(2), np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"std must be at least 0, got -0\.1"):
        shift_colours(images, np.ones(3), np.eye(3), np.random.default_rng(0), std=-0.1)
