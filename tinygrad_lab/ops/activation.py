"""Nonlinearities, elementwise: y = f(x), x̄ = f'(x) ȳ."""

import math

import numpy as np

from tinygrad_lab.ops.elementwise import floating
from tinygrad_lab.ops.erf import erf, in_chunks, normal_cdf
from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.kernels.selection import selected
from tinygrad_lab.ops.operation import Bool, Float, Num, operation
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs

Elementwise = tuple[Float[Array, "*shape"], Backward]

# ---- piecewise linear -----------------------------------------------------------------------------------------------


@operation(rule="dinput = (input > 0) * dy")
def relu(input: Num[Array, "*shape"]) -> tuple[Num[Array, "*shape"], Backward]:
    """y = max(x, 0); the derivative at 0 is 0, and at NaN, which stays NaN, it is 1, as in torch."""
    y = np.maximum(input, 0, out=np.empty_like(input))

    def backward(needs: Needs, dy: Array) -> Gradients:
        alive = np.less_equal(y, 0, out=np.empty_like(y, bool))
        return (selected(dy, np.logical_not(alive, out=alive)),)

    return y, backward


@operation(rule="dinput = ((input > 0) + negative_slope * (input <= 0)) * dy")
def leaky_relu(input: Float[Array, "*shape"], negative_slope: float = 0.01) -> Elementwise:
    """y = x where x > 0, else negative_slope x; the derivative at 0 is negative_slope."""
    one, slope = input.dtype.type(1), input.dtype.type(negative_slope)
    slopes = np.where(input > 0, one, slope)

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (slopes * dy,)

    return np.asarray(slopes * input), backward


# ---- sigmoid and tanh -----------------------------------------------------------------------------------------------


