"""Batches for the autoencoders: pixels in [0, 1], no labels. The target is the input."""

from typing import Any

from tinygrad_lab.data import Batches, ImageData, default_images, load_images
from tinygrad_lab.data.transforms import fit
from tinygrad_lab.typing import Generator

from .config import AutoencoderConfig


def example_batch(config: AutoencoderConfig, rng: Generator) -> dict[str, Any]:
    """One batch of random images, for parity and benchmarks."""
    shape = (config.batch_size, 1, config.image_size, config.image_size)
    return {"image": rng.random(shape), "count": float(config.batch_size)}


def dataset(config: AutoencoderConfig, split: str) -> ImageData:
    """The images, ``config.dataset`` or the best there is; ``split`` is "train" or "test"."""
    return default_images(split) if config.dataset == "auto" else load_images(config.dataset, split)


def training_batches(config: AutoencoderConfig, generator: Generator) -> Batches:
    """Shuffled batches."""
    images = fit(dataset(config, "train").images, config.image_size)
    return Batches({"image": images}, config.batch_size, generator)


def evaluation_batches(config: AutoencoderConfig, split: str) -> Batches:
    """All images of a split in order, in large batches."""
    images = fit(dataset(config, split).images, config.image_size)
    return Batches({"image": images}, 500, shuffle=False)
