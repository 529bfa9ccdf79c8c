"""Batches for the autoencoders: pixels in [0, 1], no labels. The target is the input."""

from dataclasses import replace
from typing import Any

from tinygrad_lab.data import Batches, ImageData, default_images, load_images
from tinygrad_lab.data.splits import training_rows
from tinygrad_lab.data.transforms import fit
from tinygrad_lab.typing import Generator

from .config import AutoencoderConfig

HELD_OUT = 5_000  # images of a validation split, half of MNIST's test


def example_batch(config: AutoencoderConfig, rng: Generator) -> dict[str, Any]:
    """One batch of random images, for parity and benchmarks."""
    shape = (config.batch_size, 1, config.image_size, config.image_size)
    return {"image": rng.random(shape), "count": float(config.batch_size)}


def dataset(config: AutoencoderConfig, split: str) -> ImageData:
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


def training_batches(config: AutoencoderConfig, generator: Generator) -> Batches:
    """Shuffled batches."""
    images = fit(dataset(config, "train").images, config.image_size)
    return Batches({"image": images}, config.batch_size, generator)


def evaluation_batches(config: AutoencoderConfig, split: str) -> Batches:
    """All images of a split in order, in large batches."""
    images = fit(dataset(config, split).images, config.image_size)
    return Batches({"image": images}, 500, shuffle=False)
