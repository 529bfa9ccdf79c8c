"""Local response normalisation: each channel divided by the activity of its neighbours (Krizhevsky 2012, section 3.3).

At every pixel, with x_c the channels there and window(c) the n channels around c, cut off at the first and the last,

    s_c = k + α/n Σ_{j ∈ window(c)} x_j²        y_c = x_c s_c^(-β).

x_i takes part in y_i directly, and through the s_c of every window that has it.  With ȳ the incoming gradient,

    x̄_i = ȳ_i s_i^(-β)  -  2 αβ/n x_i Σ_{c : i ∈ window(c)} ȳ_c y_c / s_c.

For odd n that last sum is over the very same window; for even n, where torch's window has one channel more below than
above, it is over the mirrored one.
"""

import math
from collections.abc import Iterator

import numpy as np

from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.ops.shapes import pad
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs

CHUNK = 1 << 16  # elements worked on at a time: the few arrays of this size stay in the cache


@operation(
    rule="""
    s = k + alpha / size * around(input**2, size)
    dinput = dy * s ** (-beta) - 2 * alpha * beta / size * input * around(dy * y / s, size, True)
    """,
)
def local_response_norm(
    input: Float[Array, "n c *positions"], size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> tuple[Float[Array, "n c *positions"], Backward]:
    """y_c = x_c / (k + α/n Σ_{j ∈ window(c)} x_j²)^β, over the channels at one pixel.    (N, C, *) -> (N, C, *)

    As in torch, α is divided by the size of the window: the paper's α = 1e-4 with n = 5 is ``alpha=5e-4`` here.

    Args:
        input: at least one axis follows the channels.
        size: n; the window goes from channel c - n // 2 to c + (n - 1) // 2, channels outside count as zero.
        alpha: α, how much the neighbours weigh.
        beta: β, the exponent.
        k: what is added to the neighbours' activity.

    Raises:
        ValueError: an ``input`` without positions; a ``size`` that is not an integer >= 1.
    """
    _check(input, size)
    x = _channels_outermost(input)
    below, above = size // 2, (size - 1) // 2
    y = np.empty(x.shape, x.dtype)

    def denominators(x: Array) -> Array:
        s = _sum_over_window(np.square(x), below, above)
        s *= alpha / size
        s += k
        return s

    for columns in _chunks(x):
        np.multiply(x[:, columns], _to_the_minus(beta, denominators(x[:, columns])), out=y[:, columns])

    def backward(needs: Needs, dy: Array) -> Gradients:
        dy = _channels_outermost(dy)
        dx = np.empty(x.shape, dy.dtype)
        for columns in _chunks(x):
            x_here, dy_here = x[:, columns], dy[:, columns]
            s = denominators(x_here)  # cheaper to find again than to keep
            direct = _to_the_minus(beta, s)
            direct *= dy_here
            through = np.divide(x_here, s, out=s)  # before the factor s^-β: that over s may vanish
            through *= direct
            through = _sum_over_window(through, above, below)
            through *= x_here
            through *= 2 * alpha * beta / size
            np.subtract(direct, through, out=dx[:, columns])
        return (_batch_first(dx, input.shape),)

    return _batch_first(y, input.shape), backward


@local_response_norm.define
def local_response_norm_definition(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """The squares, shifted by every offset of the window, are added up channel by channel."""
    _check(input, size)
    beside = (0, 0) * (input.ndim - 2)
    squares = pad(input.square(), (*beside, size // 2, (size - 1) // 2))
    activity = squares[:, : input.shape[1]]
    for offset in range(1, size):
        activity = activity + squares[:, offset : offset + input.shape[1]]
    return input / (k + alpha / size * activity) ** beta


def _check(input: Array | Tensor, size: int) -> None:
    if input.ndim < 3:
        raise ValueError(f"local_response_norm: input must be (N, C, *) with at least 3 axes, got {input.shape}")
    if not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(f"local_response_norm: size must be an integer >= 1, got {size!r}")


def _channels_outermost(x: Array) -> Array:
    """(N, C, *) -> (C, positions N), without a copy of what is laid out as convolutions do."""
    return x.transpose(*range(1, x.ndim), 0).reshape(x.shape[1], len(x) * math.prod(x.shape[2:]))


def _batch_first(y: Array, shape: tuple[int, ...]) -> Array:
    """The way back, to ``shape`` (N, C, *); a view."""
    return y.reshape(*shape[1:], shape[0]).transpose(-1, *range(len(shape) - 1))


def _chunks(x: Array) -> Iterator[slice]:
    """Columns of a (C, positions N) array, about ``CHUNK`` elements at a time."""
    step = max(1, CHUNK // max(1, len(x)))
    return (slice(start, start + step) for start in range(0, x.shape[1], step))


def _sum_over_window(x: Array, below: int, above: int) -> Array:
    """Row c becomes the sum of rows c - below ... c + above."""
    total = x.copy()
    for offset in range(1, min(below, len(x) - 1) + 1):
        total[offset:] += x[:-offset]
    for offset in range(1, min(above, len(x) - 1) + 1):
        total[:-offset] += x[offset:]
    return total


def _to_the_minus(beta: float, s: Array) -> Array:
    """s^(-β); for the paper's β = 3/4 as 1 / (√s √√s), several times faster than a power."""
    if beta != 0.75:
        return np.power(s, -beta)
    root = np.sqrt(s)
    scale = np.sqrt(root)
    scale *= root
    return np.divide(1, scale, out=scale)
