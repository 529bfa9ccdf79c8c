"""What operations refuse, in one line that says what was given; and what stands just inside the border is taken."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

import tinygrad_lab as lab
from tinygrad_lab import ops
from tinygrad_lab.tensor import Tensor

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
X = Tensor(np.arange(6.0).reshape(2, 3))
IMAGE, KERNEL = Tensor(np.ones((1, 1, 4, 4))), Tensor(np.ones((1, 1, 3, 3)))
WHOLE, FLAGS = Tensor(np.array([7, -7, 0])), Tensor(np.array([True, False]))

REFUSED: list[tuple[Callable, type[Exception], str]] = [
    (lambda: ops.conv2d(IMAGE, KERNEL, padding="same", stride=2), ValueError, r"padding='same' needs stride 1, got"),
    (lambda: ops.conv2d(IMAGE, KERNEL, padding="same", stride=(1, 2)), ValueError, r"needs stride 1, got \(1, 2\)"),
    (lambda: ops.divide(X, 2, rounding_mode="up"), ValueError, "must be None, 'trunc' or 'floor', got 'up'"),
    (lambda: ops.divide(FLAGS, FLAGS, rounding_mode="floor"), TypeError, "x and y are both boolean"),
    (lambda: ops.divide(WHOLE, WHOLE, rounding_mode="trunc"), ZeroDivisionError, "y has a zero"),
    (lambda: ops.index_add(X, 0, Tensor([0, 1]), X[:1]), ValueError, r"source has shape \(1, 3\), .* need \(2, 3\)"),
    (lambda: ops.index_add(X, 1, Tensor([0]), X), ValueError, r"source has shape \(2, 3\), .* need \(2, 1\)"),
    (lambda: ops.index_add(X[0, 0], 0, Tensor([0, 0]), X[0, 0]), ValueError, r"index_add: source has shape \(\)"),
    (lambda: ops.scatter(FLAGS, 0, Tensor([0]), WHOLE), ValueError, "src is int64, input is bool; they must agree"),
    (lambda: ops.scatter_add(FLAGS, 0, Tensor([0]), WHOLE), TypeError, "src must have the dtype of input, bool, got"),
    (lambda: ops.index_add(FLAGS, 0, Tensor([0]), WHOLE[:1]), TypeError, "source must have the dtype of input, bool"),
    (lambda: ops.scatter(X, 0, Tensor([[0, 0, 0, 0]]), X), ValueError, r"index of shape \(1, 4\) does not fit"),
    (lambda: ops.avg_pool2d(IMAGE, 2, divisor_override=0), ValueError, "divisor_override must not be 0"),
    (lambda: lab.allclose(X, X.float()), TypeError, "input is float64, other is float32; they must agree"),
    (lambda: lab.allclose(X, X[:, :2]), ValueError, r"shapes \(2, 3\) and \(2, 2\) do not fit together"),
    (lambda: ops.cat([X, X[:, :2]]), ValueError, r"must differ in dim 0 only, got shapes \[\(2, 3\), \(2, 2"),
    (lambda: ops.cat([X, X[0]]), ValueError, "cat: tensors must all have as many dimensions"),
    (lambda: ops.cat([X[0, 0], X[0, 0]]), ValueError, "cat: .* and at least one, got shapes"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), REFUSED, ids=[message for _, _, message in REFUSED])
def test_what_does_not_fit_is_refused(call: Callable, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def of_torch(tensor: Tensor) -> torch.Tensor:
    return torch.from_numpy(tensor.numpy().copy())


TAKEN: list[tuple[Callable, Callable]] = [
    (lambda: ops.conv2d(IMAGE, KERNEL, padding="same", stride=1),
     lambda: torch.conv2d(of_torch(IMAGE), of_torch(KERNEL), padding="same")),
    (lambda: ops.divide(WHOLE, 2, rounding_mode="trunc"), lambda: of_torch(WHOLE).div(2, rounding_mode="trunc")),
    (lambda: ops.divide(WHOLE, -2, rounding_mode="floor"), lambda: of_torch(WHOLE).div(-2, rounding_mode="floor")),
    (lambda: ops.divide(X, FLAGS[:1], rounding_mode="floor"),
     lambda: of_torch(X).div(of_torch(FLAGS[:1]), rounding_mode="floor")),
    (lambda: ops.index_add(X[0, 0], 0, Tensor([0]), X[0, 1]),
     lambda: of_torch(X[0, 0]).index_add(0, torch.tensor([0]), of_torch(X[0, 1]))),
    (lambda: ops.avg_pool2d(IMAGE, 2, divisor_override=1),
     lambda: torch.nn.functional.avg_pool2d(of_torch(IMAGE), 2, divisor_override=1)),
    (lambda: ops.cat([X, X[:, :2]], 1), lambda: torch.cat([of_torch(X), of_torch(X[:, :2])], 1)),
    (lambda: ops.cat([X, X[:1]]), lambda: torch.cat([of_torch(X), of_torch(X[:1])])),
]  # fmt: skip


@pytest.mark.parametrize(("ours", "theirs"), TAKEN)
def test_what_just_fits_is_taken_as_in_torch(ours: Callable, theirs: Callable) -> None:
    mine, other = ours().numpy(), theirs().numpy()
    assert mine.dtype == other.dtype
    np.testing.assert_array_equal(mine, other)
