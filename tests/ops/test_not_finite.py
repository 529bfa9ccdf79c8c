"""NaN and infinity reach the outputs and gradients that they reach in torch, and no other.

One element of one argument, or of the incoming gradient, is made NaN, ∞ or -∞.  What is not finite after that must be
so in torch too, and the rest must have torch's values.  Where both are not finite, one may be NaN and the other
infinite, since ∞ - ∞ depends on the order in which things are added; but ∞ is never -∞.
"""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.numerics import relative_error, tolerance
from tests.ops.central import CENTRAL, Central, poisoned, run_ours, run_theirs
from tinygrad_lab import ops
from tinygrad_lab.ops.kernels import winograd
from tinygrad_lab.ops.kernels.sliding import Window
from tinygrad_lab.random import generator
from tinygrad_lab.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy, about NaN and infinity

INCOMING = -1  # the argument's number for the incoming gradient
EVERY = (np.nan, np.inf, -np.inf)

# What differs from torch: operation, argument, and why.  Each is said in the operation's docstring.
PADDING = "0 times NaN is NaN in the padding too; torch has algorithms that leave it out, and others"
STAMPS = "torch multiplies the weight by the zeros between the pixels"
DIVIDED = "torch divides the product by the factor"
SHARED = "NaN maxima share the gradient as in torch.max; in torch.amax they spoil the row"
MASKED = "a masked score of ∞ is left out; torch adds -∞ to it"
LATER = "the twin chooses, where the operation multiplies by weights of 0"
CLOSED = "a gate of 0 counts as exp(-10,000); the twin has ∞ - ∞"
DIFFERENT = {
    ("conv2d, padded", 1): PADDING,
    ("conv2d, padded", INCOMING): PADDING,
    ("conv_transpose2d", 1): STAMPS,
    ("prod", 0): DIVIDED,
    ("prod of rows", 0): DIVIDED,
    **{(name, argument): SHARED for name in ("amax of rows", "amin of rows") for argument in (0, INCOMING)},
    ("attention, causal", 0): MASKED,
    ("attention, masked", 0): MASKED,
    **{
        (name, argument): CLOSED if argument == 3 else LATER
        for name in ("forgetting_attention", "forgetting_attention, in blocks")
        for argument in (0, 1, 3, INCOMING)
    },
}


