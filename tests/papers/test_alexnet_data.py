"""AlexNet's images: what is subtracted, cropped, mirrored and shifted, and which images a split has."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from papers.alexnet import PAPER, data
from papers.alexnet.config import VARIANTS, AlexNetConfig
from tinygrad_lab.data.augment import centre_crop, principal_colours, ten_views
from tinygrad_lab.data.transforms import fit
from tinygrad_lab.fit import endless
from tinygrad_lab.lab.sides import sides
from tinygrad_lab.random import generator


def small(**changes: Any) -> AlexNetConfig:
    """On the embedded digits, in one batch of 1,000, as they are."""
    plain = {"dataset": "digits", "train_items": 1000, "batch_size": 1000, "crops": False, "flips": False}
    return replace(VARIANTS["2012"]["small"], **(plain | changes))


def training(config: AlexNetConfig, seed: int = 0) -> dict[str, Any]:
    return next(iter(data.training_batches(config, generator(seed))))


def ordered(config: AlexNetConfig) -> dict[str, Any]:
    return next(iter(data.evaluation_batches(config, "train")))


def test_images_are_raw_pixels_less_the_mean_image() -> None:
    images = ordered(small(image_size=32, kernel=5))["image"]
    assert images.shape == (1, 1000, 1, 32, 32)
    np.testing.assert_allclose(images.mean(axis=1), 0, atol=1e-3)
    assert 100 < images.max() <= 255
    scaled = ordered(small(image_size=32, kernel=5, pixel_scale=16.0))["image"]
    np.testing.assert_allclose(scaled, images * 16 / 255, rtol=1e-4, atol=1e-4)


def test_test_images_lose_the_mean_of_the_training_images() -> None:
    config = small(image_size=32)
    mean = fit(data.dataset(config, "train").images.mean(axis=0, keepdims=True), 32)
    whole = fit(data.dataset(config, "test").images, 32)
    found = next(iter(data.evaluation_batches(config, "test")))["image"][0]
    np.testing.assert_allclose(found, 255 * (whole - mean), atol=1e-3)


def test_without_crops_training_sees_the_centre() -> None:
    found, whole = training(small()), ordered(small(image_size=32))["image"][0]
    order = np.array([np.abs(centre_crop(whole, 28) - image).sum(axis=(1, 2, 3)).argmin() for image in found["image"]])
    np.testing.assert_allclose(found["image"], centre_crop(whole, 28)[order], atol=1e-3)
    np.testing.assert_array_equal(found["label"], ordered(small())["label"][order])


@pytest.mark.parametrize(("change", "places"), [({"crops": True}, 25), ({"flips": True}, 2)])
def test_crops_and_flips_are_drawn_for_every_image_of_every_epoch(change: dict[str, bool], places: int) -> None:
    """The same images in the same order, plain and enlarged: each is one of the crops or mirror images of itself."""
    config = small(batch_size=64, train_items=64)
    whole = next(iter(data.training_batches(replace(config, image_size=32), generator(0))))["image"]
    batches = data.training_batches(replace(config, **change), generator(0))
    first = next(iter(batches))["image"]
    if change == {"crops": True}:
        views = [whole[..., y : y + 28, x : x + 28] for y in range(5) for x in range(5)]
    else:
        views = [centre_crop(whole, 28), centre_crop(whole, 28)[..., ::-1]]
    distance = np.stack([np.abs(view - first).max(axis=(1, 2, 3)) for view in views])
    np.testing.assert_allclose(distance.min(axis=0), 0, atol=1e-3)
    chosen = np.unique(distance.argmin(axis=0))
    assert len(views) == places
    assert len(chosen) > places // 2
    assert not np.array_equal(first, next(iter(batches))["image"])


def test_colours_are_shifted_before_pixels_are_scaled() -> None:
    """By factors of the covariance's eigenvalue on [0, 1]; grey images have one, their variance."""
    config = small(image_size=32)
    plain, shifted = (training(replace(config, colour=colour))["image"] for colour in (0.0, 0.1))
    shift = (shifted - plain)[:, 0]
    np.testing.assert_allclose(shift, np.broadcast_to(shift[:, :1, :1], shift.shape), atol=1e-3)
    variance = principal_colours(data.dataset(config, "train").images)[0][0]
    assert shift[:, 0, 0].std() == pytest.approx(255 * 0.1 * variance, rel=0.15)


def test_ten_views_on_request() -> None:
    whole = ordered(small(image_size=32))["image"][0]
    found = ordered(small(ten_views=True))["image"]
    np.testing.assert_allclose(found, ten_views(whole, 28), atol=1e-3)


def test_paper_size_enlarges_and_colours_what_there_is() -> None:
    config = replace(VARIANTS["2012"]["paper"], dataset="digits", batch_size=2, train_items=4)
    assert training(config)["image"].shape == (2, 3, 227, 227)
    assert ordered(config)["image"].shape == (10, 2, 3, 227, 227)


def test_training_and_validation_images_are_disjoint_and_follow_the_seed() -> None:
    parts = [data.dataset(small(), split).images for split in ("train", "validation")]
    assert [len(part) for part in parts] == [1000, 500]
    assert len(np.unique(np.concatenate(parts).reshape(1500, -1), axis=0)) == len(
        np.unique(data.dataset(small(train_items=0), "train").images.reshape(1500, -1), axis=0)
    )
    assert not np.array_equal(parts[0], data.dataset(small(seed=1), "train").images)


@pytest.mark.parametrize(("items", "split"), [(10**6, "train"), (0, "validation")])
def test_impossible_subsets_are_refused(items: int, split: str) -> None:
    with pytest.raises(ValueError, match="train_items must be below the 1500 images"):
        data.dataset(small(train_items=items), split)


def test_network_trains_on_the_embedded_digits() -> None:
    config = small(batch_size=50, epochs=4, divisions=0, maps=(6, 16, 16, 16, 16), units=64, init_std=0.08, drop=0.0)
    side, _ = sides(PAPER)
    model = side.build(config)
    batches = data.training_batches(config, generator(0))
    optimizer, scheduler = side.optimizer(model, config, 4 * len(batches))
    for _ in range(4):
        list(side.train(model, optimizer, scheduler, batches))
    found = side.evaluate(model, data.evaluation_batches(config, "test"))
    assert found["error"] < 40
    assert found["top5_error"] < 5


def test_endless_goes_on_after_an_epoch() -> None:
    batches = data.training_batches(small(batch_size=600), generator(0))
    sizes = [batch["count"] for batch, _ in zip(endless(batches), range(5), strict=False)]
    assert sizes == [600, 400, 600, 400, 600]
