"""Packed sequences: torch's fields, both ways, gradients, and what is refused."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils import rnn as torch_rnn

from tinygrad_lab.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence, pad_sequence
from tinygrad_lab.tensor import Tensor


def assert_same_fields(ours: PackedSequence, theirs: Any) -> None:
    for name, mine, other in zip(ours._fields, ours, theirs, strict=True):
        if other is None:
            assert mine is None, name
        else:
            np.testing.assert_array_equal(mine.numpy(), other.detach().numpy(), err_msg=name)


@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=5), batch_first=st.booleans(), ordered=st.booleans())
def test_equals_torch_and_back(lengths: list[int], batch_first: bool, ordered: bool) -> None:
    lengths = sorted(lengths, reverse=True) if ordered else lengths
    shape = (len(lengths), 5, 2) if batch_first else (5, len(lengths), 2)
    values = np.random.default_rng(0).standard_normal(shape)
    x, y = Tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    packed = pack_padded_sequence(x, lengths, batch_first, enforce_sorted=ordered)
    other = torch_rnn.pack_padded_sequence(y, torch.tensor(lengths), batch_first, enforce_sorted=ordered)
    assert_same_fields(packed, other)
    for settings in ({}, {"total_length": 7, "padding_value": -1.0}):
        padded, found = pad_packed_sequence(packed, batch_first, **settings)
        other_padded, _ = torch_rnn.pad_packed_sequence(other, batch_first, **settings)
        assert found.tolist() == lengths
        np.testing.assert_array_equal(padded.numpy(), other_padded.detach().numpy())
    seed = np.random.default_rng(1).standard_normal(padded.shape)
    padded.backward(seed)
    other_padded.backward(torch.tensor(seed))
    np.testing.assert_array_equal(x.grad.numpy(), y.grad.numpy())


def test_any_features_and_integers() -> None:
    tokens = Tensor(np.arange(24).reshape(4, 3, 2))
    packed = pack_padded_sequence(tokens[:, :, 0], [4, 2, 1])
    assert packed.data.tolist() == [0, 2, 4, 6, 8, 12, 18]
    assert pad_packed_sequence(packed)[0].tolist() == [[0, 2, 4], [6, 8, 0], [12, 0, 0], [18, 0, 0]]


def test_lengths_may_be_a_list_an_array_or_a_tensor() -> None:
    x = Tensor(np.ones((3, 2, 1)))
    for lengths in ([3, 1], np.array([3, 1]), Tensor(np.array([3, 1]))):
        assert pack_padded_sequence(x, lengths).batch_sizes.tolist() == [2, 1, 1]


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([3, 0], r"lengths must be 2 whole numbers from 1 to 3 .* got \[3, 0\]"),
        ([4, 1], r"lengths must be 2 whole numbers from 1 to 3 .* got \[4, 1\]"),
        ([3], r"lengths must be 2 whole numbers from 1 to 3 .* got \[3\]"),
        ([1, 3], r"lengths must not rise, got \[1, 3\]; enforce_sorted=False takes any order"),
    ],
)
def test_bad_lengths_are_named(unchecked_shapes: None, lengths: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pack_padded_sequence(Tensor(np.ones((3, 2, 1))), lengths)


def test_total_length_below_the_longest_is_refused() -> None:
    packed = pack_padded_sequence(Tensor(np.ones((3, 2, 1))), [3, 1])
    with pytest.raises(ValueError, match="total_length must be at least 3, got 2"):
        pad_packed_sequence(packed, total_length=2)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("features", [(), (2, 3)])
def test_sequences_side_by_side_equal_torch(batch_first: bool, features: tuple[int, ...]) -> None:
    arrays = [np.random.default_rng(n).standard_normal((n, *features)) for n in (2, 4, 1)]
    ours = [Tensor(array, requires_grad=True) for array in arrays]
    theirs = [torch.tensor(array, requires_grad=True) for array in arrays]
    mine = pad_sequence(ours, batch_first, -1.0)
    other = torch.nn.utils.rnn.pad_sequence(theirs, batch_first, -1.0)
    np.testing.assert_array_equal(mine.numpy(), other.detach().numpy())
    mine.square().sum().backward()
    other.square().sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a.grad.numpy(), b.grad.numpy())


@pytest.mark.parametrize("arrays", [[], [np.zeros((2, 3)), np.zeros((2, 4))], [np.zeros(())]])
def test_sequences_that_do_not_go_together_are_refused(arrays: list) -> None:
    with pytest.raises(ValueError, match="pad_sequence: needs sequences"):
        pad_sequence([Tensor(array) for array in arrays])
