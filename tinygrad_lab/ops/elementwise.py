"""Elementwise arithmetic and functions, with NumPy broadcasting and torch's conventions at the edges.

Each gradient is written for operands of the same shape; the engine sums it over broadcast axes
(``tinygrad_lab.tensor.unbroadcast``).  Integer operands of a function with real values become float32, as in torch.
"""

from typing import Any

import numpy as np

from tinygrad_lab.ops.operation import Bool, Num, Operand, Result, operation
from tinygrad_lab.typing import Array, Gradients, Needs

# ---- arithmetic -----------------------------------------------------------------------------------------------------


@operation(rule="dx = dz; dy = dz if alpha == 1 else alpha * dz", elementwise=True)
def add(x: Operand, y: Operand, *, alpha: float | int = 1) -> Result:
    """z = x + alpha y"""
    if alpha != 1:
        y = _times("add", x, y, alpha)

    def backward(needs: Needs, dz: Array) -> Gradients:
        return dz if needs.x else None, _scaled(dz, alpha) if needs.y else None

    return x + y, backward


@operation(rule="dx = dz; dy = -dz if alpha == 1 else -alpha * dz", elementwise=True)
def subtract(x: Operand, y: Operand, *, alpha: float | int = 1) -> Result:
    """z = x - alpha y"""
    if alpha != 1:
        y = _times("subtract", x, y, alpha)

    def backward(needs: Needs, dz: Array) -> Gradients:
        return dz if needs.x else None, -_scaled(dz, alpha) if needs.y else None

    return x - y, backward


@operation(rule="dx = dz * y; dy = dz * x", elementwise=True)
def multiply(x: Operand, y: Operand) -> Result:
    """z = x y"""

    def backward(needs: Needs, dz: Array) -> Gradients:
        return dz * y if needs.x else None, dz * x if needs.y else None

    return x * y, backward


@operation(
    rule="dx = 0 if rounding_mode else dz / y; dy = 0 if rounding_mode else -dz * x / y**2",
    elementwise=True,
)
def divide(x: Operand, y: Operand, *, rounding_mode: str | None = None) -> Result:
    """z = x / y; a ``rounding_mode`` rounds it towards zero ("trunc") or down ("floor"), and integers stay so.

    Raises:
        ValueError: another ``rounding_mode``.
    """
    if rounding_mode is not None:
        return _rounded_quotient(x, y, rounding_mode), lambda needs, dz: (np.zeros_like(dz), np.zeros_like(dz))
    x, y = floating(x), floating(y)
    z = x / y

    def backward(needs: Needs, dz: Array) -> Gradients:
        return dz / y if needs.x else None, -dz * z / y if needs.y else None

    return z, backward


@operation(rule="dx = dz * y * x ** (y - 1); dy = dz * z * log(x)", elementwise=True)
def power(x: Operand, y: Operand) -> Result:
    """z = xʸ, with 0⁰ = 1; the gradients of x⁰ in x and of 0ʸ (y ≥ 0) in y are 0, as in torch.

    Raises:
        TypeError: two booleans.
    """
    if np.result_type(x, y).kind == "b":
        raise TypeError("power: x and y are both boolean, one of them must be a number")
    z = x**y

    def backward(needs: Needs, dz: Array) -> Gradients:
        dx = dz * (y * x ** _replaced(y == 0, y - 1, 0)) if needs.x else None
        dy = dz * (z * np.log(_replaced((x == 0) & (y >= 0), x, 1))) if needs.y else None
        return dx, dy

    return z, backward


@operation(rule="dx = -dy", elementwise=True)
def negative(x: Operand) -> Result:
    """z = -x"""

    def backward(needs: Needs, dz: Array) -> Gradients:
        return (-dz,)

    return -x, backward


@operation(rule="dx = -dy * y**2", elementwise=True)
def reciprocal(x: Operand) -> Result:
    """z = 1 / x"""
    z = 1 / floating(x)

    def backward(needs: Needs, dz: Array) -> Gradients:
        return (-dz * z * z,)

    return z, backward


@operation(rule="dx = 2 * x * dy", elementwise=True)
def square(x: Operand) -> Result:
    """z = x²"""
    x = x.astype(np.int64) if isinstance(x, np.ndarray) and x.dtype.kind == "b" else x

    def backward(needs: Needs, dz: Array) -> Gradients:
        return (dz * x * 2,)

    return x * x, backward


# ---- functions of one variable --------------------------------------------------------------------------------------


