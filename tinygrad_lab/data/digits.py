"""The embedded default: scikit-learn's 1,797 handwritten digits, 8x8, there wherever the lab is installed.

They are the test part of UCI's "Optical Recognition of Handwritten Digits" (Alpaydin, Kaynak 1998; 13 writers).  It
comes without a split of its own; ours is 1,500 for training and 297 for testing, and writers occur in both.
"""

import hashlib

import numpy as np
from jaxtyping import Int64, UInt8

from tinygrad_lab.data.content import DataError
from tinygrad_lab.typing import Array

NAME = "digits"
CLASSES = tuple("0123456789")
MAXIMUM = 16  # pixels count the ink in a 4x4 block
SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"  # pixels, then labels, as bytes
TEST = 297
SEED = 1998


def load_digits() -> tuple[UInt8[Array, "1797 8 8"], Int64[Array, "1797"]]:
    """Return pixels from 0 to 16, and labels, in scikit-learn's order.

    Raises:
        ImportError: scikit-learn is not installed.
        DataError: scikit-learn's copy is not the one known here.
    """
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError("digits needs scikit-learn: pip install 'tinygrad-lab[cli]'") from error
    bunch = datasets.load_digits()
    pixels, labels = bunch.images.astype(np.uint8), bunch.target.astype(np.int64)
    actual = hashlib.sha256(pixels.tobytes() + labels.astype(np.uint8).tobytes()).hexdigest()
    if actual != SHA256:
        raise DataError(f"digits in scikit-learn: the content's SHA-256 is {actual}, expected {SHA256}")
    return pixels, labels


def split_rows(labels: Int64[Array, " n"], test: int) -> dict[str, Int64[Array, " _"]]:
    """Return the row numbers of "train" or "test", with each class's share right to within one.

    The rule: shuffle, sort by class keeping the shuffled order inside each class, take every (n / test)-th row of that
    line for testing and leave the rest for training; both keep the shuffled order.
    """
    # Sorting raw words, whose stream NumPy guarantees, gives the same shuffle in every NumPy version.
    shuffled = np.argsort(np.random.SFC64(SEED).random_raw(len(labels)), kind="stable")
    by_class = np.argsort(labels[shuffled], kind="stable")
    tested = np.zeros(len(labels), bool)
    tested[by_class[np.arange(test) * len(labels) // test]] = True
    return {"train": shuffled[~tested], "test": shuffled[tested]}
