"""What a rule's equations are worth: numbers put in, in float64, by the meanings of ``tinygrad_lab.trace.functions``.

Tests hold every displayed rule against its operation's backward by this; a reader's screen uses it for the definitions
of a rule, where tensors are small.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from tinygrad_lab.trace.functions import FUNCTIONS
from tinygrad_lab.trace.notation import Equation, names
from tinygrad_lab.trace.places import OF_SHAPES

ARITHMETIC: dict[type, Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
COMPARED: dict[type, Any] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne, ast.Is: operator.is_, ast.IsNot: operator.is_not,
}  # fmt: skip
OUTSIDE = object()  # where a tensor has no element
CONSTANTS = {"pi": np.pi, "inf": np.inf}


class Evaluation:
    """Works out equations one after the other.

    Args:
        values: arrays and settings by name, incoming gradients among them.
        shapes: the shapes of the gradients that the equations give, by name.
        ranges: what index letters run over, where a rule says so.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        shapes: Mapping[str, tuple[int, ...]] = {},
        ranges: Mapping[str, range] = {},
    ) -> None:
        self.values = dict(values)
        self.shapes, self.ranges = shapes, ranges
        self.letters: dict[str, int] = {}
        self.recurrences: dict[str, list[Equation]] = {}
        self._items: dict[tuple[str, int], Any] = {}
        self._names: dict[ast.expr, frozenset[str]] = {}  # of each index: it is met again for every letter's number

    def run(self, equations: Sequence[Equation]) -> dict[str, Any]:
        """Work out equations; return everything that has a name."""
        for equation in equations:
            if isinstance(equation.target, ast.Subscript) and equation.name not in self.shapes:
                self.recurrences.setdefault(equation.name, []).append(equation)
            else:
                self._assign(equation)
        return self.values

    def _assign(self, equation: Equation) -> None:
        name, target = equation.name, equation.target
        if isinstance(target, ast.Name) and not equation.adds:
            self.values[name] = self.value(equation.value)
            return
        if name not in self.values:
            self.values[name] = np.zeros(self.shapes[name])
        array = self.values[name] = np.array(np.broadcast_to(self.values[name], self.shapes[name]), float)
        for _ in self._runs(equation):
            value = self.value(equation.value)
            where: Any = self._place(target, array.shape) if isinstance(target, ast.Subscript) else ...
            if where is OUTSIDE:
                continue
            if equation.adds:
                np.add.at(array, where, value)
            else:
                array[where] = value

    def _runs(self, equation: Equation) -> Iterator[None]:
        """Give each index letter each of its values."""
        free = [letter for letter in dict.fromkeys(self._letters(equation)) if letter not in self.letters]
        before = self.letters
        for numbers in product(*(self.range_of(letter, equation) for letter in free)):
            self.letters = before | dict(zip(free, numbers, strict=True))
            yield
        self.letters = before

    # ---- letters ----------------------------------------------------------------------------------------------------
    def _letters(self, equation: Equation) -> Iterator[str]:
        for name in (*names(equation.target), *names(equation.value)):
            if name not in self.values and name not in self.recurrences and name not in CONSTANTS:
                yield name

    def range_of(self, letter: str, equation: Equation, seen: tuple[str, ...] = ()) -> range:
        """Return what a letter runs over: the axis that it stands for alone."""
        if letter in self.ranges:
            return self.ranges[letter]
        for part in (*ast.walk(equation.value), *ast.walk(equation.target)):
            if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name):
                place = _alone(letter, part.slice)
                name = part.value.id
                if place is None:
                    continue
                if name in self.recurrences:
                    if name not in seen and (found := self._range_of_recurrence(name, (*seen, name))):
                        return found
                elif (shape := self._shape(name)) is not None:
                    return range(shape[place])
        if not seen:
            raise ValueError(f"nothing says what {letter} runs over in {ast.unparse(equation.value)}")
        return range(0)

    def _range_of_recurrence(self, name: str, seen: tuple[str, ...] = ()) -> range:
        for equation in self.recurrences[name]:
            letter = _letter_of(equation)
            if letter and (found := self.range_of(letter, equation, seen or (name,))):
                return found
        return range(0)

    def _shape(self, name: str) -> tuple[int, ...] | None:
        return self.shapes.get(name, np.shape(self.values[name]) if name in self.values else None)

    def _item(self, name: str, k: int) -> Any:
        """Item k of a recurrence: worked out when it is asked for, once."""
        if (name, k) not in self._items:
            self._items[name, k] = self._worked_out(name, k)
        return self._items[name, k]

    def _worked_out(self, name: str, k: int) -> Any:
        for equation in self.recurrences[name]:
            assert isinstance(equation.target, ast.Subscript)
            letter = _letter_of(equation)
            before = self.letters
            if letter is None:
                if self.value(equation.target.slice) == k:
                    return self.value(equation.value)
            elif k in self._range_of_recurrence(name):
                self.letters = {letter: k}
                found = self.value(equation.value)
                self.letters = before
                return found
        return 0.0

    # ---- places -----------------------------------------------------------------------------------------------------
    def _place(self, node: ast.Subscript, shape: tuple[int, ...]) -> Any:
        """An index; OUTSIDE where a letter led there."""
        index = self.value(node.slice)
        if node.slice not in self._names:
            self._names[node.slice] = frozenset(names(node.slice))
        if self._names[node.slice].isdisjoint(self.letters):
            return index
        parts = index if isinstance(index, tuple) else (index,)
        taken = [part for part in parts if part is not None]
        axis = 0
        for part in taken:
            if part is Ellipsis:
                axis += len(shape) - (len(taken) - 1)
                continue
            if isinstance(part, int | np.integer) and not 0 <= part < shape[axis]:
                return OUTSIDE
            axis += 1
        return index

    def _indexed(self, node: ast.Subscript) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id in self.recurrences:
            return self._item(node.value.id, int(self.value(node.slice)))
        array = self.value(node.value)
        if isinstance(array, list | tuple):
            return array[self.value(node.slice)]
        where = self._place(node, array.shape)
        if where is not OUTSIDE:
            return array[where]
        inside = tuple(0 if isinstance(p, int | np.integer) else p for p in self.value(node.slice))
        return np.zeros_like(array[inside])

    # ---- expressions ------------------------------------------------------------------------------------------------
    def value(self, node: ast.expr) -> Any:
        """Return what an expression is worth."""
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self.named(name)
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                a, b = self.value(left), self.value(right)
                return a @ b if np.ndim(a) and np.ndim(b) else 0.0  # one of them is the zero outside of a sequence
            case ast.BinOp(left=left, op=op, right=right):
                return ARITHMETIC[type(op)](_number(self.value(left)), _number(self.value(right)))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -_number(self.value(operand))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return np.logical_not(self.value(operand))
            case ast.BoolOp(op=op, values=parts):
                return self._both(isinstance(op, ast.And), parts)
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._compared(left, ops, others)
            case ast.IfExp(test=test, body=body, orelse=other):
                return self.value(body if self.value(test) else other)
            case ast.Attribute(value=inner, attr="T"):
                array = np.asarray(self.value(inner))
                return array.swapaxes(-1, -2) if array.ndim > 1 else array
            case ast.Subscript():
                return self._indexed(node)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return tuple(self.value(part) for part in parts)
            case ast.Slice(lower=lower, upper=upper, step=step):
                return slice(*(None if part is None else self.value(part) for part in (lower, upper, step)))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                return self.called(name, args, keywords)
        raise ValueError(f"a rule has no {ast.unparse(node)}")

    def named(self, name: str) -> Any:
        """Return the value of a name; of a recurrence, all its items together."""
        if name in self.letters:
            return self.letters[name]
        if name in self.recurrences:
            return np.stack([self._item(name, k) for k in self._range_of_recurrence(name)])
        if name not in self.values and name in CONSTANTS:
            return CONSTANTS[name]
        if name not in self.values:
            raise ValueError(f"{name} is not defined")
        return self.values[name]

    def called(self, name: str, args: list[ast.expr], keywords: list[ast.keyword]) -> Any:
        """Return what a function gives."""
        function = FUNCTIONS.get(name) or OF_SHAPES.get(name)
        if function is None:
            raise ValueError(f"{name} is no function of rules")
        given = {keyword.arg: self.value(keyword.value) for keyword in keywords if keyword.arg}
        return function(*(self.value(argument) for argument in args), **given)

    def _both(self, every: bool, parts: list[ast.expr]) -> Any:
        found = self.value(parts[0])
        for part in parts[1:]:
            if np.ndim(found) == 0 and bool(found) is not every:
                return found
            found = np.logical_and(found, self.value(part)) if every else np.logical_or(found, self.value(part))
        return found

    def _compared(self, left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr]) -> Any:
        sides = [self.value(left), *(self.value(other) for other in others)]
        found: Any = True
        for op, a, b in zip(ops, sides, sides[1:], strict=False):
            holds = a in b if isinstance(op, ast.In) else COMPARED[type(op)](a, b)
            found = holds if found is True else np.logical_and(found, holds)
        return found


