"""An operation's rule in LaTeX with one step's numbers put in.

A rule is a row of equations, one for each differentiable argument, whose left side is that argument's gradient:

    \\bar x = \\bar z \\, y \\qquad \\bar y = \\bar z \\, x

So the first equation's left side names the first argument's symbol, and so on; a barred symbol that is nobody's left
side is the gradient of the output.  Where a tensor has few elements its numbers stand in the symbol's place.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tinygrad_lab.trace.steps import Backward

SHOWN = 9  # elements of a tensor that still stand in a formula
EQUATION = re.compile(r"^\s*\\bar\s*(\\?[A-Za-z]+)(.*?)=(.*)$", re.S)
BARRED = re.compile(r"\\bar\s*(\\ell|[A-Za-z])")


def symbols(rule: str) -> tuple[list[str], str | None]:
    """Return (the symbols of the arguments, the output's symbol or None) of a rule."""
    targets = [match.group(1) for part in rule.split(r"\qquad") if (match := EQUATION.match(part))]
    others = [name for name in BARRED.findall(rule) if name not in targets]
    return targets, others[0] if others else None


def with_numbers(step: Backward) -> str:
    """Return the step's rule, then a line for each contribution: its equation with numbers, and
    what comes out.
    """
    return r" \\ ".join([step.rule, *contributions(step)])


def contributions(step: Backward) -> list[str]:
    """Return for each contribution its equation with numbers, and what comes out; none where the
    rule has other equations.
    """
    targets, output = symbols(step.rule)
    names = step.operation.differentiable
    if len(targets) != len(names) or step.operation.variadic:
        return []
    symbol_of = dict(zip(names, targets, strict=True))
    values = {symbol_of[i.parameter]: i.value.array for i in step.forward.inputs if i.parameter in symbol_of}
    values |= {symbol_of[n]: np.asarray(v) for n, v in step.forward.settings.items() if n in symbol_of}
    gradients = {}
    if output is not None and step.incoming[0] is not None:
        values.setdefault(output, step.forward.outputs[0].array)
        gradients[output] = step.incoming[0]
    lines = []
    equations = dict(zip(targets, step.rule.split(r"\qquad"), strict=False))
    for contribution in step.contributions:
        symbol = symbol_of[contribution.parameter]
        filled = _filled(equations[symbol], values, gradients)
        if r"\top" not in step.rule:  # no product of matrices
            filled = filled.replace(r"\,", r"\odot" if "pmatrix" in filled else r"\cdot")
        if step.operation.elementwise and filled and step.forward.outputs[0].array.shape != contribution.gradient.shape:
            filled = rf"\textstyle\sum_{{\text{{copies}}}} {filled}"
        lines.append(rf"\bar {symbol} = {filled}{number(contribution.gradient)}")
    return lines


def _filled(equation: str, values: dict[str, np.ndarray], gradients: dict[str, np.ndarray]) -> str:
    """The equation's right side with numbers and an equals sign; nothing where indices or sizes forbid it."""
    left, right = equation.split("=", 1)
    right = re.split(r"(?<!\\),|\\quad", right)[0].strip()  # side conditions stay in the rule
    replaced = substitute(right, values, gradients)
    return f"{replaced} = " if "_" not in left and replaced != right else ""


def substitute(formula: str, values: dict[str, np.ndarray], gradients: dict[str, np.ndarray]) -> str:
    """Put numbers in the place of barred symbols (from ``gradients``) and of single letters (from
    ``values``).
    """

    def barred(match: re.Match[str]) -> str:
        array = gradients.get(match.group(1))
        return match.group(0) if array is None or array.size > SHOWN else factor(array)

    def plain(match: re.Match[str]) -> str:
        array = values.get(match.group(0))
        return match.group(0) if array is None or array.size > SHOWN else factor(array)

    pieces = re.split(r"(\\bar\s*(?:\\ell|[A-Za-z]))", formula)
    for index, piece in enumerate(pieces):
        pieces[index] = (
            BARRED.sub(barred, piece)
            if piece.startswith("\\bar")
            else re.sub(r"(?<![A-Za-z\\])(?<!\\hat )[A-Za-z](?![A-Za-z])", plain, piece)
        )
    return "".join(pieces)


def factor(array: np.ndarray) -> str:
    """Write numbers as they stand in a product: a negative one in parentheses."""
    text = number(array)
    return f"({text})" if text.startswith("-") or "times" in text else text


def number(array: np.ndarray) -> str:
    """Write an array in LaTeX: one number, a small matrix, or the shape of a larger one."""
    if array.size > SHOWN or array.ndim > 2:
        return r"\;".join(["[", r" \times ".join(map(str, array.shape)), "]"])
    if array.size == 1:
        return digits(float(array.reshape(())))
    rows = np.atleast_2d(array)
    body = r" \\ ".join(" & ".join(digits(float(v)) for v in row) for row in rows)
    return rf"\begin{{pmatrix}} {body} \end{{pmatrix}}"


def digits(value: float) -> str:
    """Write four significant digits."""
    if not math.isfinite(value):
        return r"\text{NaN}" if math.isnan(value) else r"\infty" if value > 0 else r"-\infty"
    text = f"{value + 0.0:.4g}"  # no negative zero
    if "e" in text:
        mantissa, exponent = text.split("e")
        return rf"{mantissa} \times 10^{{{int(exponent)}}}"
    return text
