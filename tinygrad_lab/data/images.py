"""Labelled images: MNIST, Fashion-MNIST and scikit-learn's digits in one form."""

import hashlib
import importlib.util
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from tinygrad_lab.data import digits
from tinygrad_lab.data.download import download
from tinygrad_lab.data.idx import read_idx
from tinygrad_lab.data.locate import find
from tinygrad_lab.data.sources import SOURCES, Source
from tinygrad_lab.typing import Array

NAMES = (*SOURCES, digits.NAME)
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


def load_images(name: str, split: str = "train") -> ImageData:
    """A split of a data set, from the first place that has it (see ``locate``); files nowhere found are downloaded.

    Args:
        name: "mnist", "fashion-mnist" or "digits".
        split: "train" or "test".

    Raises:
        ValueError: an unknown name or split.
        DataError: a file is corrupt, or cannot be found and not be downloaded.
        ImportError: a package that is needed is not installed.
    """
    check_name(name)
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    return _load_digits(split) if name == digits.NAME else _load_files(SOURCES[name], split)


def default_images(split: str = "train") -> ImageData:
    """MNIST where it is found without a network, else the embedded digits."""
    return load_images("mnist" if available("mnist") else digits.NAME, split)


def available(name: str) -> bool:
    """Whether a data set can be loaded without a network (its files are there; they are not opened)."""
    check_name(name)
    if name == digits.NAME:
        return importlib.util.find_spec("sklearn") is not None
    return all(find(SOURCES[name], file) for file in SOURCES[name].files)


def check_name(name: str) -> None:
    """Raise ValueError unless ``name`` is a data set of images."""
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}")


def _load_files(source: Source, split: str) -> ImageData:
    files = source.splits[split]
    paths = [find(source, file) or download(source, file) for file in files]
    pixels, labels = (read_idx(path, file.shape, file.sha256) for path, file in zip(paths, files, strict=True))
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
        source="scikit-learn",
        checksum=_combine(*(hashlib.sha256(part.astype(np.uint8).tobytes()).hexdigest() for part in (pixels, labels))),
        licence=digits.LICENCE,
    )


def _scale(pixels: UInt8[Array, "n h w"], maximum: int) -> Float32[Array, "n 1 h w"]:
    return np.divide(pixels, np.float32(maximum), dtype=np.float32)[:, None]


def _combine(images: str, labels: str) -> str:
    return hashlib.sha256((images + labels).encode()).hexdigest()
