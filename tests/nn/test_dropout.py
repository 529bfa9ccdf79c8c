"""Dropout and GaussianDropout: statistics, recorded noise, modes, limits."""

import numpy as np
import pytest

from tinygrad_lab import random
from tinygrad_lab.nn.dropout import Dropout, GaussianDropout
from tinygrad_lab.ops.dropout import dropout, gaussian_dropout
from tinygrad_lab.tensor import Tensor

ones = np.ones((400, 500))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("layer", [Dropout, GaussianDropout])
def test_noise_has_mean_one_and_variance_p_over_one_minus_p(layer: type, p: float) -> None:
    noise = layer(p, generator=random.generator(0))(Tensor(ones)).numpy()
    variance = p / (1 - p)
    assert abs(noise.mean() - 1) < 5 * (variance / noise.size) ** 0.5
    assert abs(noise.var() / variance - 1) < 0.03
    neighbours = np.corrcoef(noise.reshape(-1)[:-1], noise.reshape(-1)[1:])[0, 1]
    assert abs(neighbours) < 5 / noise.size**0.5


def test_dropout_keeps_or_drops() -> None:
    values = dropout(Tensor(ones), 0.2, generator=random.generator(0)).numpy()
    np.testing.assert_array_equal(np.unique(values), [0.0, 1 / 0.8])
    assert abs((values == 0).mean() - 0.2) < 0.005


@pytest.mark.parametrize("layer", [Dropout, GaussianDropout])
def test_backward_uses_the_noise_of_the_forward(layer: type) -> None:
    x = Tensor(ones, requires_grad=True)
    with random.record_draws() as draws:
        y = layer(0.3, generator=random.generator(1))(x)
        y.backward(ones)
    assert len(draws) == 1
    np.testing.assert_array_equal(x.grad.numpy(), y.numpy())
    noise = draws[0] / 0.7 if layer is Dropout else 1 + (0.3 / 0.7) ** 0.5 * draws[0]
    np.testing.assert_allclose(y.numpy(), noise, rtol=1e-15)


@pytest.mark.parametrize("layer", [Dropout, GaussianDropout])
def test_evaluation_is_the_identity_and_draws_nothing(layer: type) -> None:
    x = Tensor(ones)
    with random.record_draws() as draws:
        assert layer(0.5).eval()(x) is x
        np.testing.assert_array_equal(layer(0.0)(x).numpy(), ones)
    assert draws == []


def test_everything_dropped() -> None:
    x = Tensor(ones, requires_grad=True)
    with random.record_draws() as draws:
        y = Dropout(1.0)(x)
        y.backward(ones)
    assert not y.numpy().any()
    assert not x.grad.numpy().any()
    assert draws == []


@pytest.mark.parametrize("function", [dropout, gaussian_dropout])
def test_the_unchanged_output_has_its_own_memory(function) -> None:
    x = Tensor(ones)
    y = function(x, 0.5, False)
    x.writable()[:] = 7
    np.testing.assert_array_equal(y.numpy(), ones)


@pytest.mark.parametrize("layer", [Dropout, GaussianDropout])
def test_layers_own_their_generator(layer: type) -> None:
    first, again = (layer(0.5, generator=random.generator(3)) for _ in range(2))
    a, b = first(Tensor(ones)).numpy(), again(Tensor(ones)).numpy()
    np.testing.assert_array_equal(a, b)
    assert (first(Tensor(ones)).numpy() != a).any()
    assert (layer(0.5)(Tensor(ones)).numpy() != layer(0.5)(Tensor(ones)).numpy()).any()


@pytest.mark.parametrize("bits", [np.random.SFC64, np.random.PCG64, np.random.MT19937, np.random.Philox])
def test_bernoulli_from_any_bit_generator(bits: type) -> None:
    draws = random.bernoulli(np.random.Generator(bits(0)), (1001, 33), 0.3, np.dtype(np.float32))
    assert draws.dtype == np.float32
    assert abs(draws.mean() - 0.3) < 0.015


def test_bad_input_is_named() -> None:
    x = Tensor([1.0])
    for p in (-0.1, 1.1):
        with pytest.raises(ValueError, match=rf"dropout: p must be in \[0, 1\], got {p}"):
            dropout(x, p, generator=random.generator(0))
        with pytest.raises(ValueError, match=rf"Dropout: p must be in \[0, 1\], got {p}"):
            Dropout(p)
    with pytest.raises(ValueError, match=r"gaussian_dropout: p must be in \[0, 1\), got 1"):
        gaussian_dropout(x, 1.0, generator=random.generator(0))
    for function in (dropout, gaussian_dropout):
        with pytest.raises(ValueError, match=f"{function.info.name}: training needs a generator"):
            function(x, 0.5)
