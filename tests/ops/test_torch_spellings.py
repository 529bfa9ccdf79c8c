"""What users bring along from torch: integers and booleans, other spellings, arguments that do not fit."""

from collections.abc import Callable

import numpy as np
import pytest

import tinygrad_lab as tl
from tinygrad_lab import Tensor, nn, tensor
from tinygrad_lab.nn import functional as F
from tinygrad_lab.ops import index_add, masked_fill, scatter_add

A = np.arange(6.0).reshape(2, 3)
X = Tensor(A)
FALSE = np.zeros((2, 3), bool)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: tensor([True, False, True]).sum(), np.int64(2)),
        (lambda: Tensor(np.ones(300, np.uint8)).sum(), np.int64(300)),
        (lambda: Tensor(np.full(3, 100, np.uint8)).cumsum(0), np.array([100, 200, 300])),
        (lambda: Tensor(np.full(3, 10, np.uint8)).prod(), np.int64(1000)),
        (lambda: tensor([1, 2]).mean(dtype=np.float64), np.float64(1.5)),
        (lambda: X.sum(dtype=np.float32), np.float32(15)),
        (lambda: X.sum(axis=1, keepdims=True), A.sum(1, keepdims=True)),
        (lambda: X.var(unbiased=False), A.var()),
        (lambda: tensor([2, 1]).logical_and(tensor([1, 1])), np.array([True, True])),
        (lambda: tensor([2, 1]) & tensor([1, 1]), np.array([0, 1])),
        (lambda: X.add(X, alpha=2), 3 * A),
        (lambda: X.sub(X, alpha=3), -2 * A),
        (lambda: tensor([-7, 7]).div(tensor([2, 2]), rounding_mode="trunc"), np.array([-3, 3])),
        (lambda: tensor([-7, 7]).div(tensor([2, 2]), rounding_mode="floor"), np.array([-4, 3])),
        (lambda: X.flip(dims=(0, 1)), A[::-1, ::-1]),
        (lambda: tl.max(X, 2 * X), 2 * A),
        (lambda: X.to("cpu", np.float32), A.astype(np.float32)),
        (lambda: F.max_pool2d(Tensor(A.reshape(1, 2, 3)), (2, 3), return_indices=True)[1], np.array([[[5]]])),
        (lambda: F.max_pool2d(Tensor(np.ones((1, 1, 2, 2))), 2, 3, 1, 3), np.full((1, 1, 1, 1), -np.inf)),
        (lambda: F.conv2d(Tensor(np.ones((1, 2, 2))), Tensor(np.ones((1, 1, 2, 2)))), np.full((1, 1, 1), 4.0)),
    ],
)  # fmt: skip
def test_has_torchs_value_and_dtype(call: Callable[[], Tensor], expected: np.ndarray) -> None:
    out = call().numpy()
    assert out.dtype == np.asarray(expected).dtype
    np.testing.assert_array_equal(out, expected)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: (X == X).mean(), TypeError, "mean: input must be floating point, got bool"),
        (lambda: tensor([1, 2]).mean(), TypeError, "mean: input must be floating point, got int64"),
        (lambda: X.var(False), TypeError, "var: dim"),
        (lambda: X.gather(0, tensor([[-1, 0, 0]])), IndexError, "gather: index -1 is out of range"),
        (lambda: X.index_select(0, tensor([-1])), IndexError, "index_select: index -1"),
        (lambda: scatter_add(X, 0, tensor([[-1]]), X), IndexError, "scatter_add: index -1"),
        (lambda: index_add(X, 0, tensor([0]), Tensor(np.ones(3))), ValueError, "index_add: source"),
        (lambda: X.roll([2, 1], 0), ValueError, "roll: shifts and dims"),
        (lambda: X[0].tril(), ValueError, "tril: input"),
        (lambda: tl.where(1.0, X, X), TypeError, "where: condition"),
        (lambda: masked_fill(X, FALSE, Tensor(np.ones(2))), ValueError, "masked_fill: value"),
        (lambda: nn.BatchNorm1d(3, eps=0.0).double()(X), ValueError, "batch_norm: eps"),
        (lambda: F.avg_pool2d(Tensor(np.full((1, 1, 2, 2), 5)), 2), TypeError, "avg_pool2d: input"),
        (lambda: F.cross_entropy(X, X, ignore_index=1), ValueError, "cross_entropy: ignore_index"),
        (lambda: nn.LSTM(3.0, 5), TypeError, "LSTM: input_size must be an int"),  # type: ignore[arg-type]
        (lambda: nn.MultiheadAttention(4, 2, add_zero_attn=True), TypeError, "add_zero_attn is True"),  # type: ignore[call-arg]
        (lambda: tl.einsum("i,i", tensor([True]), tensor([True])), TypeError, "einsum: operands"),
        (lambda: tl.arange(3, 0), ValueError, "arange: step 1 does not lead from start 3 to end 0"),
    ],
)  # fmt: skip
def test_is_refused_by_one_line(call: Callable[[], Tensor], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_bounds_that_learn_get_their_gradients() -> None:
    x, low = tensor([-1.0, 0.5, 3.0], requires_grad=True), tensor(0.0, requires_grad=True)
    high = tensor([1.0, 1.0, 2.0], requires_grad=True)
    x.clamp(low, high).sum().backward()
    for given, expected in ((x, [0, 1, 0]), (low, 1), (high, [0, 0, 1])):
        assert given.grad is not None
        np.testing.assert_array_equal(given.grad.numpy(), expected)


def test_a_number_has_a_product_and_its_gradient() -> None:
    x = tensor(3.0, requires_grad=True)
    x.prod(0).backward()
    assert x.grad is not None
    assert x.grad.item() == 1


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("need_weights", [True, False])
def test_one_sequence_attends_as_in_a_batch_of_one(need_weights: bool) -> None:
    layer = nn.MultiheadAttention(4, 2, batch_first=True).double()
    x = Tensor(np.random.default_rng(0).standard_normal((3, 4)))
    later = ~np.tri(3, dtype=bool)
    alone, _ = layer(x, x, x, attn_mask=later, need_weights=need_weights)
    added, _ = layer(x, x, x, attn_mask=Tensor(np.where(later, -np.inf, 0.0)), need_weights=need_weights)
    (batch,), _ = layer(x[None], x[None], x[None], attn_mask=later, need_weights=need_weights)
    np.testing.assert_allclose(alone.numpy(), batch.numpy(), rtol=1e-14)
    np.testing.assert_allclose(added.numpy(), batch.numpy(), rtol=1e-12)
    with pytest.raises(TypeError, match="attn_mask must be boolean or floating point, got int64"):
        layer(x, x, x, attn_mask=np.zeros((3, 3), np.int64))