def logistic(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)): where the exponential overflows, the quotient is the right 0."""
    y = np.empty_like(x)
    np.negative(x, out=y)
    with np.errstate(over="ignore"):
        np.exp(y, out=y)
    y += 1
    np.divide(1, y, out=y)
    return y


@operation(rule="dinput = y * (1 - y) * dy")
def sigmoid(input: Num[Array, "*shape"] | Bool[Array, "*shape"]) -> Elementwise:
    """y = 1 / (1 + exp(-x))"""
    y = logistic(np.asarray(floating(input)))

    def backward(needs: Needs, dy: Array) -> Gradients:
        dx = np.subtract(1, y, out=np.empty_like(y))
        dx *= y
        dx *= dy
        return (dx,)

    return y, backward


@operation(rule="dinput = (1 - y**2) * dy")
def tanh(input: Num[Array, "*shape"] | Bool[Array, "*shape"]) -> Elementwise:
    """y = tanh(x)"""
    input = floating(input)
    y = np.tanh(input, out=np.empty_like(input))

    def backward(needs: Needs, dy: Array) -> Gradients:
        dx = np.multiply(y, y, out=np.empty_like(y))
        np.subtract(1, dx, out=dx)
        dx *= dy
        return (dx,)

    return y, backward


@operation(rule="dinput = ((input > 0) + alpha * exp(input) * (input <= 0)) * dy")
def elu(input: Float[Array, "*shape"], alpha: float = 1.0) -> Elementwise:
    """y = x where x > 0, else alpha (exp(x) - 1); the derivative at 0 is alpha (Clevert et al. 2016)."""
    positive, a = input > 0, input.dtype.type(alpha)
    y = np.asarray(np.where(positive, input, a * np.expm1(np.minimum(input, 0))))

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (np.where(positive, dy, dy * (y + a)),)

    return y, backward


@elu.define
def elu_definition(input: Tensor, alpha: float = 1.0) -> Tensor:
    return input.where(input > 0, alpha * (input.clamp(max=0).exp() - 1))


# ---- x times a gate -------------------------------------------------------------------------------------------------


@operation(rule="s = sigmoid(input); dinput = s * (1 + input * (1 - s)) * dy")
def silu(input: Float[Array, "*shape"]) -> Elementwise:
    """y = x σ(x)"""
    gate = logistic(input)

    def backward(needs: Needs, dy: Array) -> Gradients:
        dx = np.subtract(1, gate, out=np.empty_like(gate))
        dx *= input
        dx += 1
        dx *= gate
        dx *= dy
        return (dx,)

    return np.multiply(input, gate, out=np.empty_like(gate)), backward


@silu.define
def silu_definition(input: Tensor) -> Tensor:
    return input * sigmoid(input)


@operation(
    rule="""
    if approximate == "none":
        P = (1 + erf(input / sqrt(2))) / 2
        p = exp(-(input**2) / 2) / sqrt(2 * pi)
        dinput = (P + input * p) * dy
    else:
        t = tanh(sqrt(2 / pi) * (input + 0.044715 * input**3))
        s = sqrt(2 / pi) * (1 + 3 * 0.044715 * input**2)
        dinput = (1 + t + input * (1 - t**2) * s) / 2 * dy
    """,
)
def gelu(input: Float[Array, "*shape"], approximate: str = "none") -> Elementwise:
    """y = x Φ(x), Φ the normal distribution's CDF.

    Args:
        input: any shape.
        approximate: "none" for Φ itself, "tanh" for ½ (1 + tanh(√(2/π) (x + 0.044715 x³))) in its place.

    Raises:
        ValueError: any other ``approximate``.
    """
    forms = {"none": _gelu_exact, "tanh": _gelu_tanh}
    if approximate not in forms:
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    y, slope = in_chunks(forms[approximate], [input], 2)

    def backward(needs: Needs, dy: Array) -> Gradients:
        return (slope * dy,)

    return y, backward


@gelu.define
def gelu_definition(input: Tensor, approximate: str = "none") -> Tensor:
    if approximate == "tanh":
        return 0.5 * input * (1 + tanh(math.sqrt(2 / math.pi) * (input + 0.044715 * input**3)))
    return 0.5 * input * (1 + erf(input / math.sqrt(2)))


def _gelu_exact(x: np.ndarray, y: np.ndarray, slope: np.ndarray) -> None:
    """Value x Φ(x) and slope Φ(x) + x φ(x)."""
    normal_cdf(x, y, slope)
    slope *= 1 / math.sqrt(2 * math.pi)
    slope *= x
    slope += y
    y *= x


def _gelu_tanh(x: np.ndarray, y: np.ndarray, slope: np.ndarray) -> None:
    """Value x g and slope g + x g', with g = ½ (1 + t), t = tanh(c (x + a x³)), g' = ½ (1 - t²) c (1 + 3 a x²)."""
    a, c = 0.044715, math.sqrt(2 / math.pi)
    np.square(x, out=slope)  # x² is needed twice: in tanh's argument, and as the last factor of g'
    np.multiply(slope, a * c, out=y)
    y += c
    y *= x
    np.tanh(y, out=y)
    slope *= 1.5 * a * c
    slope += 0.5 * c
    slope *= 1 - np.square(y)  # 0 for a large x, before x³ overflows
    slope *= x
    y += 1
    y *= 0.5
    slope += y
    y *= x


@gated
def mish(input: Tensor) -> Tensor:
    """y = x tanh(log(1 + exp(x))) (Misra 2019)"""
    return input * tanh(softplus(input))


# ---- smooth versions of max(x, 0) and min(x, 0) ---------------------------------------------------------------------


def log1p_exp_minus(size: np.ndarray) -> np.ndarray:
    """log(1 + exp(-size)) for size >= 0, in place."""
    np.negative(size, out=size)
    np.exp(size, out=size)
    np.log1p(size, out=size)
    return size


@operation(
    rule="""
    above = beta * input > threshold
    dinput = (above + (1 - above) * sigmoid(beta * input)) * dy
    """,
)
def softplus(input: Float[Array, "*shape"], beta: float = 1.0, threshold: float = 20.0) -> Elementwise:
    """y = log(1 + exp(beta x)) / beta; where beta x > threshold, y = x."""
    x = np.multiply(input, beta, out=np.empty_like(input))
    linear = x > threshold
    y = log1p_exp_minus(np.abs(x, out=np.empty_like(x)))
    y += np.maximum(x, 0)
    y /= beta
    np.copyto(y, input, where=linear)

    def backward(needs: Needs, dy: Array) -> Gradients:
        dx = logistic(x)
        np.copyto(dx, 1, where=linear)
        dx *= dy
        return (dx,)

    return y, backward


@softplus.define
def softplus_definition(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    x = input * beta
    return input.where(x > threshold, (1 + x.clamp(max=threshold).exp()).log() / beta)


@operation(rule="dinput = sigmoid(-input) * dy")
def logsigmoid(input: Float[Array, "*shape"]) -> Elementwise:
    """y = log σ(x) = min(x, 0) - log(1 + exp(-|x|))"""
    y = log1p_exp_minus(np.abs(input, out=np.empty_like(input)))
    np.subtract(np.minimum(input, 0), y, out=y)

    def backward(needs: Needs, dy: Array) -> Gradients:
        dx = logistic(np.asarray(-input))
        dx *= dy
        return (dx,)

    return y, backward


@logsigmoid.define
def logsigmoid_definition(input: Tensor) -> Tensor:
    return sigmoid(input).log()