@operation(rule="dx = y * dy", elementwise=True)
def exp(x: Operand) -> Result:
    """z = eˣ"""
    z = np.exp(floating(x))

    def backward(needs: Needs, dz: Array) -> Gradients:
        return (dz * z,)

    return z, backward


@operation(rule="dx = (y + 1) * dy", elementwise=True)
def expm1(x: Operand) -> Result:
    """z = eˣ - 1, exact near 0"""
    z = np.expm1(floating(x))

    def backward(needs: Needs, dz: Array) -> Gradients:
        return (dz * (z + 1),)

    return z, backward


@operation(rule="dx = dy / x", elementwise=True)
def log(x: Operand) -> Result:
    """z = ln x"""

    def backward(needs: Needs, dz: Array) -> Gradients:
        return (dz / x,)

    return np.log(floating(x)), backward


@operation(rule="dx = dy / (1 + x)", elementwise=True)
def log1p(x: Operand) -> Result:
    """z = ln(1 + x), exact near 0"""

    def backward(needs: Needs, dz: Array) -> Gradients:
        return (dz / (1 + x),)

    return np.log1p(floating(x)), backward


@operation(rule="dx = dy / (2 * y)", elementwise=True)
def sqrt(x: Operand) -> Result:
    """z = √x; the gradient at 0 is infinite, as in torch (``norm`` is the one with a subgradient there)."""
    z = np.sqrt(floating(x))

    def backward(needs: Needs, dz: Array) -> Gradients:
        return (dz / (2 * z),)

    return z, backward


@operation(rule="dx = -dy * y**3 / 2", elementwise=True)
def rsqrt(x: Operand) -> Result:
    """z = 1 / √x"""
    z = 1 / np.sqrt(floating(x))

    def backward(needs: Needs, dz: Array) -> Gradients:
        return (dz * (-0.5 * z * z * z),)

    return z, backward


@operation(rule="dx = cos(x) * dy", elementwise=True)
def sin(x: Operand) -> Result:
    """z = sin x"""

    def backward(needs: Needs, dz: Array) -> Gradients:
        return (dz * np.cos(x),)

    return np.sin(floating(x)), backward


@operation(rule="dx = -sin(x) * dy", elementwise=True)
def cos(x: Operand) -> Result:
    """z = cos x"""

    def backward(needs: Needs, dz: Array) -> Gradients:
        return (-dz * np.sin(x),)

    return np.cos(floating(x)), backward


@operation(rule="dx = sign(x) * dy", elementwise=True)
def abs(x: Num[Array, "..."] | float | int) -> Result:
    """z = |x|, with gradient 0 at 0 and at NaN, as in torch"""

    def backward(needs: Needs, dz: Array) -> Gradients:
        return (dz * sign(x),)

    return np.abs(x), backward


# ---- choosing -------------------------------------------------------------------------------------------------------


@operation(
    rule="dx = dz * ((x > y) + (x == y) / 2); dy = dz * ((y > x) + (x == y) / 2)",
    elementwise=True,
)  # fmt: skip
def maximum(x: Operand, y: Operand) -> Result:
    """z = max(x, y); a tie shares the gradient in halves."""

    def backward(needs: Needs, dz: Array) -> Gradients:
        return _share(dz, x < y, x == y) if needs.x else None, _share(dz, y < x, x == y) if needs.y else None

    return np.maximum(x, y), backward


@operation(
    rule="dx = dz * ((x < y) + (x == y) / 2); dy = dz * ((y < x) + (x == y) / 2)",
    elementwise=True,
)  # fmt: skip
def minimum(x: Operand, y: Operand) -> Result:
    """z = min(x, y); a tie shares the gradient in halves."""

    def backward(needs: Needs, dz: Array) -> Gradients:
        return _share(dz, x > y, x == y) if needs.x else None, _share(dz, y > x, x == y) if needs.y else None

    return np.minimum(x, y), backward


