"""Labelled images: MNIST, Fashion-MNIST and scikit-learn's digits in one form."""

import hashlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from tinygrad_lab.data import digits
from tinygrad_lab.data.download import obtain
from tinygrad_lab.data.embedded import EMBEDDED, available
from tinygrad_lab.data.sources import ImageSource, sources_of
from tinygrad_lab.typing import Array

NAMES = (*sources_of(ImageSource), digits.NAME)
SPLITS = ("train", "test")


@dataclass(frozen=True)
class ImageData:
    """One split of a labelled image data set.

    Args:
        images: background 0, full ink 1.
        labels: from 0 on.
        name: "mnist", "fashion-mnist" or "digits".
        classes: what each label means.
        source: the file the images were read from, or the package they come with.
        checksum: the SHA-256 of the two SHA-256 (in hexadecimal) of the images' and the labels' content, for results.
        licence: the data set's licence.
    """

    images: Float32[Array, "n 1 h w"]
    labels: Int64[Array, " n"]
    name: str
    classes: tuple[str, ...]
    source: str
    checksum: str
    licence: str

    def __len__(self) -> int:
        """Images."""
        return len(self.images)


def load_images(name: str, split: str = "train") -> ImageData:
    """Return a split of a data set from the first place that has it, the network last.

    Args:
        name: "mnist", "fashion-mnist" or "digits".
        split: "train" or "test".

    Raises:
        ValueError: an unknown name or split.
        DataError: a file is corrupt, or cannot be found and not be downloaded.
        ImportError: a package that is needed is not installed.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}")
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    return _load_digits(split) if name == digits.NAME else _load_files(sources_of(ImageSource)[name], split)


def default_images(split: str = "train") -> ImageData:
    """Return MNIST where it is found without a network, else the embedded digits."""
    return load_images("mnist" if available("mnist") else digits.NAME, split)


def _load_files(source: ImageSource, split: str) -> ImageData:
    files = source.splits[split]
    paths = [obtain(source, file) for file in files]
    pixels, labels = (file.read(path) for path, file in zip(paths, files, strict=True))
    return ImageData(
        images=_scale(pixels, 255),
        labels=labels.astype(np.int64),
        name=source.name,
        classes=source.classes,
        source=str(paths[0]),
        checksum=_combine(*(file.sha256 for file in files)),
        licence=source.licence,
    )


def _load_digits(split: str) -> ImageData:
    pixels, labels = digits.load_digits()
    rows = digits.split_rows(labels, digits.TEST)[split]
    pixels, labels = pixels[rows], labels[rows]
    return ImageData(
        images=_scale(pixels, digits.MAXIMUM),
        labels=labels,
        name=digits.NAME,
        classes=digits.CLASSES,
        source=EMBEDDED[digits.NAME].package,
        checksum=_combine(*(hashlib.sha256(part.astype(np.uint8).tobytes()).hexdigest() for part in (pixels, labels))),
        licence=EMBEDDED[digits.NAME].licence,
    )


def _scale(pixels: UInt8[Array, "n h w"], maximum: int) -> Float32[Array, "n 1 h w"]:
    return np.divide(pixels, np.float32(maximum), dtype=np.float32)[:, None]


def _combine(images: str, labels: str) -> str:
    return hashlib.sha256((images + labels).encode()).hexdigest()
