"""Operations on each element by itself: arithmetic, functions, activations, rounding."""

import torch
import torch.nn.functional as F
from torch import Tensor

Number = float | int
Operand = Tensor | Number


# ---- arithmetic -----------------------------------------------------------------------------------------------------
def add(x: Tensor, y: Operand, *, alpha: float = 1) -> Tensor:
    return x + alpha * y


def subtract(x: Tensor, y: Operand, *, alpha: float = 1) -> Tensor:
    return x - alpha * y


def multiply(x: Tensor, y: Operand) -> Tensor:
    return x * y


def divide(x: Tensor, y: Operand, *, rounding_mode: str | None = None) -> Tensor:
    return torch.div(x, y, rounding_mode=rounding_mode)  # x / y


def power(x: Tensor, y: Operand) -> Tensor:
    return x**y


def negative(x: Tensor) -> Tensor:
    return -x


def reciprocal(x: Tensor) -> Tensor:
    return x.reciprocal()


def square(x: Tensor) -> Tensor:
    return x.square()


def abs(x: Tensor) -> Tensor:
    return x.abs()


def maximum(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x, y)


def minimum(x: Tensor, y: Tensor) -> Tensor:
    return torch.minimum(x, y)


def clamp(input: Tensor, min: Number | None = None, max: Number | None = None) -> Tensor:
    return input.clamp(min, max)


def where(condition: Tensor, input: Operand, other: Operand) -> Tensor:
    return torch.where(condition, input, other)


def masked_fill(input: Tensor, mask: Tensor, value: Number) -> Tensor:
    return input.masked_fill(mask, value)


# ---- functions ------------------------------------------------------------------------------------------------------
def exp(x: Tensor) -> Tensor:
    return x.exp()


def expm1(x: Tensor) -> Tensor:
    return x.expm1()


def log(x: Tensor) -> Tensor:
    return x.log()


def log1p(x: Tensor) -> Tensor:
    return x.log1p()


def log2(x: Tensor) -> Tensor:
    return x.log2()


def log10(x: Tensor) -> Tensor:
    return x.log10()


def sqrt(x: Tensor) -> Tensor:
    return x.sqrt()


def rsqrt(x: Tensor) -> Tensor:
    return x.rsqrt()


def sin(x: Tensor) -> Tensor:
    return x.sin()


def cos(x: Tensor) -> Tensor:
    return x.cos()


def erf(x: Tensor) -> Tensor:
    return x.erf()


# ---- activations ----------------------------------------------------------------------------------------------------
def relu(input: Tensor) -> Tensor:
    return F.relu(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    return F.leaky_relu(input, negative_slope)


def sigmoid(input: Tensor) -> Tensor:
    return input.sigmoid()


def tanh(input: Tensor) -> Tensor:
    return input.tanh()


def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    return F.elu(input, alpha)


def silu(input: Tensor) -> Tensor:
    return F.silu(input)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    return F.gelu(input, approximate=approximate)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    return F.softplus(input, beta, threshold)


def logsigmoid(input: Tensor) -> Tensor:
    return F.logsigmoid(input)


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    return F.silu(gate) * up


# ---- rounding -------------------------------------------------------------------------------------------------------
def floor(x: Tensor) -> Tensor:
    return x.floor()


def ceil(x: Tensor) -> Tensor:
    return x.ceil()


def round(x: Tensor, *, decimals: int = 0) -> Tensor:
    return x.round(decimals=decimals)


def sign(x: Tensor) -> Tensor:
    return x.sign()


def floor_divide(x: Tensor, y: Tensor) -> Tensor:
    return torch.floor_divide(x.detach(), y.detach())  # torch has no gradient for it, the engine's is 0


def remainder(x: Tensor, y: Operand) -> Tensor:
    return x % y