@operation(
    rule="""
    if min is None:
        dinput = dy * (input <= max); dmax = dy * (input > max)
    elif max is None:
        dinput = dy * (input >= min); dmin = dy * (input < min)
    else:
        dinput = dy * (min <= input <= max)
        dmin = dy * (input < min) * (min < max)
        dmax = dy * (1 - (input <= max) * (min <= max))
    """,
    elementwise=True,
    promotes=True,
)  # fmt: skip
def clamp(input: Num[Array, "..."] | float | int, min: Operand | None = None, max: Operand | None = None) -> Result:
    """min(max(input, min), max); on a bound the gradient still passes, as in torch.

    Raises:
        ValueError: neither bound is given.
    """
    if min is None and max is None:
        raise ValueError("clamp: at least one of min and max must be given, both are None")
    out = input if min is None else np.maximum(input, min)
    out = out if max is None else np.minimum(out, max)

    def backward(needs: Needs, dz: Array) -> Gradients:
        low, high = -np.inf if min is None else min, np.inf if max is None else max
        zero = dz.dtype.type(0)
        return (
            np.where((input >= low) & (input <= high), dz, zero) if needs.input else None,
            np.where((input < low) & (low < high), dz, zero) if needs.min else None,
            np.where((input > high) | (low > high), dz, zero) if needs.max else None,
        )

    return out, backward


@operation(rule="dinput = condition * dy; dother = (1 - condition) * dy", elementwise=True)
def where(condition: Bool[Array, "..."], input: Operand, other: Operand) -> Result:
    """input where condition holds, other elsewhere. The branch not taken gets 0 even where dz is not finite."""

    def backward(needs: Needs, dz: Array) -> Gradients:
        zero = dz.dtype.type(0)
        return (
            np.where(condition, dz, zero) if needs.input else None,
            np.where(condition, zero, dz) if needs.other else None,
        )

    return np.where(condition, input, other), backward


@operation(rule="dinput = (1 - mask) * dy", elementwise=True)
def masked_fill(input: Operand, mask: Bool[Array, "..."], value: Array | float | int) -> Result:
    """value where mask holds, input elsewhere; in the dtype of ``input``.

    Raises:
        ValueError: a ``value`` that is not one number.
    """
    if np.ndim(value):
        raise ValueError(f"masked_fill: value must be one number, got shape {np.shape(value)}")
    out = np.array(np.broadcast_to(input, np.broadcast_shapes(np.shape(input), mask.shape)))
    np.copyto(out, value, where=mask, casting="unsafe")

    def backward(needs: Needs, dz: Array) -> Gradients:
        dx = dz.copy()
        np.copyto(dx, 0, where=mask)
        return (dx,)

    return out, backward


# ---- conventions ----------------------------------------------------------------------------------------------------


def floating(x: Operand) -> Any:
    """Return integers and booleans as float32, floats as they are."""
    return x.astype(np.float32) if isinstance(x, np.ndarray) and x.dtype.kind != "f" else x


def _times(name: str, x: Operand, y: Operand, alpha: float | int) -> Operand:
    """y · alpha, in the dtype that x and y have together.

    Raises:
        TypeError: a fraction of integers, which would be lost.
    """
    dtype = np.result_type(x, y)
    if dtype.kind != "f" and (isinstance(alpha, float) or dtype.kind == "b"):
        raise TypeError(f"{name}: alpha must be 1 for booleans and an integer for integers, got {alpha} for {dtype}")
    return y * alpha if dtype.kind == "f" else y * np.array(alpha).astype(dtype)[()]


def _scaled(dz: Array, alpha: float | int) -> Array:
    return dz if alpha == 1 else dz * dz.dtype.type(alpha)


def _rounded_quotient(x: Operand, y: Operand, rounding_mode: str) -> Any:
    if rounding_mode not in ("trunc", "floor"):
        raise ValueError(f"divide: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}")
    kind = np.result_type(x, y).kind
    if kind == "b":
        raise TypeError("divide: rounding_mode is for numbers, x and y are both boolean")
    if kind in "iu" and not np.all(y):
        raise ZeroDivisionError("divide: y has a zero, and integers have no infinity")
    if rounding_mode == "floor":
        return np.floor_divide(x, y)
    if kind == "f":
        return np.trunc(np.divide(x, y))
    down = np.floor_divide(x, y)
    return down + ((down < 0) & (np.multiply(down, y) != x))


def sign(x: Any) -> Any:
    """1, 0 or -1; of NaN 0, as in torch."""
    return np.subtract(x > 0, x < 0, dtype=x.dtype)


def _share(dz: Array, loses: Any, ties: Any) -> Any:
    """All of a gradient for the winner of a comparison, half of it at a tie, 0 for the loser, even of infinity."""
    return np.where(loses, dz.dtype.type(0), dz * np.subtract(1, ties * 0.5, dtype=dz.dtype))


def _replaced(condition: Any, x: Any, value: int) -> Any:
    """x with ``value`` where the condition holds, in the dtype of x."""
    if not np.any(condition):
        return x
    return np.where(condition, x.dtype.type(value), x) if isinstance(x, np.ndarray) else value
