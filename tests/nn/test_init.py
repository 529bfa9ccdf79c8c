"""Initial values: bounds and spreads are torch's formulas, drawn from the generator that was given."""

import inspect
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from tinygrad_lab.nn import init
from tinygrad_lab.random import generator
from tinygrad_lab.tensor import Tensor

SHAPES = [(300, 200), (40, 30, 7, 5), (64, 10, 31)]


def empty(shape: tuple[int, ...], dtype: type = np.float64) -> Tensor:
    return Tensor(np.full(shape, np.nan, dtype), requires_grad=True)


RANDOM = [
    init.uniform_,
    init.normal_,
    init.trunc_normal_,
    init.xavier_uniform_,
    init.xavier_normal_,
    init.kaiming_uniform_,
    init.kaiming_normal_,
    init.orthogonal_,
]


@pytest.mark.parametrize("function", RANDOM, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_writes_in_place_and_repeats_with_the_generator(function: Callable, dtype: type) -> None:
    tensor = empty((6, 5), dtype)
    array, version = tensor._data, tensor._version[0]
    assert function(tensor, generator=generator(3)) is tensor
    assert tensor._data is array
    assert tensor.dtype == dtype
    assert tensor._version[0] > version
    assert np.isfinite(array).all()
    again = function(empty((6, 5), dtype), generator=generator(3))
    np.testing.assert_array_equal(again.numpy(), tensor.numpy())
    other = function(empty((6, 5), dtype))
    assert not np.array_equal(other.numpy(), tensor.numpy())


@pytest.mark.parametrize("function", [*RANDOM, init.constant_, init.zeros_, init.ones_, init.calculate_gain])
def test_signature_is_torchs(function: Callable) -> None:
    ours = {n: p.default for n, p in inspect.signature(function).parameters.items()}
    theirs = {n: p.default for n, p in inspect.signature(getattr(torch.nn.init, function.__name__)).parameters.items()}
    ours.setdefault("generator", None)
    theirs.setdefault("generator", None)
    assert ours == theirs


def test_fixed_values() -> None:
    assert init.constant_(empty((2, 2)), 3).tolist() == [[3, 3], [3, 3]]
    assert init.zeros_(empty((2,))).tolist() == [0, 0]
    assert init.ones_(empty((2,))).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("name", "param"), [*[(n, None) for n in [*init._GAINS, "leaky_relu"]], ("leaky_relu", 0.3), ("leaky_relu", 0)]
)
def test_gain_equals_torch(name: str, param: float | None) -> None:
    assert init.calculate_gain(name, param) == pytest.approx(torch.nn.init.calculate_gain(name, param), rel=1e-15)


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 5), (6, 2, 3, 3)])
def test_fans_equal_torch(shape: tuple[int, ...]) -> None:
    expected = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    assert init._calculate_fan_in_and_fan_out(empty(shape)) == expected


def assert_uniform(values: np.ndarray, low: float, high: float) -> None:
    """Inside the interval, reaching its ends, mean and standard deviation within 5 standard errors."""
    n, width = values.size, high - low
    assert low <= values.min() < low + 10 * width / n
    assert high - 10 * width / n < values.max() <= high
    assert abs(values.mean() - (low + high) / 2) < 5 * width / math.sqrt(12 * n)
    assert values.std() == pytest.approx(width / math.sqrt(12), rel=5 / math.sqrt(n))


def assert_normal(values: np.ndarray, mean: float, std: float) -> None:
    """Mean, standard deviation and the share within one standard deviation, within 5 standard errors."""
    n = values.size
    assert abs(values.mean() - mean) < 5 * std / math.sqrt(n)
    assert values.std() == pytest.approx(std, rel=5 / math.sqrt(2 * n))
    assert np.mean(np.abs(values - mean) < std) == pytest.approx(0.6827, abs=5 * 0.47 / math.sqrt(n))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("mode", "gain", "options"), [
    ("fan_in", math.sqrt(2), {}),
    ("fan_out", math.sqrt(2), {"mode": "fan_out"}),
    ("fan_in", math.sqrt(2 / 6), {"a": math.sqrt(5)}),
    ("fan_out", 5 / 3, {"mode": "fan_out", "nonlinearity": "tanh"}),
])  # fmt: skip
def test_kaiming(shape: tuple[int, ...], mode: str, gain: float, options: dict) -> None:
    fan_in, fan_out = init._calculate_fan_in_and_fan_out(empty(shape))
    std = gain / math.sqrt({"fan_in": fan_in, "fan_out": fan_out}[mode])
    assert_normal(init.kaiming_normal_(empty(shape), **options, generator=generator(0)).numpy(), 0, std)
    bound = math.sqrt(3) * std
    assert_uniform(init.kaiming_uniform_(empty(shape), **options, generator=generator(0)).numpy(), -bound, bound)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("gain", [1.0, 5 / 3])
