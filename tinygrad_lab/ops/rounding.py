"""Functions in steps (their derivative is 0 wherever there is one), the remainder of a division, and logarithms of
other bases."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lab.ops.elementwise import floating
from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.operation import Num, Operand, Result, operation
from tinygrad_lab.typing import Array, Gradients, Needs

Numbers = Num[Array, "..."] | float | int

# ---- steps ----------------------------------------------------------------------------------------------------------


@operation(rule="dx = 0", elementwise=True)
def floor(x: Numbers) -> Result:
    """z = ⌊x⌋; integers stay as they are."""
    return _steps(np.floor, x), _flat


@operation(rule="dx = 0", elementwise=True)
def ceil(x: Numbers) -> Result:
    """z = ⌈x⌉; integers stay as they are."""
    return _steps(np.ceil, x), _flat


@operation(rule="dx = 0", elementwise=True)
def round(x: Numbers, *, decimals: int | None = None) -> Result:
    """z = x with ``decimals`` places, none unless given; halves go to the even neighbour, integers stay as they are.

    Raises:
        TypeError: places of integers.
    """
    if decimals is not None and np.asarray(x).dtype.kind != "f":
        raise TypeError(f"round: decimals are for floating point, x is {np.asarray(x).dtype}")
    return _steps(lambda values: np.round(values, decimals or 0), x), _flat


@operation(rule="dx = 0", elementwise=True)
def sign(x: Operand) -> Result:
    """z = 1 where x > 0, -1 where x < 0, else 0, also for NaN, as in torch."""
    dtype = np.asarray(x).dtype
    positive = np.asarray(np.greater(x, 0), dtype)
    return positive if dtype.kind == "b" else np.subtract(positive, np.less(x, 0), dtype=dtype), _flat


def _steps(step: Callable[[Any], Array], x: Operand) -> Array:
    return np.asarray(step(x)) if np.asarray(x).dtype.kind == "f" else np.array(x)


def _flat(needs: Needs, dz: Array) -> Gradients:
    return (np.zeros_like(dz),)


# ---- division -------------------------------------------------------------------------------------------------------


@operation(rule="dx = 0; dy = 0", elementwise=True)
@gated
def floor_divide(x: Operand, y: Operand) -> Result:
    """z = ⌊x / y⌋

    Raises:
        ZeroDivisionError: an integer is divided by 0.
    """
    _check_divisor("floor_divide", x, y)

    def backward(needs: Needs, dz: Array) -> Gradients:
        return np.zeros_like(dz) if needs.x else None, np.zeros_like(dz) if needs.y else None

    return np.floor_divide(x, y), backward


@operation(rule="dx = dz; dy = -dz * floor(x / y)", elementwise=True)
@gated
def remainder(x: Operand, y: Operand) -> Result:
    """z = x - ⌊x / y⌋ y; it has the sign of y.

    Raises:
        ZeroDivisionError: an integer is divided by 0.
    """
    _check_divisor("remainder", x, y)

    def backward(needs: Needs, dz: Array) -> Gradients:
        return dz if needs.x else None, -dz * np.floor_divide(x, y) if needs.y else None

    return np.remainder(x, y), backward


def _check_divisor(name: str, x: Operand, y: Operand) -> None:
    kind = np.result_type(x, y).kind
    if kind == "b":
        raise TypeError(f"{name}: x and y are both boolean, one of them must be a number")
    if kind in "iu" and not np.all(y):
        raise ZeroDivisionError(f"{name}: an integer divided by 0")


# ---- logarithms -----------------------------------------------------------------------------------------------------


@operation(rule="dx = dy / (x * log(2))", elementwise=True)
def log2(x: Operand) -> Result:
    """z = log₂ x"""

    def backward(needs: Needs, dz: Array) -> Gradients:
        return (dz / (x * math.log(2)),)

    return np.log2(floating(x)), backward


@operation(rule="dx = dy / (x * log(10))", elementwise=True)
def log10(x: Operand) -> Result:
    """z = log₁₀ x"""

    def backward(needs: Needs, dz: Array) -> Gradients:
        return (dz / (x * math.log(10)),)

    return np.log10(floating(x)), backward


__all__ = ["ceil", "floor", "floor_divide", "log2", "log10", "remainder", "round", "sign"]
