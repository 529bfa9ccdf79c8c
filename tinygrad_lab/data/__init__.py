"""Data sets and batches: images, texts and pairs, found, checked and loaded; importing it needs only NumPy."""

from tinygrad_lab.data.batches import Batches
from tinygrad_lab.data.catalogue import Entry, catalogue, fetch
from tinygrad_lab.data.content import DataError
from tinygrad_lab.data.embedded import available
from tinygrad_lab.data.idx import read_idx
from tinygrad_lab.data.images import ImageData, default_images, load_images
from tinygrad_lab.data.pairs import PairData, load_pairs
from tinygrad_lab.data.text import TextData, load_text

__all__ = [
    "Batches",
    "DataError",
    "Entry",
    "ImageData",
    "PairData",
    "TextData",
    "available",
    "catalogue",
    "default_images",
    "fetch",
    "load_images",
    "load_pairs",
    "load_text",
    "read_idx",
]
