"""The rule of one step on the screen: in the names of the step's own values, and with its numbers.

A value of the step stands there by its name, its gradient as ∂name: ∂w is the derivative of the result by w.  Settings
are numbers.  Where a tensor has few elements its numbers stand in the place of its name, and what comes out behind.

A number that is smaller than rounding leaves of what cancelled in it, a few units in the last place of the sizes that
were added and subtracted, is written 0, after the sign ≈.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_lab.trace import numerals
from tinygrad_lab.trace.call import CallRule, outputs_of
from tinygrad_lab.trace.evaluation import Evaluation, Size
from tinygrad_lab.trace.functions import DRAWN
from tinygrad_lab.trace.notation import Equation, base, is_indexed, names, parsed
from tinygrad_lab.trace.writing import CONSTANTS, Latex, Shown, Writer

if TYPE_CHECKING:
    from tinygrad_lab.trace.steps import Backward, Contribution, Forward

SMALL = 64  # elements of a tensor that a screen may calculate with
UNITS = 8  # in the last place: what rounding leaves


class Line(NamedTuple):
    """What one step gives to one input: the gradient's name, the numbers of its equation if any, and what comes out."""

    name: str
    numbers: str
    result: str
    rounded: bool

    def text(self, nearly: str = "≈") -> str:
        """Write it as an equation."""
        middle = f" = {self.numbers}" if self.numbers else ""
        return f"{self.name}{middle} {nearly if self.rounded else '='} {self.result}"


class StepRule:
    """The rule of a step, forward or backward.

    Args:
        forward: the call.
        backward: the step that differentiates it, if it is one.
    """

    def __init__(self, forward: Forward, backward: Backward | None = None) -> None:
        self.forward, self.backward = forward, backward
        info = forward.operation
        takes = [item.parameter for item in forward.inputs if item.parameter.split("[")[0] in _differentiable(info)]
        wanted = [c.parameter for c in backward.contributions] if backward else takes
        self.known = parsed(forward.rule) is not None
        self.call = CallRule(forward, list(dict.fromkeys(wanted)), backward.incoming if backward else None)

    # ---- names ------------------------------------------------------------------------------------------------------
    @cached_property
    def shown(self) -> dict[str, Shown]:
        """What stands in the place of the rule's names."""
        own = {item.parameter: item.value.name for item in self.forward.inputs}
        own |= dict(zip(outputs_of(self.forward), (value.name for value in self.forward.outputs), strict=True))
        found = {name: Shown(shown) for name, shown in own.items()}
        taken = self.forward.taken.union(own.values())
        for name in self._locals():
            free = CONSTANTS.get(name, name)
            while free in taken:
                free += "′"
            found[name] = Shown(free)
        return found | {f"d{name}": Shown(shown.name, gradient=True) for name, shown in found.items()}

    def _locals(self) -> list[str]:
        """What the rule itself gives a name: definitions, and index letters."""
        used = {name for e in self.call.equations for side in (e.target, e.value) for name in names(side)}
        defined = {name for s in parsed(self.forward.rule) or () for name in _defined(s)}
        known = self.call.values.keys()
        gradients = {f"d{name}" for name in (*known, *defined)}
        used |= {name for name in defined if f"d{name}" in used}
        return sorted(name for name in used if name not in known and name not in gradients)

    @cached_property
    def equations(self) -> list[Equation]:
        """The equations as they are read: copies that broadcasting made are summed in words."""
        return [self._with_copies(equation) for equation in self.call.equations]

    def _with_copies(self, equation: Equation) -> Equation:
        of = equation.name[1:]
        shape = self.forward.outputs[0].array.shape
        if not self.forward.operation.elementwise or np.shape(self.call.values.get(of, 0)) == shape:
            return equation
        if of not in self.call.wanted or _is_zero(equation.value):
            return equation
        return Equation(equation.target, ast.Call(ast.Name("sum_like"), [equation.value, ast.Name(of)], []))

    def latex(self) -> list[str]:
        """Return the equations in LaTeX; a rule that was written in LaTeX as it stands."""
        if not self.known:
            return [self.forward.rule]
        writer = Latex(self.shown)
        return [writer.equation(equation) for equation in self.equations]

    def text(self) -> list[str]:
        """Return the equations in characters."""
        if not self.known:
            return [self.forward.rule]
        writer = Writer(self.shown)
        return [writer.equation(equation) for equation in self.equations]

    # ---- numbers ----------------------------------------------------------------------------------------------------
    def lines(self, writer: type[Writer] = Writer) -> list[Line]:
        """Return for each contribution its numbers, in the script of ``writer``."""
        assert self.backward is not None
        return [self._line(given, writer) for given in self.backward.contributions]

    def _line(self, given: Contribution, writer: type[Writer]) -> Line:
        name = writer({}).derivative(given.value.name)
        result, rounded = self._result(given)
        number = writer({}).numbers(result)
        numbers = self._with_numbers(given.parameter, writer) if numerals.fits(result) else ""
        return Line(name, "" if numbers == number else numbers, number, rounded)

    def _with_numbers(self, parameter: str, writer: type[Writer]) -> str:
        """The right side of a contribution's equation with numbers in it; nothing where there are none."""
        equation = self._only_equation(parameter)
        if equation is None:
            return ""
        put_in = {name: Shown(array=array) for name, array in self._numbers().items()}
        written = writer(self.shown | put_in).write(equation.value)
        return "" if written == writer(self.shown).write(equation.value) else written

    def _only_equation(self, parameter: str) -> Equation | None:
        """The equation of a contribution, where it is one without indices."""
        found = [e for e in self.equations if e.name == f"d{parameter}"]
        plain = len(found) == 1 and isinstance(found[0].target, ast.Name) and not found[0].adds
        return found[0] if plain and not is_indexed(found[0].value) else None

    def _numbers(self) -> dict[str, np.ndarray]:
        """The numbers that may stand in the place of names: those of small tensors."""
        values = self.call.values
        if self._calculates:
            values = values | {e.name: self._worked_out.named(e.name) for e in self.call.equations
                               if base(e.target) not in values}  # fmt: skip
        return {n: np.asarray(v) for n, v in values.items() if _has_numbers(v)}

    @cached_property
    def _calculates(self) -> bool:
        """Whether all is small, known and worked out at once."""
        arrays = [value for value in self.call.values.values() if isinstance(value, np.ndarray)]
        called = {part.func.id for e in self.call.equations for part in ast.walk(e.value)
                  if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)}  # fmt: skip
        plain = all(isinstance(e.target, ast.Name) and not is_indexed(e.value) for e in self.call.equations)
        return plain and max((a.size for a in arrays), default=0) <= SMALL and not called.intersection(DRAWN)

    @cached_property
    def _worked_out(self) -> Evaluation:
        with np.errstate(all="ignore"):
            return self.call.evaluation(Evaluation)

    @cached_property
    def _sizes(self) -> Evaluation:
        with np.errstate(all="ignore"):
            return self.call.evaluation(Size)

    def _result(self, given: Contribution) -> tuple[np.ndarray, bool]:
        """The contribution, with 0 for what is rounding; whether there is such."""
        gradient = given.gradient
        if not numerals.fits(gradient) or not self._calculates or not self.known or not gradient.any():
            return gradient, False
        size = np.asarray(self._sizes.named(f"d{given.parameter}"), np.float64)
        if not np.isfinite(size).all():
            return gradient, False  # nothing is small beside what has no size
        least = UNITS * np.finfo(gradient.dtype).eps * size.max(initial=0)
        lost = (gradient != 0) & (np.abs(gradient) <= least)
        return (np.where(lost, 0, gradient), True) if lost.any() else (gradient, False)