class Size(Evaluation):
    """Works out how large the numbers were before they cancelled each other: every difference as a sum of sizes.

    What an equation gives is exact up to rounding of this size.
    """

    SUMS = ("sum", "mean", "summed", "sum_like", "over_channels", "channel_mean", "spread")

    def __init__(self, values: Mapping[str, Any], *rest: Any) -> None:
        super().__init__(values, *rest)
        self.exact = Evaluation(values, *rest)

    def _assign(self, equation: Equation) -> None:
        self.exact._assign(equation)
        super()._assign(equation)

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
                return self.value(left) + self.value(right)
            case ast.BinOp(left=left, op=ast.Mult() | ast.MatMult()):
                return super().value(node)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self.value(left) / np.abs(self.exact.value(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.value(operand)
            case ast.Call(func=ast.Name(id=name), args=[argument, *rest]) if name in self.SUMS:
                return FUNCTIONS[name](self.value(argument), *(self.exact.value(other) for other in rest))
        found = self.exact.value(node) if not isinstance(node, ast.Name) else super().value(node)
        return np.abs(np.asarray(found, np.float64))


def _number(value: Any) -> Any:
    """A truth as 1 or 0."""
    return value * 1.0 if isinstance(value, bool) or np.asarray(value).dtype.kind == "b" else value


def _letter_of(equation: Equation) -> str | None:
    """The letter of a recurrence's target; None where it gives one item."""
    assert isinstance(equation.target, ast.Subscript)
    return next(names(equation.target.slice), None) if isinstance(equation.target.slice, ast.Name) else None


def _alone(letter: str, index: ast.expr) -> int | None:
    """The axis at which a letter stands alone; negative after an ellipsis."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    kept = [p for p in parts if not (isinstance(p, ast.Constant) and p.value is None)]
    dots = next((k for k, p in enumerate(kept) if isinstance(p, ast.Constant) and p.value is Ellipsis), None)
    for place, part in enumerate(kept):
        if isinstance(part, ast.Name) and part.id == letter:
            return place - len(kept) if dots is not None and place > dots else place
    return None
