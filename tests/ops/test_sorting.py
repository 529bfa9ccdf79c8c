"""Sorting, choosing places and asking about values: edges, ties, NaN, and what is refused."""

import numpy as np
import pytest
import torch

from tinygrad_lab import Tensor, allclose, argsort, equal, nonzero, scatter, sort, topk
from tinygrad_lab.nn import functional as F

ODD = np.array([[1.0, np.nan, -np.inf, 3.0, 1.0], [np.inf, 0.0, -0.0, np.nan, np.nan]])


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dim", [0, 1])
def test_nan_is_the_largest_and_equals_stay_in_order(descending: bool, dim: int) -> None:
    values, indices = sort(Tensor(ODD), dim, descending)
    theirs = torch.sort(torch.tensor(ODD), dim=dim, descending=descending, stable=True)
    np.testing.assert_array_equal(values.numpy(), theirs.values.numpy())
    np.testing.assert_array_equal(indices.numpy(), theirs.indices.numpy())
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(topk(Tensor(ODD), 2, dim).values.numpy(), torch.topk(torch.tensor(ODD), 2, dim)[0])


def test_a_single_number_is_sorted() -> None:
    x = Tensor(3.0, requires_grad=True)
    values, indices = sort(x)
    values.backward()
    assert (values.item(), indices.item(), indices.shape, x.grad.item()) == (3, 0, (), 1)
    assert topk(x, 1).values.item() == 3
    assert argsort(x).shape == ()


def test_topk_names_what_it_cannot_give() -> None:
    with pytest.raises(ValueError, match="topk: k must be from 0 to 3, the length of dim -1, got 4"):
        topk(Tensor([1.0, 2.0, 3.0]), 4)


def test_the_last_of_several_values_for_one_place_stays_and_a_larger_source_is_cut() -> None:
    x, source = (Tensor(np.arange(n, dtype=float), requires_grad=True) for n in (3, 4))
    y = scatter(x, 0, np.array([1, 1]), source)
    y.backward(np.array([1.0, 10.0, 100.0]))
    assert y.tolist() == [0, 1, 2]
    assert x.grad.tolist() == [1, 0, 100]
    assert source.grad.tolist() == [10, 10, 0, 0]


def test_scatter_names_what_does_not_fit(unchecked_shapes: None) -> None:
    x, index = Tensor(np.zeros((2, 3))), np.zeros((2, 1), np.int64)
    with pytest.raises(ValueError, match=r"index of shape \(2, 1\) does not fit src of shape \(1, 1\)"):
        scatter(x, 1, index, Tensor(np.zeros((1, 1))))
    with pytest.raises(TypeError, match="scatter: input is float64 and src is float32, they must have one dtype"):
        scatter(x, 1, index, Tensor(np.zeros((2, 1), np.float32)))


def test_where_elements_are_not_zero() -> None:
    for array in (np.array([[0.0, 2.0], [np.nan, 0.0]]), np.array(3.0), np.zeros((2, 0))):
        np.testing.assert_array_equal(nonzero(Tensor(array)).numpy(), torch.nonzero(torch.tensor(array)).numpy())
    rows, columns = nonzero(Tensor([[0, 2], [3, 0]]), as_tuple=True)
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [1, 0])


def test_one_hot_is_torchs() -> None:
    classes = np.array([[0, 2], [1, 0]])
    for count in (-1, 5):
        ours = F.one_hot(Tensor(classes), count)
        np.testing.assert_array_equal(ours.numpy(), torch.nn.functional.one_hot(torch.tensor(classes), count).numpy())
        assert ours.dtype == np.int64
    assert F.one_hot(Tensor(2), 3).tolist() == [0, 0, 1]
    with pytest.raises(TypeError, match="classes must be integers, got float32"):
        F.one_hot(Tensor([1.0]))
    with pytest.raises(ValueError, match=r"classes must be in \[0, 2\), they are in \[0, 2\]"):
        F.one_hot(Tensor(classes), 2)
    with pytest.raises(ValueError, match="without any class num_classes must be given"):
        F.one_hot(Tensor(np.zeros(0, np.int64)))


def test_equal_and_close() -> None:
    x = Tensor([1.0, 2.0])
    assert equal(x, Tensor([1.0, 2.0]))
    assert not equal(x, Tensor([[1.0, 2.0]]))
    assert not equal(Tensor([np.nan]), Tensor([np.nan]))
    assert allclose(x, x * (1 + 1e-6))
    assert not allclose(x, x * (1 + 1e-4))
    assert allclose(Tensor([np.nan]), Tensor([np.nan]), equal_nan=True)
    with pytest.raises(TypeError, match="allclose: input is float32, other is int64"):
        allclose(x, Tensor([1, 2]))
    with pytest.raises(ValueError, match=r"allclose: shapes \(2,\) and \(3,\) do not fit together"):
        allclose(x, Tensor([1.0, 2.0, 3.0]))


def test_steps_of_integers_and_nan_are_torchs() -> None:
    for array in (np.array([1, -2]), np.array([np.nan, -0.0, np.inf, -2.5]), np.array([True, False])):
        for name in ("floor", "ceil", "round", "sign"):
            if array.dtype == bool and name != "sign":
                continue  # torch has none of these for booleans
            ours, theirs = getattr(Tensor(array), name)(), getattr(torch.tensor(array), name)()
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
            assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")


def test_division_by_zero() -> None:
    with pytest.raises(ZeroDivisionError, match="floor_divide: an integer divided by 0"):
        Tensor([1]) // 0
    with pytest.raises(ZeroDivisionError, match="remainder: an integer divided by 0"):
        Tensor([1]) % Tensor([0])


def test_a_tensor_as_a_number_in_text() -> None:
    assert f"{Tensor(3.14159):.3f}" == "3.142"
    assert f"{Tensor(7):03d}" == "007"
    assert f"{Tensor([1, 2])}" == "tensor([1, 2])"
    with pytest.raises(TypeError, match=r"the format '.3f' is one for numbers, this tensor has shape \(2,\)"):
        f"{Tensor([1.0, 2.0]):.3f}"
    assert int(Tensor([3.7])) == 3
    with pytest.raises(ValueError, match=r"int\(\) of a tensor of shape \(2,\): it must have one element"):
        int(Tensor([1.0, 2.0]))


def test_repeat_names_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"repeats must be at least 2 numbers from 0 up, got \(2,\)"):
        Tensor(np.zeros((2, 3))).repeat(2)