def both(row: Central, argument: int, value: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Outputs and gradients of both sides."""
    arrays = row.normal()
    if argument != INCOMING:
        arrays[argument] = poisoned(arrays[argument], value)
    incoming = value if argument == INCOMING else None
    sides = [run(row, arrays, poison=incoming) for run in (run_ours, run_theirs)]
    return list(zip(*sides, strict=True))


def assert_same_reach(mine: np.ndarray, other: np.ndarray) -> None:
    finite = np.isfinite(other)
    np.testing.assert_array_equal(np.isfinite(mine), finite)
    assert not ((mine == -other) & np.isinf(other)).any(), "∞ for -∞"
    assert relative_error(mine[finite], other[finite], 1.0) <= tolerance(np.dtype(np.float32), 512)


@pytest.mark.parametrize("row", CENTRAL, ids=lambda row: row.name)
def test_reaches_what_it_reaches_in_torch(row: Central) -> None:
    for argument in (*range(len(row.shapes)), INCOMING):
        if (row.name, argument) not in DIFFERENT:
            for value in EVERY:
                for mine, other in both(row, argument, value):
                    assert_same_reach(mine, other)


def test_what_is_said_to_differ_does() -> None:
    """An entry that is no longer true is to be taken out."""
    rows = {row.name: row for row in CENTRAL}
    for name, argument in DIFFERENT:
        pairs = [pair for value in EVERY for pair in both(rows[name], argument, value)]
        assert any((np.isfinite(a) != np.isfinite(b)).any() for a, b in pairs), (name, argument)


# ---- by name ---------------------------------------------------------------------------------------------------------


def reached(x: np.ndarray) -> int:
    return int((~np.isfinite(x)).sum())


@pytest.mark.parametrize("value", EVERY)
@pytest.mark.parametrize(("filters", "batch"), [(3, 2), (64, 8), (70, 2)], ids=["bands", "tiles", "rows"])
def test_a_pixel_reaches_the_outputs_of_its_windows(value: float, filters: int, batch: int) -> None:
    """Per filter 25 outputs of a 5 × 5 convolution, 75 of three filters (it was 120)."""
    x = np.ones((batch, 16, 15, 15), np.float32)
    x[0, 0, 7, 7] = value
    weight = np.ones((filters, 16, 5, 5), np.float32)
    window = Window((5, 5), (1, 1), (1, 1), 1)
    assert winograd.pays(x.transpose(1, 2, 3, 0), weight, window) == (batch == 8)
    assert reached(ops.conv2d(Tensor(x), Tensor(weight)).numpy()) == 25 * filters


def test_a_masked_out_key_has_no_influence() -> None:
    """No 0 × ∞.  (A value has: as in torch its weight of 0 is multiplied by it.)"""
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal((3, 4)).astype(np.float32) for _ in range(3))
    mask = np.array([True, False, True])
    expected = ops.scaled_dot_product_attention(*map(Tensor, (q, k, v)), Tensor(mask)).numpy()
    for value in EVERY:
        y = ops.scaled_dot_product_attention(Tensor(q), Tensor(poisoned(k, value)), Tensor(v), Tensor(mask))
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("function", ["softmax", "log_softmax", "logsumexp"])
@pytest.mark.parametrize("values", [[-np.inf] * 3, [-np.inf, 0, 1], [np.inf, 0, 1], [np.inf, np.inf, 0]])
def test_rows_with_infinities(function: str, values: list[float]) -> None:
    row = Central("", lambda x: getattr(ops, function)(x, -1), lambda x: getattr(torch, function)(x, -1), ((2, 3),))
    arrays = [np.array([values, [1.0, 2.0, 3.0]], np.float32)]
    for mine, other in zip(run_ours(row, arrays), run_theirs(row, arrays), strict=True):
        assert_same_reach(mine, other)


def test_slopes_at_nan() -> None:
    """relu passes the gradient on, clamp and abs do not: torch's rules."""
    for function, slope in ((ops.relu, 1), (ops.abs, 0), (lambda x: ops.clamp(x, 0.0), 0), (ops.amax, 1)):
        x = Tensor(np.array([np.nan], np.float32), requires_grad=True)
        function(x).backward(np.ones(1) if function(x).ndim else None)
        assert x.grad.numpy() == slope


@pytest.mark.parametrize("value", EVERY)
def test_nan_in_a_window_is_its_maximum(value: float) -> None:
    x = poisoned(np.arange(36, dtype=np.float32).reshape(1, 1, 6, 6), value)
    theirs = F.max_pool2d(torch.from_numpy(x), 3, 1, 1).numpy()
    np.testing.assert_array_equal(ops.max_pool2d(Tensor(x), 3, 1, 1).numpy(), theirs)


def test_dropped_infinity_is_nan() -> None:
    """0 × ∞, as in torch."""
    x = Tensor(np.full(100, np.inf, np.float32))
    y = ops.dropout(x, 0.5, True, generator=generator(0)).numpy()
    assert set(np.isnan(y)) == {True, False}
    assert np.isposinf(y[~np.isnan(y)]).all()
    torch.manual_seed(0)
    assert torch.nn.functional.dropout(torch.full((100,), torch.inf)).isnan().any()


LOSSES = [row for row in CENTRAL if "entropy" in row.name or row.name.endswith("_loss")]


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row.name)
def test_a_loss_with_an_incoming_gradient_of_0_has_gradients_of_0(row: Central) -> None:
    tensors = [Tensor(array, requires_grad=True) for array in row.normal()]
    row.ours(*tensors).backward(np.zeros(()))
    assert all((tensor.grad.numpy() == 0).all() for tensor in tensors)
