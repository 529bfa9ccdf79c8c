"""Elementwise arithmetic and functions, with NumPy broadcasting.

Each gradient is written for operands of the same shape; the engine sums it over broadcast axes
(``tinygrad_lab.tensor.unbroadcast``).
"""

import numpy as np

from tinygrad_lab.ops.operation import Bool, Operand, Result, operation
from tinygrad_lab.typing import Array

# ---- arithmetic -----------------------------------------------------------------------------------------------------


@operation(r"\bar x = \bar z \qquad \bar y = \bar z", elementwise=True)
def add(x: Operand, y: Operand) -> Result:
    """z = x + y"""

    def backward(needs, dz):
        return dz if needs.x else None, dz if needs.y else None

    return x + y, backward


@operation(r"\bar x = \bar z \qquad \bar y = -\bar z", elementwise=True)
def subtract(x: Operand, y: Operand) -> Result:
    """z = x - y"""

    def backward(needs, dz):
        return dz if needs.x else None, -dz if needs.y else None

    return x - y, backward


@operation(r"\bar x = \bar z \, y \qquad \bar y = \bar z \, x", elementwise=True)
def multiply(x: Operand, y: Operand) -> Result:
    """z = x y"""

    def backward(needs, dz):
        return dz * y if needs.x else None, dz * x if needs.y else None

    return x * y, backward


@operation(r"\bar x = \bar z / y \qquad \bar y = -\bar z \, z / y", elementwise=True)
def divide(x: Operand, y: Operand) -> Result:
    """z = x / y"""
    z = x / y

    def backward(needs, dz):
        return dz / y if needs.x else None, -dz * z / y if needs.y else None

    return z, backward
