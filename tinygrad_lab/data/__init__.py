"""Data sets and batches: real images found, checked and loaded; nothing here needs more than NumPy to be imported."""

from tinygrad_lab.data.batches import Batches
from tinygrad_lab.data.catalogue import Entry, catalogue, fetch
from tinygrad_lab.data.idx import DataError, read_idx
from tinygrad_lab.data.images import ImageData, available, default_images, load_images

__all__ = [
    "Batches",
    "DataError",
    "Entry",
    "ImageData",
    "available",
    "catalogue",
    "default_images",
    "fetch",
    "load_images",
    "read_idx",
]
