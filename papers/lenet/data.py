"""Batches for LeNet-5: digits centred in the input square, on the paper's grey scale."""

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lab.data import Batches, ImageData, default_images, load_images
from tinygrad_lab.data.distort import distort
from tinygrad_lab.data.splits import training_rows
from tinygrad_lab.data.transforms import fit, normalise_1998, pad
from tinygrad_lab.typing import Generator

from .config import LeNetConfig

HELD_OUT = 10_000  # images of a validation split, as many as MNIST's test has


def example_batch(config: LeNetConfig, rng: Generator) -> dict[str, Any]:
    """One batch of random images and labels, for parity and benchmarks."""
    size = config.image_size
    return {
        "image": rng.standard_normal((config.batch_size, 1, size, size)),
        "label": rng.integers(0, config.classes, config.batch_size),
        "count": float(config.batch_size),
    }


def dataset(config: LeNetConfig, split: str) -> ImageData:
    """The images, ``config.dataset`` or the best there is.

    Args:
        config: which images, and how many of them.
        split: "train", "test", or "validation": up to HELD_OUT of the training images that ``train_items`` leaves out.

    Raises:
        ValueError: a validation split where nothing is left out, or more ``train_items`` than there are.
    """
    name = "test" if split == "test" else "train"
    data = default_images(name) if config.dataset == "auto" else load_images(config.dataset, name)
    total = len(data)
    rows = slice(None) if split == "test" else training_rows(split, config.train_items, total, config.seed, HELD_OUT)
    return replace(data, images=data.images[rows], labels=data.labels[rows])


def training_batches(config: LeNetConfig, generator: Generator) -> Batches:
    """Shuffled batches, distorted afresh in every epoch where the configuration says so."""
    data = dataset(config, "train")
    arrays = {"image": _centred(data, config), "label": data.labels}

    def prepare(batch: dict[str, Any], rng: Generator) -> dict[str, Any]:
        image = distort(batch["image"], rng) if config.distort else batch["image"]
        return batch | {"image": _as_input(image, config)}

    return Batches(arrays, config.batch_size, generator, transform=prepare)


def evaluation_batches(config: LeNetConfig, split: str) -> Batches:
    """All images of a split in order, in large batches."""
    data = dataset(config, split)
    arrays = {"image": _as_input(_centred(data, config), config), "label": data.labels}
    return Batches(arrays, 500, shuffle=False)


def _centred(data: ImageData, config: LeNetConfig) -> np.ndarray:
    """Images at the size of MNIST's, 28 x 28, where the network's input has room for a border."""
    centred: np.ndarray = fit(data.images, min(28, config.image_size))
    return centred


def _as_input(images: np.ndarray, config: LeNetConfig) -> np.ndarray:
    scaled: np.ndarray = normalise_1998(pad(images, config.image_size))
    return scaled
