"""The real MNIST and Fashion-MNIST, where TINYGRAD_LAB_DATA or the system has them: ``make test-external``."""

import numpy as np
import pytest

from tinygrad_lab.data import catalogue, load_images
from tinygrad_lab.data.transforms import normalise_1998, pad

LABELS = {  # how often each label occurs among the training images, published counts
    "mnist": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    "fashion-mnist": [6000] * 10,
}


@pytest.mark.parametrize("name", list(LABELS))
def test_images_are_the_published_ones(name: str) -> None:
    train, test = load_images(name, "train"), load_images(name, "test")
    assert train.images.shape == (60_000, 1, 28, 28)
    assert test.images.shape == (10_000, 1, 28, 28)
    assert np.bincount(train.labels).tolist() == LABELS[name]
    assert (train.images.min(), train.images.max()) == (0.0, 1.0)


def test_catalogue_finds_them_whole() -> None:
    states = {entry.name: entry.checksum for entry in catalogue()}
    assert states["mnist"] == states["fashion-mnist"] == "ok"


def test_variance_on_the_scale_of_1998_is_far_below_1() -> None:
    """LeNet-5's notes say so: the paper states mean 0 and variance 1."""
    images = normalise_1998(pad(load_images("mnist", "train").images, 32))
    assert abs(images.mean()) < 0.1
    assert images.var() < 0.2
