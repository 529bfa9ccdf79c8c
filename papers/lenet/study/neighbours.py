"""The nearest-neighbour classifier of figure 9, by hand."""

import numpy as np
from jaxtyping import Float32, Int, Int64

from tinygrad_lab.typing import Array

NEIGHBOURS = 3  # the paper's k
CHUNK = 200  # images that are compared with all others at a time, so that distances fit into memory


def error(
    images: Float32[Array, "n d"], labels: Int64[Array, " n"],
    known: Float32[Array, "m d"], classes: Int64[Array, " m"],
) -> float:  # fmt: skip
    """Percent of the images whose nearest neighbours among those that are known have mostly another label."""
    wrong = 0
    for start in range(0, len(images), CHUNK):
        rows = slice(start, start + CHUNK)
        wrong += int((elected(classes[nearest(images[rows], known)]) != labels[rows]).sum())
    return 100 * wrong / len(images)


def nearest(images: Float32[Array, "b d"], known: Float32[Array, "m d"]) -> Int[Array, "b k"]:
    """The nearest images in Euclidean distance, the nearest first."""
    distance = (known**2).sum(axis=1) - 2 * images @ known.T  # less the image's own square, which orders nothing
    found = np.argpartition(distance, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    order = np.take_along_axis(distance, found, axis=1).argsort(axis=1)
    return np.take_along_axis(found, order, axis=1)


def elected(labels: Int64[Array, "b k"]) -> Int64[Array, " b"]:
    """The label that most neighbours have; of several the one whose first neighbour is nearer."""
    votes = (labels[:, :, None] == labels[:, None, :]).sum(axis=2)
    return np.take_along_axis(labels, votes.argmax(axis=1)[:, None], axis=1)[:, 0]
