"""The error function and the normal distribution's CDF, which NumPy lacks.

Both come from one smooth function, g(u) = exp(u²) erfc(u), which falls from 1 to about 1/(u √π).  It is a ratio of two
polynomials with positive coefficients only, so nothing cancels.  The coefficients were fitted here by weighted least
squares in 50 digits: relative error 5e-17 on [0, 27] (float64) and 6e-9 on [0, 10] (float32).

The CDF in float32, where GELU needs it for every element of a Transformer's widest layer, has a shorter way: erf is a
tanh whose argument is bent a little, and NumPy's tanh is fast.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.typing import Array, Backward, Gradients, Needs

CHUNK = 1 << 15  # elements worked on at a time, so that a chain of passes stays in the cache
ERFC_VANISHES = 40.0  # exp(-u²) is 0 in float64 from here on

# constant term first
_SINGLE = (
    (1.00000000563446877, 1.2376125958388082, 0.730769566435722152, 0.228821395243114336, 0.0327132537492380244),
    (1.0, 2.36599233193109065, 2.40049682084993141, 1.32381081627897927, 0.405602169711542436, 0.0579820194941490347),
)
_DOUBLE = (
    (
        0.999999999999999951, 2.19015523390684103, 2.37307313542848771, 1.63356993144473298, 0.779600585487943917,
        0.266395855335932377, 0.0651703574557095632, 0.0110439957895034671, 0.00118534310918508615,
        0.0000622822575443847541,
    ),
    (
        1.0, 3.31853440100233989, 5.1176382188099336, 4.84192465933203902, 3.12186600326985464, 1.43851123392568065,
        0.48190665341771828, 0.116561933883752363, 0.0196301690834780123, 0.0021009659584677925,
        0.000110392427227990469,
    ),
)  # fmt: skip

# erf(u) = 2/√π u exp(-u²) Σ (2u²)^k / (2k+1)!!, used below 1/2 where 1 - erfc(u) would cancel
_NEAR_ZERO = [2 / math.sqrt(math.pi) * 2**k / math.prod(range(1, 2 * k + 2, 2)) for k in range(14)]


# erf(x / √2) = tanh(x p(x²)): p fitted here with the least largest error, 6e-8; it grows without end, as it must
_TANH = (
    0.797884941452042, 0.0363330846016688, -3.25949988849066e-5, -5.53061872713830e-5, 3.96474365554835e-6,
    -1.32263300213835e-7, 1.75617015257450e-9,
)  # fmt: skip


def in_chunks(function: Callable[..., None], inputs: Sequence[np.ndarray], outputs: int) -> list[np.ndarray]:
    """Call ``function(*inputs, *outputs)``, which fills its outputs elementwise, on a cache-sized piece at a time."""
    shape, dtype, size = inputs[0].shape, inputs[0].dtype, inputs[0].size
    flat = [x.reshape(-1) for x in inputs] + [np.empty(size, dtype) for _ in range(outputs)]
    for start in range(0, size, CHUNK):
        function(*[x[start : start + CHUNK] for x in flat])
    return [result.reshape(shape) for result in flat[len(inputs) :]]


def polynomial(coefficients: list[float] | tuple[float, ...], x: np.ndarray) -> np.ndarray:
    """Evaluate a polynomial by Horner's rule, in place."""
    total: np.ndarray = np.multiply(x, coefficients[-1])
    total += coefficients[-2]
    for coefficient in reversed(coefficients[:-2]):
        total *= x
        total += coefficient
    return total


def scaled_erfc(u: np.ndarray) -> np.ndarray:
    """exp(u²) erfc(u) for u >= 0."""
    above, below = _SINGLE if u.dtype == np.float32 else _DOUBLE
    ratio = polynomial(above, u)
    ratio /= polynomial(below, u)
    return ratio


def normal_cdf(x: np.ndarray, cdf: np.ndarray, decay: np.ndarray) -> None:
    """Φ(x) and exp(-x²/2), to an absolute rounding error; both in one go because they share parts."""
    (_normal_cdf_single if x.dtype == np.float32 else _normal_cdf_double)(x, cdf, decay)


def _normal_cdf_single(x: np.ndarray, cdf: np.ndarray, decay: np.ndarray) -> None:
    with np.errstate(over="ignore"):  # an infinite argument of tanh and of exp is as good as a large one
        np.square(x, out=decay)
        np.multiply(polynomial(_TANH, decay), x, out=cdf)
    np.tanh(cdf, out=cdf)
    cdf *= 0.5
    cdf += 0.5
    decay *= -0.5
    np.exp(decay, out=decay)


def _normal_cdf_double(x: np.ndarray, cdf: np.ndarray, decay: np.ndarray) -> None:
    u = np.abs(x)
    u *= math.sqrt(0.5)
    np.minimum(u, ERFC_VANISHES, out=u)
    np.square(u, out=decay)
    np.negative(decay, out=decay)
    np.exp(decay, out=decay)
    half = scaled_erfc(u)  # becomes ½ - Φ(-|x|), then Φ(x) = ½ ± that
    half *= decay
    half *= -0.5
    half += 0.5
    np.copysign(half, x, out=cdf)
    cdf += 0.5


def erf_of(x: np.ndarray, y: np.ndarray) -> None:
    """erf(x), to a few rounding errors relative to the value."""
    u = np.minimum(np.abs(x), ERFC_VANISHES)
    decay = np.exp(-u * u)
    near = polynomial(_NEAR_ZERO, u * u)
    near *= u
    near *= decay
    far = scaled_erfc(u)
    far *= decay
    np.subtract(1.0, far, out=far)
    np.copyto(far, near, where=u < 0.5)
    np.copysign(far, x, out=y)


@operation(rule="dx = 2 / sqrt(pi) * exp(-(x**2)) * dy")
def erf(x: Float[Array, "*shape"]) -> tuple[Float[Array, "*shape"], Backward]:
    """y = 2/√π ∫₀ˣ exp(-t²) dt"""

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (2 / math.sqrt(math.pi) * np.exp(-np.square(x)) * dy,)

    return in_chunks(erf_of, [x], 1)[0], backward
