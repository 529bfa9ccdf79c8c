"""Random expressions with values that fit: every function, operator and setting, broadcasting, reuse, ties.

The same ones every time.  What they are made of stays of moderate size, so that numbers mean something: denominators
and arguments of roots and logarithms are positive, exponentials are of what is bounded.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Shape = tuple[int, ...]

ANYWHERE = ("relu", "tanh", "sigmoid", "gelu", "silu", "sin", "cos", "abs", "square", "leaky_relu", "softplus")
BINARY = ("+", "-", "*", "+", "-", "*", "/", "**", "maximum", "minimum")
REDUCTIONS = ("sum", "mean", "max", "min", "norm")


@dataclass
class Made:
    """An expression and the words that give its values."""

    text: str
    words: list[str]


@dataclass
class Author:
    """Writes one expression."""

    draw: random.Random
    values: dict[str, tuple[Shape, Any]] = field(default_factory=dict)
    known: dict[str, Shape] = field(default_factory=dict)  # values and variables

    def write(self) -> Made:
        statements = []
        for name in ("t", "u")[: self.draw.choice((0, 0, 1, 2))]:
            shape = self.shape()
            statements.append(f"{name} = {self.formula(shape, 2)}")
            self.known[name] = shape
        statements.append(self.formula(self.shape(), self.draw.choice((2, 3, 3, 4))))
        joint = self.draw.choice(("; ", "\n"))
        return Made(joint.join(statements), [f"{name}={value}" for name, (_, value) in self.values.items()])

    def shape(self) -> Shape:
        rank = self.draw.choice((0, 0, 1, 1, 2, 2, 3))
        return tuple(self.draw.choice((1, 2, 3, 4)) for _ in range(rank))

    # ---- leaves -----------------------------------------------------------------------------------------------------
    def leaf(self, shape: Shape) -> str:
        if shape == () and self.draw.random() < 0.2:
            return self.draw.choice(("2", "0.5", "1e-1", "3", "-1.5", "(+2)"))
        fitting = [name for name, known in self.known.items() if known == shape]
        if fitting and self.draw.random() < 0.6:
            return self.draw.choice(fitting)
        name = f"x{len(self.values)}"
        self.values[name] = shape, self.numbers(shape, self.draw.random() < 0.3)
        self.known[name] = shape
        return name

    def numbers(self, shape: Shape, ties: bool) -> Any:
        if shape:
            return [self.numbers(shape[1:], ties) for _ in range(shape[0])]
        return self.draw.choice((-1, 0, 1, 2)) if ties else round(self.draw.uniform(-2, 2), 2)

    # ---- formulas ---------------------------------------------------------------------------------------------------
    def formula(self, shape: Shape, depth: int) -> str:
        """A formula whose value has this shape."""
        if depth == 0:
            return self.leaf(shape)
        kinds: list[Callable[[Shape, int], str]] = [self.of_one, self.of_two, self.of_two, self.reduced]
        kinds += [self.softmax, self.product, self.linear] * (len(shape) > 0)
        kinds += [self.transposed] * (len(shape) == 2)
        kinds += [self.loss, self.classes, self.whole] * (shape == ())
        return self.draw.choice(kinds)(shape, depth - 1)

    def positive(self, shape: Shape, depth: int) -> str:
        return f"(square({self.formula(shape, depth)}) + {self.draw.choice(('0.5', '1', '2'))})"

    def of_one(self, shape: Shape, depth: int) -> str:
        name = self.draw.choice((*ANYWHERE, "exp", "log", "sqrt", "-"))
        if name in ("log", "sqrt"):
            return f"{name}({self.positive(shape, depth)})"
        inner = self.formula(shape, depth)
        if name == "-":
            return f"(-{inner})"
        settings = {
            "leaky_relu": ("", ", 0.2", ", negative_slope=-0.5"),
            "softplus": ("", ", 2", ", beta=0.5, threshold=1", ", 1.5, 0"),
        }.get(name, ("",))
        return f"exp(tanh({inner}))" if name == "exp" else f"{name}({inner}{self.draw.choice(settings)})"

    def of_two(self, shape: Shape, depth: int) -> str:
        name, (first, second) = self.draw.choice(BINARY), self.broadcast(shape)
        left = self.formula(first, depth)
        if name == "/":
            return f"({left} / {self.positive(second, depth)})"
        right = self.formula(second, depth)
        if name == "**":
            whole = f"({left})**{self.draw.choice(('2', '3', '0', '1'))} * {right}"
            return f"({self.draw.choice((whole, f'(abs({left}) + 0.5)**tanh({right})', f'2**tanh({left} - {right})'))})"
        return f"{name}({left}, {right})" if name.isalpha() else f"({left} {name} {right})"

    def broadcast(self, shape: Shape) -> list[Shape]:
        """Two shapes that give this one together."""
        other = tuple(1 if self.draw.random() < 0.3 else length for length in shape)
        other = other[self.draw.randrange(len(shape) + 1) :] if self.draw.random() < 0.5 else shape
        return self.draw.sample([shape, other], 2)

    def reduced(self, shape: Shape, depth: int) -> str:
        name, place, length = (
            self.draw.choice(REDUCTIONS),
            self.draw.randrange(len(shape) + 1),
            self.draw.choice((2, 3)),
        )
        inner = (*shape[:place], length, *shape[place:])
        dim = self.draw.choice((place, place - len(inner)))
        kept = [axis for axis, size in enumerate(shape) if size == 1]
        if kept and self.draw.random() < 0.5:
            place = self.draw.choice(kept)
            inner, dim = (*shape[:place], length, *shape[place + 1 :]), self.draw.choice((place, place - len(shape)))
            return f"{name}({self.formula(inner, depth)}, dim={dim}, keepdim=True)"
        if len(inner) > 3:
            return self.of_one(shape, depth)
        return f"{name}({self.formula(inner, depth)}, dim={dim})"

    def softmax(self, shape: Shape, depth: int) -> str:
        name, place = self.draw.choice(("softmax", "log_softmax")), self.draw.randrange(len(shape))
        setting = self.draw.choice(("", f", {place}", f", dim={place - len(shape)}"))
        return f"{name}({self.formula(shape, depth)}{setting})"

    def product(self, shape: Shape, depth: int) -> str:
        inner = self.draw.choice((1, 2, 3))
        if len(shape) == 1:
            shapes = self.draw.choice(([(inner,), (inner, *shape)], [(*shape, inner), (inner,)]))
        else:
            *lead, rows, columns = shape
            right = (inner, columns) if self.draw.random() < 0.5 else (*lead, inner, columns)
            shapes = [(*lead, rows, inner), right]
        left, right_text = (self.formula(each, depth) for each in shapes)
        return self.draw.choice((f"({left} @ {right_text})", f"matmul({left}, {right_text})"))

    def linear(self, shape: Shape, depth: int) -> str:
        inner = self.draw.choice((1, 2, 3))
        parts = [self.formula((*shape[:-1], inner), depth), self.formula((shape[-1], inner), depth)]
        if self.draw.random() < 0.6:
            parts.append(self.formula(shape[-1:], depth))
        return f"linear({', '.join(parts)})"

    def transposed(self, shape: Shape, depth: int) -> str:
        return f"({self.formula(shape[::-1], depth)}).T"

    def loss(self, _: Shape, depth: int) -> str:
        shape = self.shape()
        return f"mse_loss({self.formula(shape, depth)}, {self.formula(shape, depth)})"

    def classes(self, _: Shape, depth: int) -> str:
        shape = self.draw.choice(((3,), (2, 3), (2, 3, 2)))
        wanted = () if len(shape) == 1 else (shape[0], *shape[2:])
        name = f"c{len(self.values)}"
        self.values[name] = wanted, self.labels(wanted)
        return f"cross_entropy({self.formula(shape, depth)}, {name})"

    def labels(self, shape: Shape) -> Any:
        return [self.labels(shape[1:]) for _ in range(shape[0])] if shape else self.draw.randrange(3)

    def whole(self, _: Shape, depth: int) -> str:
        return f"{self.draw.choice(REDUCTIONS)}({self.formula(self.shape(), depth)})"


TIES = [
    Made("maximum(x, y) + 2*minimum(y, x)", ["x=[1, 2, 2]", "y=[2, 2, 1]"]),
    Made("max(x) + min(x)", ["x=[3, 1, 3, 1, 3]"]),
    Made("max(x, dim=0) @ w - min(x, dim=1, keepdim=True)", ["x=[[1, 1], [1, 2]]", "w=[2, 3]"]),
    Made("relu(x) + abs(x) + leaky_relu(x)", ["x=[-1, 0, 1]"]),
    Made("x**y + 0**x", ["x=[0, 1, 2, 0]", "y=[0, 0, 3, 2]"]),
    Made("norm(x) + norm(y, dim=0, keepdim=True)", ["x=[0, 0]", "y=[[0, 3], [0, 4]]"]),
    Made("log(x) + sqrt(y)", ["x=[-1, 0, 1]", "y=[0, 4, -1]"]),
    Made("x**x", ["x=[-1.5, -2, 0]"]),
    Made("gelu(x) + sigmoid(y) + softplus(y) + silu(x) + tanh(y)",
         ["x=[-40, -9, -6, -3, -1e-9, 0, 0.1, 2, 5, 8.5, 30]", "y=[-800, -40, -9, -3, -1e-9, 0, 0.1, 2, 5, 21, 800]"]),
    Made("b = a + a; c = b * b", ["a=3"]),
    Made("c = x * 2; d = c * c; x + y", ["x=[1, 2]", "y=1"]),
    Made("sum(x, 0) + mean(x, -1, True) + softmax(x, 0)*2", ["x=3"]),
    Made("s = 1; sum(x, dim=s) @ y", ["x=[[1, 2], [3, 4]]", "y=[5, 6]"]),
]  # fmt: skip


def made(count: int) -> list[Made]:
    draw = random.Random(14)
    return [*TIES, *(Author(draw).write() for _ in range(count))]
