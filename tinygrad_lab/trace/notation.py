"""The notation of rules: backward rules written like the code next to them, parsed with ``ast``, never executed.

    @operation(rule="dx = dz * y; dy = dz * x", elementwise=True)
    @operation(rule="dinput = y * (dy - sum(dy * y, dim))")

A rule is a row of equations, parted by ";" or by lines.

    names       the parameters of the operation, settings such as ``dim`` among them.  Its output is ``y``, or ``z``
                where a parameter is called y; several outputs have the names that ``outputs=`` gives them, or are
                ``y[0]``, ``y[1]``, ...  ``dNAME`` is the gradient of NAME.
    definitions ``p = softmax(input, dim)`` says what p is; ``dp`` is then a name for its gradient.
    functions   those of ``tinygrad_lab.trace.functions``, where their meaning stands
    operators   + - * / ** @ and comparisons, which are 1 where they hold and 0 where not; ``.T`` exchanges the last
                two axes.
    indices     letters: ``dx[c, s * h + i] += w[f, c, i] * dy[f, h]`` adds up over all of them.  A letter runs over
                the axis that it stands for alone, or over what ``i = range(k)`` says; outside of a tensor there are
                zeros.  ``c[t] = f[t] * c[t - 1]`` with ``c[-1] = c_0`` is a recurrence.
    variants    ``a if training else b``, and ``if ...:`` over several lines: settings and shapes decide, and a reader
                sees the part that holds.

A gradient of more axes than its tensor in an elementwise operation is summed over the copies.  A text with a backslash
is LaTeX and is shown as it stands, without numbers.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Equation:
    """One line of a rule.

    Attributes:
        target: what the left side names: ``ast.Name``, or ``ast.Subscript`` of one.
        value: the right side.
        adds: whether it is ``+=``.
    """

    target: ast.expr
    value: ast.expr
    adds: bool = False

    @property
    def name(self) -> str:
        """Whose value the equation gives, without indices."""
        return base(self.target)


def base(target: ast.expr) -> str:
    """Return the name that a target or an indexed name is of."""
    while isinstance(target, ast.Subscript):
        target = target.value
    if not isinstance(target, ast.Name):
        raise ValueError(f"a rule's left side must be a name: {ast.unparse(target)}")
    return target.id


@cache
def parsed(rule: str) -> tuple[ast.stmt, ...] | None:
    """Return the statements of a rule; None for LaTeX and for words, which are shown as they stand."""
    if "\\" in rule:
        return None
    try:
        return tuple(ast.parse(inspect.cleandoc(rule)).body)
    except SyntaxError:
        return None


def names(node: ast.AST) -> Iterator[str]:
    """Yield the names in an expression that stand for values: no functions."""
    called = {id(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)}
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and id(part) not in called:
            yield part.id


def is_indexed(node: ast.AST) -> bool:
    """Tell whether anything in an expression has indices."""
    return any(isinstance(part, ast.Subscript) for part in ast.walk(node))
