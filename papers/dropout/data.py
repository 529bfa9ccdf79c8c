"""Batches for the dropout networks: images as flat vectors of pixels in [0, 1], and two blobs in the plane."""

import hashlib
import math
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lab.data import Batches, ImageData, default_images, load_images
from tinygrad_lab.data.splits import training_rows
from tinygrad_lab.data.transforms import fit
from tinygrad_lab.random import generator
from tinygrad_lab.typing import Generator

from .config import DropoutConfig

BLOB_DISTANCE = 2.7  # between the centres, in standard deviations
BLOB_TEST_POINTS = 10_000
BLOB_SEEDS = 10**6  # the points must not come from the stream that the weights of the same seed come from


def example_batch(config: DropoutConfig, rng: Generator) -> dict[str, Any]:
    """One batch of random images and labels, for parity and benchmarks."""
    return {
        "image": rng.random((config.batch_size, config.inputs)),
        "label": rng.integers(0, config.classes, config.batch_size),
        "count": float(config.batch_size),
    }


def dataset(config: DropoutConfig, split: str) -> ImageData:
    """The items of a split: "train", "test", or "validation", those that ``train_items`` leaves out of the training.

    Raises:
        ValueError: a validation split where nothing is left out, or more ``train_items`` than there are.
    """
    if config.dataset == "blobs":
        return blobs(config, split)
    name = "test" if split == "test" else "train"
    data = default_images(name) if config.dataset == "auto" else load_images(config.dataset, name)
    total = len(data.labels)
    rows = slice(None) if split == "test" else training_rows(split, config.train_items, total, config.seed, total)
    return replace(data, images=fit(data.images[rows], math.isqrt(config.inputs)), labels=data.labels[rows])


def blobs(config: DropoutConfig, split: str) -> ImageData:
    """Two round Gaussian blobs of unit variance that overlap, as "images" of 1 x 2 pixels; drawn with ``seed``.

    Every split is drawn on its own; those that are not trained on have as many points, so that chance counts little.
    """
    stream = {"train": 2 * config.seed, "test": 2 * config.seed + 1, "validation": -1 - config.seed}[split]
    rng = generator(BLOB_SEEDS + stream)
    items = config.train_items or 100 if split == "train" else BLOB_TEST_POINTS
    labels = np.arange(items) % 2
    points = rng.standard_normal((items, 2), np.float32)
    points[:, 0] += BLOB_DISTANCE * (labels - np.float32(0.5))
    return ImageData(
        images=points[:, None, None],
        labels=labels,
        name="blobs",
        classes=("left", "right"),
        source="generated",
        checksum=hashlib.sha256(points.tobytes()).hexdigest(),
        licence="none",
    )


def bayes_accuracy() -> float:
    """Percent that the best classifier of the blobs, the line half-way between them, gets right: Phi(distance / 2)."""
    return 50 * (1 + math.erf(BLOB_DISTANCE / 2 / math.sqrt(2)))


def training_batches(config: DropoutConfig, generator: Generator) -> Batches:
    """Shuffled batches."""
    return Batches(_arrays(config, "train"), config.batch_size, generator)


def evaluation_batches(config: DropoutConfig, split: str) -> Batches:
    """All items of a split in order, in large batches."""
    return Batches(_arrays(config, split), 1000, shuffle=False)


def _arrays(config: DropoutConfig, split: str) -> dict[str, np.ndarray]:
    data = dataset(config, split)
    return {"image": data.images.reshape(len(data.images), -1), "label": data.labels}