def test_xavier(shape: tuple[int, ...], gain: float) -> None:
    std = gain * math.sqrt(2 / sum(init._calculate_fan_in_and_fan_out(empty(shape))))
    assert_normal(init.xavier_normal_(empty(shape), gain, generator(1)).numpy(), 0, std)
    bound = math.sqrt(3) * std
    assert_uniform(init.xavier_uniform_(empty(shape), gain, generator(1)).numpy(), -bound, bound)


def test_uniform_and_normal() -> None:
    assert_uniform(init.uniform_(empty((50_000,)), -3, 1, generator(2)).numpy(), -3, 1)
    assert_normal(init.normal_(empty((50_000,)), 2.0, 0.3, generator(2)).numpy(), 2.0, 0.3)
    assert init.normal_(empty((4,)), 2.0, 0.0).tolist() == [2.0] * 4


def test_trunc_normal_has_torchs_bounds_and_spread() -> None:
    options = {"mean": 0.5, "std": 2.0, "a": -1.0, "b": 1.5}
    ours = init.trunc_normal_(empty((50_000,)), **options, generator=generator(3)).numpy()
    torch.manual_seed(0)
    theirs = torch.nn.init.trunc_normal_(torch.empty(50_000, dtype=torch.float64), **options).numpy()
    assert -1.0 <= ours.min() < -0.99
    assert 1.49 < ours.max() <= 1.5
    for statistic in (np.mean, np.std, lambda x: np.quantile(x, 0.1), lambda x: np.quantile(x, 0.7)):
        assert statistic(ours) == pytest.approx(statistic(theirs), abs=0.03)


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (5, 5), (3, 2, 2, 2), (8, 1, 2, 2)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    w = init.orthogonal_(empty(shape), gain=2.0, generator=generator(4)).numpy().reshape(shape[0], -1)
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_orthogonal_matrices_point_everywhere() -> None:
    rng = generator(5)
    corners = [init.orthogonal_(empty((3, 3)), generator=rng).numpy()[0, 0] for _ in range(300)]
    assert abs(np.mean(corners)) < 5 * math.sqrt(1 / 3 / 300)


def test_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="a must be at most b, got a=1, b=0"):
        init.uniform_(empty((2,)), 1, 0)
    with pytest.raises(ValueError, match="std must be at least 0, got -1"):
        init.normal_(empty((2,)), 0, -1)
    with pytest.raises(ValueError, match=r"\[50.0, 60.0\] holds less than 0.001"):
        init.trunc_normal_(empty((2,)), a=50.0, b=60.0)
    with pytest.raises(ValueError, match="trunc_normal_: std must be positive, got 0"):
        init.trunc_normal_(empty((2,)), std=0)
    with pytest.raises(ValueError, match="mode must be 'fan_in' or 'fan_out', got 'fan'"):
        init.kaiming_normal_(empty((2, 2)), mode="fan")
    with pytest.raises(ValueError, match=r"need at least 2 dimensions, got shape \(2,\)"):
        init.xavier_uniform_(empty((2,)))
    with pytest.raises(ValueError, match="orthogonal_: needs at least 2 dimensions"):
        init.orthogonal_(empty((2,)))
    with pytest.raises(ValueError, match=r"nonlinearity must be one of .*tanh.*, got 'swish'"):
        init.calculate_gain("swish")
    with pytest.raises(TypeError, match="need a floating point tensor, got int64"):
        init.uniform_(Tensor(np.zeros(2, np.int64)))
