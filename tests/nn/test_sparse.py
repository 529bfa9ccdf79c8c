"""Embedding: torch's values and gradients, both forms of the gradient, bad input."""

import numpy as np
import pytest
import torch

from tests.nn.twins import assert_twins
from tinygrad_lab import random
from tinygrad_lab.nn.sparse import Embedding
from tinygrad_lab.ops.embedding import one_hot_sum, sorted_sum
from tinygrad_lab.tensor import Tensor


@pytest.mark.parametrize("padding_idx", [None, 0, 2, -1])
@pytest.mark.parametrize("rows", [5, 1200])
def test_embedding_equals_torch(padding_idx: int | None, rows: int) -> None:
    twins = Embedding(rows, 4, padding_idx), torch.nn.Embedding(rows, 4, padding_idx)
    assert_twins(*twins, (7, 3), index_below=5)


@pytest.mark.parametrize("count", [0, 1, 50])
def test_both_gradients_are_the_same_sum(count: int) -> None:
    rng = np.random.default_rng(0)
    index, rows = rng.integers(0, 6, count), rng.standard_normal((count, 3))
    expected = np.zeros((9, 3))
    np.add.at(expected, index, rows)
    for form in (one_hot_sum, sorted_sum):
        np.testing.assert_allclose(form(index, rows, 9), expected, rtol=1e-13, atol=1e-13)


def test_start_is_standard_normal_with_a_zero_padding_row() -> None:
    weight = Embedding(200, 100, padding_idx=-1, generator=random.generator(0)).weight.numpy()
    assert not weight[-1].any()
    assert abs(weight[:-1].mean()) < 0.05
    assert abs(weight[:-1].std() - 1) < 0.02


def test_bad_input_is_named() -> None:
    layer = Embedding(5, 2)
    with pytest.raises(IndexError, match="input has index 5, out of range for a weight of 5 rows"):
        layer(np.array([0, 5]))
    with pytest.raises(IndexError, match="input has index -1, out of range"):
        layer(Tensor(np.array([-1, 2])))
    with pytest.raises(ValueError, match="padding_idx 5 is out of range for 5 rows"):
        Embedding(5, 2, padding_idx=5)


@pytest.mark.parametrize("freeze", [True, False])
@pytest.mark.parametrize("padding_idx", [None, 1])
def test_a_pretrained_table(freeze: bool, padding_idx: int | None) -> None:
    rows = np.random.default_rng(0).standard_normal((4, 3))
    ours = Embedding.from_pretrained(Tensor(rows), freeze, padding_idx)
    theirs = torch.nn.Embedding.from_pretrained(torch.tensor(rows), freeze, padding_idx)
    assert ours.weight.requires_grad == theirs.weight.requires_grad
    index = np.array([0, 1, 1, 3])
    np.testing.assert_array_equal(ours(index).numpy(), theirs(torch.tensor(index)).detach().numpy())
    if not freeze:
        ours(index).sum().backward()
        theirs(torch.tensor(index)).sum().backward()
        np.testing.assert_array_equal(ours.weight.grad.numpy(), theirs.weight.grad.numpy())
    ours.weight._data[...] = 0
    assert rows.any()


def test_a_pretrained_table_draws_nothing(unchecked_shapes: None) -> None:
    with random.initialising(random.generator(5)) as rng:
        Embedding.from_pretrained(Tensor(np.ones((2, 2))))
    assert rng.random() == random.generator(5).random()
    with pytest.raises(ValueError, match=r"embeddings has shape \(3,\), it must be a matrix"):
        Embedding.from_pretrained(Tensor(np.ones(3)))
