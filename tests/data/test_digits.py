"""The embedded digits: a fixed, disjoint, stratified split."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.datasets
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinygrad_lab.data import DataError, load_images
from tinygrad_lab.data.digits import TEST, load_digits, split_rows


def test_sizes_range_and_types():
    train, test = load_images("digits", "train"), load_images("digits", "test")
    assert (train.images.shape, test.images.shape) == ((1500, 1, 8, 8), (297, 1, 8, 8))
    assert train.images.dtype == np.float32
    assert (train.images.min(), train.images.max()) == (0.0, 1.0)
    assert train.checksum != test.checksum


def test_the_split_is_fixed():
    rows = split_rows(load_digits()[1], TEST)
    assert rows["train"][:5].tolist() == [489, 141, 381, 775, 668]
    assert rows["test"][:5].tolist() == [1680, 925, 692, 321, 637]


@given(labels=arrays(np.int64, st.integers(1, 200), elements=st.integers(0, 4)), share=st.floats(0, 1))
def test_the_split_is_disjoint_complete_and_stratified(labels, share):
    test = int(share * len(labels))
    rows = split_rows(labels, test)
    assert len(rows["test"]) == test
    assert sorted([*rows["train"], *rows["test"]]) == list(range(len(labels)))
    for label in range(5):
        fair = (labels == label).sum() * test / len(labels)
        assert abs((labels[rows["test"]] == label).sum() - fair) <= 1


def test_images_belong_to_their_labels():
    """A nearest neighbour in the training part names nearly every test digit: nothing was shuffled apart."""
    train, test = load_images("digits", "train"), load_images("digits", "test")
    a, b = test.images.reshape(297, 64), train.images.reshape(1500, 64)
    nearest = ((a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)).argmin(axis=1)
    assert (train.labels[nearest] == test.labels).mean() > 0.97


def test_another_copy_of_the_digits_is_refused(monkeypatch):
    fake = SimpleNamespace(images=np.zeros((1797, 8, 8)), target=np.zeros(1797, int))
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: fake)
    with pytest.raises(DataError, match=r"digits in scikit-learn: the content's SHA-256 is .*, expected 87ff0c9e"):
        load_images("digits")


def test_without_scikit_learn_an_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"scikit-learn: pip install 'tinygrad-lab\[cli\]'"):
        load_images("digits")
