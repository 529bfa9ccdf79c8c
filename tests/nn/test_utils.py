"""Clipping equals torch's."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.numerics import relative_error
from tinygrad_lab.creation import from_numpy
from tinygrad_lab.nn.module import Parameter
from tinygrad_lab.nn.utils import clip_grad_norm_, clip_grad_value_, parameters_to_vector, vector_to_parameters
from tinygrad_lab.tensor import Tensor

SHAPES = [(3, 4), (5,), (), (2, 2, 3)]


def with_gradients(seed: int, dtype: type = np.float64) -> tuple[list[Parameter], list[torch.nn.Parameter]]:
    """The same gradients on both sides; one parameter has none, one gradient is laid out column by column."""
    rng = np.random.default_rng(seed)
    ours, theirs = [Parameter(np.ones(7))], [torch.nn.Parameter(torch.ones(7))]
    for shape in SHAPES:
        gradient = rng.standard_normal(shape).astype(dtype)
        ours.append(Parameter(np.ones(shape, dtype)))
        theirs.append(torch.nn.Parameter(torch.ones(shape, dtype=torch.tensor(gradient).dtype)))
        ours[-1].grad = from_numpy(np.array(gradient, order="F"))
        theirs[-1].grad = torch.tensor(gradient)
    return ours, theirs


@pytest.mark.parametrize(("dtype", "bound"), [(np.float64, 1e-12), (np.float32, 1e-6)])
@given(
    seed=st.integers(0, 99),
    max_norm=st.sampled_from([1e-9, 0.1, 1, 3.0, 100.0]),
    norm_type=st.sampled_from([2, 2.0, 1, 3, 0.5, math.inf]),
)
def test_norm(dtype: type, bound: float, seed: int, max_norm: float, norm_type: float) -> None:
    ours, theirs = with_gradients(seed, dtype)
    norm = clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert norm.dtype == dtype
    assert norm.item() == pytest.approx(expected.item(), rel=bound)
    assert ours[0].grad is None
    for p, q in zip(ours[1:], theirs[1:], strict=True):
        assert p.grad.dtype == dtype
        assert relative_error(p.grad.numpy(), q.grad.numpy()) <= bound


def test_the_1e_6_below_the_line() -> None:
    ours = Parameter(np.ones(1))
    ours.grad = from_numpy(np.array([1e-6]))
    clip_grad_norm_(ours, 1e-6)
    assert ours.grad.item() == pytest.approx(0.5e-6)


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_not_finite(odd: float) -> None:
    ours, theirs = with_gradients(0)
    ours[1].grad.writable()[0, 0] = odd
    theirs[1].grad[0, 0] = odd
    with pytest.raises(RuntimeError, match=r"the norm of the gradients is (nan|inf)"):
        clip_grad_norm_(ours, 1.0, error_if_nonfinite=True)
    clip_grad_norm_(ours, 1.0)
    torch.nn.utils.clip_grad_norm_(theirs, 1.0)
    for p, q in zip(ours[1:], theirs[1:], strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), q.grad.numpy())


def test_no_gradient_at_all() -> None:
    assert clip_grad_norm_([Parameter(np.ones(2))], 1.0).item() == 0.0
    assert clip_grad_norm_(iter([]), 1.0).item() == 0.0


def test_value() -> None:
    ours, theirs = with_gradients(1)
    clip_grad_value_(iter(ours), 0.4)
    torch.nn.utils.clip_grad_value_(theirs, 0.4)
    for p, q in zip(ours[1:], theirs[1:], strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), q.grad.numpy())


@pytest.mark.parametrize("norm_type", [0, -1, math.nan])
def test_refuses_other_norms(norm_type: float) -> None:
    with pytest.raises(ValueError, match="norm_type must be positive"):
        clip_grad_norm_([], 1.0, norm_type)


def test_parameters_as_one_vector_and_back() -> None:
    mine, other = with_gradients(3)
    vector = parameters_to_vector(mine)
    np.testing.assert_array_equal(vector.numpy(), torch.nn.utils.parameters_to_vector(other).detach().numpy())
    expected = [p.grad.numpy() + 2 if p.grad is not None else np.full(p.shape, 2.0) for p in mine]
    (vector * 2).sum().backward()
    for parameter, gradient in zip(mine, expected, strict=True):
        np.testing.assert_array_equal(parameter.grad.numpy(), gradient)
    arrays = [parameter._data for parameter in mine]
    vector_to_parameters(vector.detach() * 3, iter(mine))
    for parameter, array, theirs in zip(mine, arrays, other, strict=True):
        assert parameter._data is array
        np.testing.assert_array_equal(parameter.numpy(), 3 * theirs.detach().numpy())
    with pytest.raises(ValueError, match=r"vec has shape \(3,\), the parameters have 37 elements"):
        vector_to_parameters(Tensor(np.zeros(3)), mine)