def generic(info: Any) -> str:
    """Return an operation's rule in LaTeX, in the names of its parameters, variants with their conditions."""
    statements = parsed(info.rule)
    if statements is None:
        return str(info.rule)
    known = {*info.parameters, info.output, *(info.outputs if isinstance(info.outputs, tuple) else ())}
    shown = {f"d{name}": Shown(name, gradient=True) for name in known}
    return r" \qquad ".join(_generic(statements, Latex(shown), ""))


def _generic(statements: Sequence[ast.stmt], writer: Latex, condition: str) -> list[str]:
    found = []
    for statement in statements:
        match statement:
            case ast.If(test=test, body=body, orelse=other):
                found += _generic(body, writer, writer.words(" if ") + writer.write(test))
                found += _generic(other, writer, writer.words(" otherwise"))
            case ast.Assign(targets=[target], value=value):
                found.append(writer.equation(Equation(target, value)) + condition)
            case ast.AugAssign(target=target, value=value):
                found.append(writer.equation(Equation(target, value, adds=True)) + condition)
    return found


def _defined(statement: ast.stmt) -> set[str]:
    """The names that a statement of a rule gives a meaning to."""
    targets = [t for part in ast.walk(statement) if isinstance(part, ast.Assign | ast.AugAssign)
               for t in (part.targets if isinstance(part, ast.Assign) else [part.target])]  # fmt: skip
    return {base(one) for t in targets for one in (t.elts if isinstance(t, ast.Tuple) else [t])}


def _differentiable(info: Any) -> list[str]:
    return [info.variadic] if info.variadic else info.differentiable


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0


def _has_numbers(value: Any) -> bool:
    if isinstance(value, bool | int | float | np.bool_ | np.number):
        return True
    return isinstance(value, np.ndarray) and numerals.fits(value)
