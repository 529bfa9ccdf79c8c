"""Mixed dtypes: elementwise operations, where, cat and stack give the dtype that torch gives."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import tinygrad_lab as lab
from tinygrad_lab import Tensor

OPERANDS: list[Any] = [
    np.ones(2, np.float32), np.ones(2, np.float64), np.ones(2, np.int64), np.ones(2, np.uint8), np.ones(2, bool),
    np.ones((), np.float64), np.ones((), np.float32), np.ones((), np.int64), np.ones((), bool), 2.0, 3, True,
]  # fmt: skip
BOTH: list[tuple[str, Callable, Callable]] = [
    ("add", lab.Tensor.add, torch.add), ("multiply", lab.Tensor.mul, torch.mul), ("divide", lab.Tensor.div, torch.div),
    ("maximum", lab.maximum, torch.maximum),
    ("where", lambda x, y: lab.where(Tensor([True, False]), x, y),
     lambda x, y: torch.where(torch.tensor([True, False]), x, y)),
]  # fmt: skip


def ours(value: Any) -> Any:
    return Tensor(value) if isinstance(value, np.ndarray) else value


def theirs(value: Any) -> Any:
    return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize(("name", "our", "their"), BOTH, ids=[name for name, *_ in BOTH])
def test_two_operands_have_the_dtype_of_torch(name: str, our: Callable, their: Callable) -> None:
    for x, y in itertools.product(OPERANDS, repeat=2):
        if not isinstance(x, np.ndarray) or (name == "maximum" and not isinstance(y, np.ndarray)):
            continue
        expected = their(theirs(x), theirs(y))
        made = our(ours(x), ours(y))
        assert str(made.dtype) == str(expected.dtype).removeprefix("torch."), (name, x, y)
        np.testing.assert_allclose(made.numpy(), expected.numpy())


@pytest.mark.parametrize("join", ["cat", "stack"])
def test_joining_promotes(join: str) -> None:
    arrays = [value for value in OPERANDS if isinstance(value, np.ndarray) and value.ndim]
    for chosen in itertools.product(arrays, repeat=2):
        made = getattr(lab, join)([Tensor(a) for a in chosen])
        expected = getattr(torch, join)([theirs(a) for a in chosen])
        assert str(made.dtype) == str(expected.dtype).removeprefix("torch.")


def test_gradients_keep_the_dtype_of_their_tensor() -> None:
    single, double = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0], np.float64, requires_grad=True)
    (lab.cat([single, double]) * 2).sum().backward()
    assert (single.grad.dtype, double.grad.dtype) == (np.float32, np.float64)


def test_comparisons_bring_their_operands_together_first() -> None:
    assert (Tensor([0.1]) == Tensor(0.1, np.float64)).item() is True  # a number without dimensions widens nothing
    assert (Tensor([16777217]) == 16777216.0).item() is True  # in float32, as torch compares
    assert (Tensor(np.array([1], np.uint8)) < 2).item() is True


def test_numbers_alone_are_of_single_precision() -> None:
    assert lab.where(Tensor([True, False]), 1.0, 0.0).dtype == np.float32
    assert lab.where(Tensor([True, False]), 1, 0).dtype == np.int64
