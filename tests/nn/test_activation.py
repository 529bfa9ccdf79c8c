"""Activation modules, and the functions at the ends of the number line."""

import numpy as np
import pytest
import torch

from tests.nn.twins import assert_twins
from tests.numerics import relative_error
from tinygrad_lab.nn import activation as nn
from tinygrad_lab.ops import activation as ops
from tinygrad_lab.ops.erf import erf
from tinygrad_lab.tensor import Tensor

LAYERS = [
    ("ReLU", {}),
    ("LeakyReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.3}),
    ("ELU", {}),
    ("ELU", {"alpha": 0.5}),
    ("Mish", {}),
    ("Sigmoid", {}),
    ("Tanh", {}),
    ("SiLU", {}),
    ("GELU", {}),
    ("GELU", {"approximate": "tanh"}),
    ("Softplus", {}),
    ("Softplus", {"beta": 2.0, "threshold": 1.0}),
    ("Softmax", {"dim": 1}),
    ("LogSoftmax", {"dim": -1}),
]


@pytest.mark.parametrize(("name", "options"), LAYERS)
def test_layer_equals_torch(name: str, options: dict) -> None:
    assert_twins(getattr(nn, name)(**options), getattr(torch.nn, name)(**options), (2, 3, 4))


@pytest.mark.parametrize(
    "name", ["relu", "leaky_relu", "elu", "sigmoid", "tanh", "silu", "mish", "gelu", "softplus", "logsigmoid"]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("error")
def test_extreme_values_and_zero(name: str, dtype: type) -> None:
    x = np.array([-1e4, -100, -30, -0.0, 0.0, 30, 100, 1e4], dtype)
    ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    mine, other = getattr(ops, name)(ours), getattr(torch.nn.functional, name)(theirs)
    mine.sum().backward()
    other.sum().backward()
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(mine.numpy(), other.detach().numpy(), rtol=8 * eps, atol=8 * eps)
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=8 * eps, atol=8 * eps)


def test_erf_is_exact_to_a_few_rounding_errors() -> None:
    x = np.concatenate([np.linspace(-7, 7, 20001), np.geomspace(1e-300, 1, 2000), [np.inf, -np.inf, 0.0]])
    exact = torch.special.erf(torch.tensor(x)).numpy()
    np.testing.assert_allclose(erf(Tensor(x)).numpy(), exact, rtol=1e-15, atol=0)
    single = x.astype(np.float32)
    exact = torch.special.erf(torch.tensor(single, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(erf(Tensor(single)).numpy(), exact, rtol=5e-7, atol=1e-44)
    assert np.isnan(erf(Tensor(np.array([np.nan]))).numpy()).all()


def test_arrays_longer_than_a_chunk() -> None:
    x = np.random.default_rng(0).standard_normal((3, 40_001))
    expected = torch.nn.functional.gelu(torch.tensor(x)).numpy()
    assert relative_error(ops.gelu(Tensor(x)).numpy(), expected) < 1e-15


def test_masked_softmax_follows_torch() -> None:
    x = np.array([[0.0, -np.inf, 1.0], [-np.inf, -np.inf, -np.inf], [1e4, -1e4, 0.0]])
    for name in ("softmax", "log_softmax"):
        ours = getattr(Tensor(x), name)(-1).numpy()
        assert relative_error(ours, getattr(torch.nn.functional, name)(torch.tensor(x), -1).numpy()) < 1e-15
        assert np.isnan(ours[1]).all()


def test_gelu_in_float32_is_exact_to_a_rounding_error_of_the_cdf() -> None:
    x = np.concatenate([np.linspace(-7, 7, 100_001), [-1e30, -40, 40, 1e30]]).astype(np.float32)
    wide = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    exact = torch.nn.functional.gelu(wide)
    exact.sum().backward()
    mine = Tensor(x, requires_grad=True)
    y = ops.gelu(mine)
    y.backward(np.ones(x.shape))
    size = np.maximum(np.abs(x), 1)
    assert (np.abs(y.numpy() - exact.detach().numpy()) / size).max() < 2e-7
    assert np.abs(mine.grad.numpy() - wide.grad.numpy())[:-4].max() < 4e-7


def test_an_unknown_form_of_gelu() -> None:
    with pytest.raises(ValueError, match="approximate must be 'none' or 'tanh', got 'erf'"):
        ops.gelu(Tensor([1.0]), "erf")


@pytest.mark.parametrize("layer", [nn.ReLU, nn.Sigmoid, nn.Tanh, nn.SiLU, nn.Mish])
def test_layers_without_settings_are_refused_in_their_own_name(layer: type) -> None:
    layer(inplace=False)
    with pytest.raises(TypeError, match=f"{layer.__name__}: inplace is True, it must be False here"):
        layer(inplace=True)
    with pytest.raises(TypeError, match=f"{layer.__name__}: too many positional arguments"):
        layer(True)
