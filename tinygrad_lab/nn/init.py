"""Initial values of parameters, with torch.nn.init's names, arguments and defaults.

Every function writes into the tensor it is given, outside the graph, and returns it.  The random ones draw from
``generator``; without one from that of the block ``with random.initialising(generator):`` around them, and outside of
all from a fresh one seeded by the system, because there is no global one.
"""

from __future__ import annotations

import math

import numpy as np

from tinygrad_lab import random
from tinygrad_lab.modes import no_grad
from tinygrad_lab.ops.gate import gated
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Generator

Number = float | int


# ---- fixed values and plain distributions ---------------------------------------------------------------------------


@gated
def constant_(tensor: Tensor, val: Number) -> Tensor:
    """Set every element to ``val``."""
    return _write(tensor, np.asarray(val))


@gated
def zeros_(tensor: Tensor) -> Tensor:
    """Set every element to 0."""
    return constant_(tensor, 0.0)


@gated
def ones_(tensor: Tensor) -> Tensor:
    """Set every element to 1."""
    return constant_(tensor, 1.0)


@gated
def uniform_(tensor: Tensor, a: Number = 0.0, b: Number = 1.0, generator: Generator | None = None) -> Tensor:
    """Draw the elements from U[a, b)."""
    if a > b:
        raise ValueError(f"uniform_: a must be at most b, got a={a}, b={b}")
    draws = _generator(generator).random(tensor.shape, _draw_dtype(tensor))
    return _write(tensor, draws * (b - a) + a)


@gated
def normal_(tensor: Tensor, mean: Number = 0.0, std: Number = 1.0, generator: Generator | None = None) -> Tensor:
    """Draw the elements from N(mean, std²)."""
    if std < 0:
        raise ValueError(f"normal_: std must be at least 0, got {std}")
    draws = _generator(generator).standard_normal(tensor.shape, _draw_dtype(tensor))
    return _write(tensor, draws * std + mean)


@gated
def trunc_normal_(
    tensor: Tensor,
    mean: Number = 0.0,
    std: Number = 1.0,
    a: Number = -2.0,
    b: Number = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Draw the elements from N(mean, std²); those outside [a, b] are drawn again.

    Raises:
        ValueError: an interval that holds less than a thousandth of the distribution, or a ``std`` of 0 or less.
    """
    if not std > 0:
        raise ValueError(f"trunc_normal_: std must be positive, got {std}")
    low, high = (a - mean) / std, (b - mean) / std
    if _normal_cdf(high) - _normal_cdf(low) < 1e-3:
        raise ValueError(f"trunc_normal_: [{a}, {b}] holds less than 0.001 of N(mean={mean}, std={std})")
    rng = _generator(generator)
    draws: Array = rng.standard_normal(tensor.numel(), _draw_dtype(tensor))
    while (outside := np.flatnonzero((draws < low) | (draws > high))).size:
        draws[outside] = rng.standard_normal(outside.size, draws.dtype)
    return _write(tensor, np.clip(draws * std + mean, a, b).reshape(tensor.shape))  # rounding may step over a bound


# ---- scaled by the shape --------------------------------------------------------------------------------------------


@gated
def xavier_uniform_(tensor: Tensor, gain: Number = 1.0, generator: Generator | None = None) -> Tensor:
    """Draw from U[-b, b) with b = gain √(6 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


@gated
def xavier_normal_(tensor: Tensor, gain: Number = 1.0, generator: Generator | None = None) -> Tensor:
    """Draw from N(0, std²) with std = gain √(2 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


@gated
def kaiming_uniform_(
    tensor: Tensor,
    a: Number = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Draw from U[-b, b) with b = gain √(3 / fan) (He et al. 2015); leaky ReLU has slope ``a``."""
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


@gated
def kaiming_normal_(
    tensor: Tensor,
    a: Number = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Draw from N(0, std²) with std = gain / √fan (He et al. 2015); leaky ReLU has slope ``a``."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


@gated
def orthogonal_(tensor: Tensor, gain: Number = 1, generator: Generator | None = None) -> Tensor:
    """Make the rows (or columns, if fewer) orthonormal, times ``gain`` (Saxe et al. 2014).

    Dimensions after the first count as columns.
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: needs at least 2 dimensions, got shape {tensor.shape}")
    rows = tensor.shape[0]
    flat = _generator(generator).standard_normal((rows, tensor.numel() // rows))
    q, r = np.linalg.qr(flat.T if rows < flat.shape[1] else flat)
    q *= np.copysign(1.0, np.diagonal(r))  # without the signs q is not uniform among orthogonal matrices
    return _write(tensor, gain * (q.T if rows < flat.shape[1] else q).reshape(tensor.shape))


def calculate_gain(nonlinearity: str, param: Number | None = None) -> float:
    """Return how much larger weights must be to keep the variance through a nonlinearity.

    Args:
        nonlinearity: ``linear``, ``conv1d``, ``conv2d``, ``conv3d``, ``sigmoid``, ``tanh``, ``relu``, ``leaky_relu``
            or ``selu``.
        param: the negative slope of ``leaky_relu``, 0.01 if left out.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1.0 + slope**2))
    if nonlinearity not in _GAINS:
        known = ", ".join(sorted([*_GAINS, "leaky_relu"]))
        raise ValueError(f"calculate_gain: nonlinearity must be one of {known}, got {nonlinearity!r}")
    return _GAINS[nonlinearity]


_GAINS = {
    **dict.fromkeys(["linear", "conv1d", "conv2d", "conv3d", "sigmoid"], 1.0),
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 0.75,
}


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """Inputs and outputs of one unit.    (out, in, *kernel) -> in × |kernel|, out × |kernel|"""
    if tensor.ndim < 2:
        raise ValueError(f"fan_in and fan_out need at least 2 dimensions, got shape {tensor.shape}")
    receptive_field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive_field, tensor.shape[0] * receptive_field


# ---- parts ----------------------------------------------------------------------------------------------------------


def _xavier_std(tensor: Tensor, gain: Number) -> float:
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return gain * math.sqrt(2.0 / (fan_in + fan_out))


def _kaiming_std(tensor: Tensor, a: Number, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"kaiming: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan_in if mode == "fan_in" else fan_out)


def _normal_cdf(x: float) -> float:
    return 0.5 * (1.0 + math.erf(x / math.sqrt(2.0)))


def _generator(given: Generator | None) -> Generator:
    return random.ambient() if given is None else given


def _draw_dtype(tensor: Tensor) -> type[np.float32] | type[np.float64]:
    if tensor.dtype.kind != "f":
        raise TypeError(f"init: random values need a floating point tensor, got {tensor.dtype}")
    return np.float64 if tensor.dtype == np.float64 else np.float32


def _write(tensor: Tensor, values: Array) -> Tensor:
    with no_grad():
        tensor.writable()[...] = values
    return tensor
