"""What expressions can call: on how many values, with which settings, and how much it makes.

A value is a tensor and may get a gradient; a setting is a plain number, ``dim=1`` or ``negative_slope=0.2``, and has
none.  Settings come after the values, in the order of their table or by name.
"""

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_lab import Tensor, ops

MOST = 16  # dimensions of a value
Shape = tuple[int, ...]
Kind = Callable[[str, Any], Any]  # (name, what was given) -> the setting


@dataclass(frozen=True)
class Function:
    """A function or an operator.

    Attributes:
        run: the operation.
        values: the smallest and the largest number of tensors.
        settings: what each setting must be, by name.
        makes: the result's shape, where it can be larger than what is given.
        classes: which of the values are class numbers.
        in_place_of: what to write instead of a setting that is given without its name, where that is misleading.
    """

    run: Callable[..., Tensor]
    values: tuple[int, int] = (1, 1)
    settings: Mapping[str, Kind] = field(default_factory=dict)
    makes: Callable[..., Shape] | None = None
    classes: int | None = None
    in_place_of: str = ""

    def size(self, values: list[Any]) -> int:
        """How many elements the result has; 0 where the operation itself says that the shapes do not fit."""
        shapes = [tuple(value.shape) if isinstance(value, Tensor) else () for value in values]
        try:
            return math.prod(self.makes(*shapes)) if self.makes else 0
        except (ValueError, IndexError):
            return 0


# ---- settings -------------------------------------------------------------------------------------------------------


def whole(name: str, given: Any) -> int:
    """A dimension."""
    if isinstance(given, bool) or not isinstance(given, int):
        raise ValueError(f"{name} must be a whole number, got {given!r}")
    if abs(given) > MOST:
        raise ValueError(f"{name} must be one of at most {MOST} dimensions, got {given!r}")
    return given


def flag(name: str, given: Any) -> bool:
    """Yes or no."""
    if not isinstance(given, bool):
        raise ValueError(f"{name} must be True or False, got {given!r}")
    return given


def real(name: str, given: Any) -> float:
    """Any number."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise ValueError(f"{name} must be a number, got {given!r}")
    return float(given)


# ---- shapes ---------------------------------------------------------------------------------------------------------


def together(*shapes: Shape) -> Shape:
    """Count the elements of what is broadcast together."""
    return np.broadcast_shapes(*shapes)


def product(x: Shape, y: Shape) -> Shape:
    """Count the elements of x @ y: rows of x, columns of y, the dimensions before them broadcast."""
    return (*np.broadcast_shapes(x[:-2], y[:-2]), *x[-2:-1], *(y[-1:] if len(y) > 1 else ()))


def layer(x: Shape, weight: Shape, *_bias: Shape) -> Shape:
    """Count the elements of a linear layer: as many columns as it has outputs."""
    return (*x[:-1], *weight[:1])


# ---- the tables -----------------------------------------------------------------------------------------------------


def transposed(x: Tensor) -> Tensor:
    """A matrix with rows and columns exchanged."""
    if x.ndim != 2:
        raise ValueError("only a matrix can be transposed")
    return ops.transpose(x, 0, 1)


def class_loss(logits: Tensor, target: Tensor) -> Tensor:
    """The cross-entropy of class numbers, which are whole numbers without a gradient."""
    numbers = np.asarray(target)
    if not np.array_equal(numbers, np.abs(np.round(numbers))) or numbers.max(initial=0) > logits.numel():
        raise ValueError("the target must be class numbers: 0, 1, 2, ...")
    return ops.cross_entropy(logits, target if numbers.dtype.kind == "i" else Tensor(numbers.astype(np.int64)))


ALONG: Mapping[str, Kind] = {"dim": whole, "keepdim": flag}
LARGER = "the larger of two values is maximum(x, y), the largest along a dimension max(x, dim=0)"
SMALLER = "the smaller of two values is minimum(x, y), the smallest along a dimension min(x, dim=0)"
OF_ONE: dict[str, Callable[..., Tensor]] = {
    "relu": ops.relu, "tanh": ops.tanh, "sigmoid": ops.sigmoid, "gelu": ops.gelu, "silu": ops.silu, "exp": ops.exp,
    "log": ops.log, "sqrt": ops.sqrt, "sin": ops.sin, "cos": ops.cos, "abs": ops.abs, "square": ops.square,
}  # fmt: skip

FUNCTIONS: dict[str, Function] = {
    **{name: Function(operation) for name, operation in OF_ONE.items()},
    "leaky_relu": Function(ops.leaky_relu, settings={"negative_slope": real}),
    "softplus": Function(ops.softplus, settings={"beta": real, "threshold": real}),
    "maximum": Function(ops.maximum, (2, 2), makes=together),
    "minimum": Function(ops.minimum, (2, 2), makes=together),
    "sum": Function(ops.sum, settings=ALONG),
    "mean": Function(ops.mean, settings=ALONG),
    "max": Function(ops.amax, settings=ALONG, in_place_of=LARGER),
    "min": Function(ops.amin, settings=ALONG, in_place_of=SMALLER),
    "norm": Function(ops.norm, settings={"p": real, **ALONG}),
    "softmax": Function(lambda x, dim=-1: ops.softmax(x, dim), settings={"dim": whole}),
    "log_softmax": Function(lambda x, dim=-1: ops.log_softmax(x, dim), settings={"dim": whole}),
    "matmul": Function(ops.matmul, (2, 2), makes=product),
    "linear": Function(ops.linear, (2, 3), makes=layer),
    "mse_loss": Function(ops.mse_loss, (2, 2), makes=together),
    "cross_entropy": Function(class_loss, (2, 2), classes=1),
}

OPERATORS: dict[type[ast.AST], Function] = {
    ast.Add: Function(ops.add, (2, 2), makes=together),
    ast.Sub: Function(ops.subtract, (2, 2), makes=together),
    ast.Mult: Function(ops.multiply, (2, 2), makes=together),
    ast.Div: Function(ops.divide, (2, 2), makes=together),
    ast.Pow: Function(ops.power, (2, 2), makes=together),
    ast.MatMult: FUNCTIONS["matmul"],
    ast.USub: Function(ops.negative),
    ast.Attribute: Function(transposed),  # x.T
}
