"""Batches for AlexNet: pixels less the training images' mean, in crops (sections 2 and 4.1)."""

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lab.data import Batches, ImageData, available, load_images
from tinygrad_lab.data.augment import (
    centre_crop,
    principal_colours,
    random_crop,
    random_flip,
    shift_colours,
    ten_views,
)
from tinygrad_lab.data.splits import training_rows
from tinygrad_lab.data.transforms import fit
from tinygrad_lab.typing import Generator

from .config import AlexNetConfig

HELD_OUT = 5000  # images of a validation split


def example_batch(config: AlexNetConfig, rng: Generator) -> dict[str, Any]:
    """One batch of random images and labels, for parity and benchmarks."""
    shape = (config.batch_size, config.channels, config.image_size, config.image_size)
    return {
        "image": config.pixel_scale / 4 * rng.standard_normal(shape),
        "label": rng.integers(0, config.classes, config.batch_size),
        "count": float(config.batch_size),
    }


def dataset(config: AlexNetConfig, split: str) -> ImageData:
    """The images of a split as they are: grey, at their own size.

    Args:
        config: which images, and how many of them.
        split: "train", "test", or "validation": up to HELD_OUT of the training images that ``train_items`` leaves out.

    Raises:
        ValueError: a validation split where nothing is left out, or more ``train_items`` than there are.
    """
    default = "fashion-mnist" if available("fashion-mnist") else "digits"
    data = load_images(default if config.dataset == "auto" else config.dataset, "test" if split == "test" else "train")
    total = len(data.labels)
    rows = slice(None) if split == "test" else training_rows(split, config.train_items, total, config.seed, HELD_OUT)
    return replace(data, images=data.images[rows], labels=data.labels[rows])


def training_batches(config: AlexNetConfig, generator: Generator) -> Batches:
    """Shuffled batches, cropped, mirrored and shifted in colour afresh in every epoch."""
    arrays = _arrays(config, "train")
    mean = arrays["image"].mean(axis=0, keepdims=True)
    colours = principal_colours(arrays["image"]) if config.colour else None

    def prepare(batch: dict[str, Any], rng: Generator) -> dict[str, Any]:
        image = _centred(batch["image"], mean, config)
        image = random_crop(image, config.image_size, rng) if config.crops else centre_crop(image, config.image_size)
        image = random_flip(image, rng) if config.flips else image
        image = shift_colours(image, *colours, rng, config.colour) if colours else image
        return batch | {"image": np.float32(config.pixel_scale) * image}

    return Batches(arrays, config.batch_size, generator, transform=prepare)


def evaluation_batches(config: AlexNetConfig, split: str) -> Batches:
    """All images of a split in order; of each batch one view or ten, (views, B, C, size, size)."""
    mean = _arrays(config, "train")["image"].mean(axis=0, keepdims=True)

    def prepare(batch: dict[str, Any], _: Generator) -> dict[str, Any]:
        image = _centred(batch["image"], mean, config)
        size = config.image_size
        views = ten_views(image, size) if config.ten_views else centre_crop(image, size)[None]
        return batch | {"image": np.float32(config.pixel_scale) * views}

    return Batches(_arrays(config, split), config.batch_size, shuffle=False, transform=prepare)


def _arrays(config: AlexNetConfig, split: str) -> dict[str, np.ndarray]:
    """Images and labels; the grey of the images in each of the network's channels."""
    data = dataset(config, split)
    return {"image": data.images.repeat(config.channels, axis=1), "label": data.labels}


def _centred(images: np.ndarray, mean: np.ndarray, config: AlexNetConfig) -> np.ndarray:
    """Images at their stored size, less the mean image; enlarged batch by batch, as few have room for all of them."""
    centred: np.ndarray = fit(images - mean, config.stored_size)
    return centred
