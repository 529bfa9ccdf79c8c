"""Writes the equations of a rule, with names and numbers of a step's own in the place of the rule's.

One walk over the syntax tree serves both scripts: LaTeX for pages and notebooks, one line of characters for terminals.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from tinygrad_lab.trace import numerals
from tinygrad_lab.trace.functions import FUNCTIONS
from tinygrad_lab.trace.notation import Equation

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4  # how tightly a written expression holds together
PLAIN = re.compile(r"[\w.′]+")  # a name that needs no brackets
SIGNS = {ast.Lt: "<", ast.LtE: "≤", ast.Gt: ">", ast.GtE: "≥", ast.Eq: "=", ast.NotEq: "≠", ast.Is: "=",
         ast.IsNot: "≠"}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """What stands in the place of a name of the rule.

    Attributes:
        name: the name on the screen; None where numbers stand there.
        gradient: whether it is the gradient of what has that name.
        array: the numbers.
    """

    name: str | None = None
    gradient: bool = False
    array: np.ndarray | None = None


class Writer:
    """Writes expressions as characters; ``Latex`` below as LaTeX.

    Args:
        shown: what stands in the place of the rule's names; others stay.
    """

    def __init__(self, shown: Mapping[str, Shown] = {}) -> None:
        self.shown = shown

    def equation(self, equation: Equation) -> str:
        """Write both sides."""
        sign = self.words("+=") if equation.adds else "="
        return f"{self.write(equation.target)} {sign} {self.write(equation.value)}"

    def write(self, node: ast.expr, least: int = 0) -> str:
        """Write an expression, in brackets where it holds together less tightly than ``least``."""
        text, level = self.with_level(node)
        return self.bracketed(text) if level < least else text

    def with_level(self, node: ast.expr) -> tuple[str, int]:
        match node:
            case ast.Name(id=name):
                return self.named(name)
            case ast.Constant(value=value):
                return self.constant(value)
            case ast.BinOp():
                return self.operation(node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"-{self.write(operand, PRODUCT)}", SUM
            case ast.UnaryOp(operand=operand):
                return self.call("not", [self.write(operand)])
            case ast.Compare(left=left, ops=ops, comparators=others):
                signs = zip(ops, others, strict=True)
                parts = [self.write(left), *(f"{self.sign(SIGNS[type(op)])} {self.write(o)}" for op, o in signs)]
                return f"[{' '.join(parts)}]", ATOM
            case ast.BoolOp(op=op, values=values):
                word = self.words(" and " if isinstance(op, ast.And) else " or ")
                return word.join(self.write(value) for value in values), 0
            case ast.IfExp(test=test, body=body, orelse=other):
                parts = [self.write(body), self.words(" if "), self.write(test), self.words(" else ")]
                return "".join([*parts, self.write(other)]), 0
            case ast.Attribute(value=inner):
                return self.transposed(self.write(inner, ATOM)), POWER
            case ast.Subscript(value=value, slice=index):
                return self.indexed(self.write(value, ATOM), self.index(index)), ATOM
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return ", ".join(self.write(part) for part in parts), 0
            case ast.Call(func=ast.Name(id=name), args=args):
                return self.function(name, args)
        return self.words(ast.unparse(node)), 0

    # ---- names and numbers ------------------------------------------------------------------------------------------
    def named(self, name: str) -> tuple[str, int]:
        shown = self.shown.get(name, Shown(CONSTANTS.get(name, name)))
        if shown.array is not None:
            text = self.numbers(shown.array)
            return text, self.tightness(text) if shown.array.size == 1 else ATOM
        assert shown.name is not None
        if shown.gradient:
            return self.derivative(shown.name), ATOM
        return self.name(shown.name), ATOM if is_one(shown.name) else 0

    @staticmethod
    def tightness(number: str) -> int:
        """How tightly a written number holds together: -3 as a sum, 1 × 10⁻⁷ as a product."""
        return SUM if number.startswith("-") else PRODUCT if "×" in number or "times" in number else ATOM

    def constant(self, value: Any) -> tuple[str, int]:
        if isinstance(value, bool | str) or value is None:
            return self.words(repr(value)), ATOM
        if isinstance(value, int | float | np.number):
            text = self.number(value)
            return text, self.tightness(text)
        return self.words(f"({in_words(value)})" if isinstance(value, tuple | list) else in_words(value)), ATOM

    def index(self, node: ast.expr) -> str:
        """What stands between index brackets, close together: 2h + i."""
        match node:
            case ast.Tuple(elts=parts):
                return ", ".join(map(self.index, parts))
            case ast.Slice(lower=lower, upper=upper, step=step):
                ends = [self.index(part) if part else "" for part in (lower, upper)]
                return ":".join([*ends, *([self.index(step)] if step else [])])
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return f"{self.index(left)}{self.index(right)}"
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return f"{self.index(left)} + {self.index(right)}"
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return f"{self.index(left)} - {self.index(right)}"
            case ast.Constant(value=value) if value is Ellipsis:
                return self.dots()
            case ast.Constant(value=tuple() | list() as value):
                return self.words(in_words(value))
        return self.write(node)

    def operation(self, node: ast.BinOp) -> tuple[str, int]:
        left, right = node.left, node.right
        match node.op:
            case ast.Add():
                return f"{self.write(left, SUM)} + {self.write(right, PRODUCT)}", SUM
            case ast.Sub():
                return f"{self.write(left, SUM)} - {self.write(right, PRODUCT)}", SUM
            case ast.Mult():
                first, second = self._factor(left), self.write(right, POWER)
                return self.product(first, second), PRODUCT
            case ast.MatMult():
                return self.matrices(self._factor(left), self.write(right, POWER)), PRODUCT
            case ast.Div():
                return self.fraction(left, right)
            case ast.Pow():
                return self.power(self.write(left, ATOM), right), POWER
        return f"{self.write(left, PRODUCT)} {self.sign('÷')} {self.write(right, POWER)}", PRODUCT

    def _factor(self, node: ast.expr) -> str:
        """The first factor; a minus may stand before it: -1 · 2."""
        text, level = self.with_level(node)
        bare = level >= PRODUCT or (level == SUM and isinstance(node, ast.UnaryOp))
        return text if bare else self.bracketed(text)

    def function(self, name: str, args: list[ast.expr]) -> tuple[str, int]:
        match name, args:
            case "sqrt", [one]:
                return self.root(one)
            case "exp", [one]:
                return self.exponential(one)
            case "abs", [one]:
                return f"|{self.write(one)}|", ATOM
            case "over", [a, b]:
                return self.fraction(a, b)
            case "sum_like", [one, _]:
                return self.over_copies(self.write(one, POWER)), PRODUCT
        silent = _silent(name)
        return self.call(name, [self.listed(a) for place, a in enumerate(args) if place not in silent])

    def listed(self, node: ast.expr) -> str:
        """An argument; several together in brackets."""
        text = self.write(node)
        return f"[{text}]" if isinstance(node, ast.Tuple | ast.List) else text

    # ---- the script -------------------------------------------------------------------------------------------------
    def bracketed(self, text: str) -> str:
        return f"({text})"

    def words(self, text: str) -> str:
        return text

    def sign(self, text: str) -> str:
        return text

    def dots(self) -> str:
        return "…"

    def name(self, name: str) -> str:
        return name

    def derivative(self, name: str) -> str:
        return f"∂{name}" if is_plain(name) else f"∂({name})"

    def numbers(self, array: np.ndarray) -> str:
        return numerals.characters(array)

    def number(self, value: Any) -> str:
        """A number of the code, with its own digits."""
        return numerals.digits(float(value), 8)

    def product(self, left: str, right: str) -> str:
        return f"{left} · {right}"

    def matrices(self, left: str, right: str) -> str:
        return f"{left} @ {right}"

    def fraction(self, left: ast.expr, right: ast.expr) -> tuple[str, int]:
        return f"{self._factor(left)} / {self.write(right, POWER)}", PRODUCT

    def power(self, base: str, exponent: ast.expr) -> str:
        text = self.write(exponent)
        raised = text.translate(numerals.RAISED)
        return f"{base}{raised}" if re.fullmatch(r"-?\d+", text) else f"{base}^({text})"

    def root(self, node: ast.expr) -> tuple[str, int]:
        return f"√{self.write(node, ATOM)}", ATOM

    def exponential(self, node: ast.expr) -> tuple[str, int]:
        return f"exp({self.write(node)})", ATOM

    def transposed(self, text: str) -> str:
        return f"({text})ᵀ" if text.endswith(".T") else f"{text}ᵀ"

    def indexed(self, text: str, index: str) -> str:
        return f"{text}[{index}]"

    def over_copies(self, text: str) -> str:
        return f"Σ copies {text}"

    def call(self, name: str, args: list[str]) -> tuple[str, int]:
        return f"{name}({', '.join(args)})", ATOM


class Latex(Writer):
    """Writes expressions as LaTeX."""

    def bracketed(self, text: str) -> str:
        return rf"\left({text}\right)" if r"\frac" in text or "pmatrix" in text else f"({text})"

    def words(self, text: str) -> str:
        return rf"\text{{{escaped(text)}}}"

    def sign(self, text: str) -> str:
        return {"≤": r"\le", "≥": r"\ge", "≠": r"\ne", "÷": r"\div"}.get(text, text)

    def dots(self) -> str:
        return r"\dots"

    def name(self, name: str) -> str:
        if re.fullmatch(r"[A-Za-z]", name):
            return name
        if name in SYMBOLS:
            return SYMBOLS[name]
        numbered = re.fullmatch(r"([A-Za-z])_?(\d+|[a-z]|[₀-₉]+)", name)
        if numbered:
            lowered = numbered.group(2).translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"))
            return rf"{numbered.group(1)}_{{{lowered}}}"
        return self.words(name)

    def derivative(self, name: str) -> str:
        return rf"\partial {self.name(name)}" if is_plain(name) else rf"\partial ({self.name(name)})"

    def numbers(self, array: np.ndarray) -> str:
        return numerals.latex(array)

    def number(self, value: Any) -> str:
        return numerals.latex_digits(float(value), 8)

    def product(self, left: str, right: str) -> str:
        return rf"{left} {BOTH if 'pmatrix' in left and 'pmatrix' in right else CDOT} {right}"

    def matrices(self, left: str, right: str) -> str:
        return rf"{left} \, {right}"

    def fraction(self, left: ast.expr, right: ast.expr) -> tuple[str, int]:
        return rf"\frac{{{self.write(left)}}}{{{self.write(right)}}}", PRODUCT

    def power(self, base: str, exponent: ast.expr) -> str:
        return rf"{{{base}}}^{{{self.write(exponent)}}}"

    def root(self, node: ast.expr) -> tuple[str, int]:
        return rf"\sqrt{{{self.write(node)}}}", ATOM

    def exponential(self, node: ast.expr) -> tuple[str, int]:
        return rf"e^{{{self.write(node)}}}", POWER

    def transposed(self, text: str) -> str:
        return rf"{{{text}}}^{{\top}}"

    def indexed(self, text: str, index: str) -> str:
        return rf"{{{text}}}_{{{index}}}" if text.isascii() else text

    def over_copies(self, text: str) -> str:
        return rf"\textstyle\sum_{{\text{{copies}}}} {text}"

    def call(self, name: str, args: list[str]) -> tuple[str, int]:
        return rf"\operatorname{{{name.replace('_', '')}}}({', '.join(args)})", ATOM


CONSTANTS = {"pi": "π", "inf": "∞"}
SYMBOLS = {"π": r"\pi", "∞": r"\infty"}
BOTH, CDOT = r"\odot", r"\cdot"


@cache
def _silent(name: str) -> tuple[int, ...]:
    """The places of arguments of a function that only say how large its result is, or where it was drawn from."""
    function = FUNCTIONS.get(name)
    if function is None or isinstance(function, np.ufunc):
        return ()
    parameters = inspect.signature(function).parameters
    return tuple(place for place, parameter in enumerate(parameters) if parameter in ("like", "generator"))


def is_plain(name: str) -> bool:
    """Tell whether a name stands behind a ∂ without brackets; in those of a transposed matrix the ∂ comes last."""
    return PLAIN.fullmatch(name) is not None and not name.endswith(".T")


def is_one(name: str) -> bool:
    """Tell whether a name, perhaps a piece of source, stands as a factor without brackets."""
    if PLAIN.fullmatch(name):
        return True
    try:
        return isinstance(ast.parse(name, mode="eval").body, ast.Call | ast.Attribute | ast.Subscript)
    except SyntaxError:
        return False


def escaped(text: str) -> str:
    """Write text so that LaTeX shows it as it is."""
    return re.sub(r"([_%&#${}])", r"\\\1", text.replace("\\", "/")).replace("^", r"\^{}").replace("~", "-")


def in_words(value: Any) -> str:
    """Write a setting as code has it, slices as between index brackets."""
    if isinstance(value, tuple | list):
        return ", ".join(map(in_words, value))
    if isinstance(value, slice):
        ends = [value.start, value.stop, *([value.step] if value.step is not None else [])]
        return ":".join("" if end is None else str(end) for end in ends)
    if value is Ellipsis:
        return "…"
    if isinstance(value, np.ndarray):
        return str(value.tolist()) if value.size <= numerals.SHOWN else "index"
    return str(value) if isinstance(value, int | float | str | None) else type(value).__name__
