"""Expressions with values: ``relu(w*x + b)`` with w=2, x=-3, b=1.  Parsed, checked against a whitelist, never executed.

    expression  = statements separated by ";" or lines; all but the last are assignments: b = a + a; c = b * b
    operators   + - * / ** @ and parentheses; .T transposes a matrix
    functions   see FUNCTIONS; sums, means, extremes and softmax take dim=0, 1, ... (the softmax's default is the last);
                such settings are plain numbers and get no gradient
    values      numbers, or lists of numbers: x=-3  x="[1, 2]"  W="[[1, 0], [0, 1]]"

All numbers are float64.  Every value that is given gets a gradient.  A result of more than one number is summed, by a
step of its own.
"""

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_lab import Tensor, ops
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.stepping.functions import FUNCTIONS, OPERATORS, Function
from tinygrad_lab.lab.stepping.values import LARGEST, number, quoted, short
from tinygrad_lab.trace import Forward, Recorder, Trace
from tinygrad_lab.trace.record import LIMIT, Place, TooLargeError, listening

SUMMED = "# The result is more than one number: they are summed, so that there is one to differentiate."
FILE = "expression"  # what steps name as their file
LONGEST = 2000  # characters of an expression
TOGETHER = 1_000_000  # elements of all values that it makes
CLOSES = {")": "(", "]": "[", "}": "{"}
DEEPEST = 400  # formulas inside one another
STATEMENTS = frozenset({
    "assert", "async", "break", "class", "continue", "def", "del", "for", "from", "global", "if", "import", "nonlocal",
    "pass", "raise", "return", "try", "while", "with",
})  # fmt: skip  # what Python has besides assignments and formulas, by first word
REFUSED = (ValueError, TypeError, IndexError, RuntimeError, OverflowError, MemoryError)  # what operations complain with


def trace_expression(text: str, given: Mapping[str, Tensor]) -> Trace:
    """Evaluate an expression and differentiate it.

    Args:
        text: the expression, as above.
        given: values by name.

    Raises:
        UsageError: what is not allowed, not known, missing, left over, of the wrong shape, or too large; says where.
    """
    body = parse(text)
    recorder = _Recorder(text, given)
    evaluation = _Evaluation(text, given, recorder)
    try:
        with listening(recorder), np.errstate(all="ignore"):
            result = evaluation.run(body)
            recorder.learn_names(recorder.variables)
            if result.numel() != 1:
                recorder.line, recorder.source = len(text.strip().splitlines()) + 1, f"sum({recorder.source})"
                result = ops.sum(result)
            evaluation.check_all_used()
            if result._node is None:
                raise UsageError(
                    f"{quoted(text)} computes nothing from a given value: there is nothing to step through"
                )
            traced = recorder.trace(result)
    except TooLargeError as error:
        raise UsageError(f"the expression has more than {error.limit} operations") from error
    except RecursionError as error:
        raise UsageError("the expression is nested too deeply") from error
    return traced


def is_summed(traced: Trace, text: str) -> bool:
    """Tell whether the result was more than one number, and summed."""
    lines = len(text.strip().splitlines())
    return any(isinstance(step, Forward) and step.line > lines for step in traced)


def parse(text: str) -> list[ast.stmt]:
    """The statements of an expression; only their outermost form is checked here.

    Raises:
        UsageError: no Python syntax, nothing at all, too long, or statements that are no assignment.
    """
    if len(text) > LONGEST:
        raise UsageError(f"the expression has {len(text)} characters, at most {LONGEST} are read")
    for word in re.findall(r"(?:^|[;\n])\s*([a-z]+)(?!\w)", plain_text(text)):
        if word in STATEMENTS:
            raise UsageError(
                f"{quoted(word)} is not allowed: there are assignments, and the last statement is a formula"
            )
    body = _statements(text)
    if not body:
        raise UsageError('the expression is empty; try "relu(w*x + b)" w=2 x=-3 b=1')
    for statement in body[:-1]:
        if not isinstance(statement, ast.Assign):
            raise UsageError(f"{_said(text, statement)}: all but the last statement must be assignments: b = a + a")
    if not isinstance(body[-1], ast.Assign | ast.Expr):
        raise UsageError(f"{_said(text, body[-1])} is not allowed: the last statement must be a formula")
    _check_depth(body)
    return body


def _statements(text: str) -> list[ast.stmt]:
    try:
        with warnings.catch_warnings(action="ignore"):  # of what Python finds odd
            return ast.parse(text.strip()).body
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{quoted(text)} is no expression: {why_not(text)}") from error
    except (RecursionError, MemoryError) as error:
        raise UsageError("the expression is nested too deeply") from error


def _said(text: str, statement: ast.stmt) -> str:
    return quoted(ast.get_source_segment(text.strip(), statement) or text)


def _check_depth(body: list[ast.stmt]) -> None:
    """Raise a UsageError where formulas are so deep inside one another that walking over them could not end well."""
    pending: list[tuple[ast.AST, int]] = [(s.value, 1) for s in body if isinstance(s, ast.Assign | ast.Expr)]
    while pending:
        node, depth = pending.pop()
        if depth > DEEPEST:
            raise UsageError("the expression is nested too deeply")
        pending += [(inner, depth + 1) for inner in ast.iter_child_nodes(node)]


def plain_text(text: str) -> str:
    """Return the expression without comments and strings."""
    return re.sub(r"""'[^'\n]*'|"[^"\n]*"|#[^\n]*""", "", text)


def why_not(text: str) -> str:
    """Say what is wrong with the brackets of an expression that is no Python, or else that it is none.

    The words are our own, as Python's change with its version; the playground has the same.
    """
    opened: list[str] = []
    for sign in plain_text(text):
        if sign in "([{":
            opened.append(sign)
        elif sign in CLOSES:
            opening = opened.pop() if opened else ""
            if not opening:
                return f"unmatched '{sign}'"
            if opening != CLOSES[sign]:
                return f"closing parenthesis '{sign}' does not match opening parenthesis '{opening}'"
    return f"'{opened[-1]}' was never closed" if opened else "it is not in Python's syntax"


class _Recorder(Recorder):
    """Names the statement and the part of the expression that is being evaluated."""

    def __init__(self, text: str, names: Mapping[str, Tensor]) -> None:
        super().__init__(names, LIMIT)
        self.line, self.source = 1, text
        self.variables: dict[str, Tensor] = {}

    def place(self) -> Place:
        return Place(FILE, self.line, self.source, self.variables, self.source)


class _Evaluation:
    """Walks over the syntax tree; a node that is not one of those below is refused."""

    def __init__(self, text: str, given: Mapping[str, Tensor], recorder: _Recorder) -> None:
        self.text, self.given, self.recorder = text.strip(), given, recorder
        self.variables: dict[str, Tensor] = dict(given)
        self.unused = set(given)
        self.made = 0  # elements

    def run(self, body: Sequence[ast.stmt]) -> Tensor:
        for statement in body:
            if isinstance(statement, ast.Assign):
                result = self.assign(statement)
            else:
                assert isinstance(statement, ast.Expr)  # parse() has seen to it
                result = self.tensor(statement.value)
        return result

    def check_all_used(self) -> None:
        if self.unused:
            raise UsageError(f"the expression does not use {short(', '.join(sorted(self.unused)))}")

    def assign(self, statement: ast.Assign) -> Tensor:
        target = statement.targets[0]
        if len(statement.targets) != 1 or not isinstance(target, ast.Name):
            raise self.refused(statement)
        if target.id in self.given or target.id in FUNCTIONS:
            raise UsageError(f"{self.at(statement)}: {short(target.id)} has a meaning already")
        value = self.tensor(statement.value)
        self.variables[target.id] = self.recorder.variables[target.id] = value
        return value

    def tensor(self, node: ast.expr) -> Tensor:
        value = self.value(node)
        return value if isinstance(value, Tensor) else Tensor(np.float64(value))

    def value(self, node: ast.expr) -> Tensor | float:
        """What an expression is worth; plain numbers stay numbers."""
        match node:
            case ast.Constant(value=int() | float() as constant) if not isinstance(constant, bool):
                return number(constant)
            case ast.Name(id=name):
                return self.variable(name)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.value(operand)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.value(operand)
                return self.call(node, OPERATORS[ast.USub], [inner]) if isinstance(inner, Tensor) else -inner
            case ast.BinOp(op=operator, left=left, right=right) if type(operator) in OPERATORS:
                return self.binary(node, OPERATORS[type(operator)], self.value(left), self.value(right))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                return self.function(node, name, args, keywords)
            case ast.Attribute(value=inner_node, attr="T"):
                return self.call(node, OPERATORS[ast.Attribute], [self.tensor(inner_node)])
            case _:
                raise self.refused(node)

    def variable(self, name: str) -> Tensor:
        if name not in self.variables:
            known = "it is a function: write it with parentheses" if name in FUNCTIONS else f"add {short(name)}=1, say"
            raise UsageError(f"{short(name)} has no value; {known}")
        self.unused.discard(name)
        return self.variables[name]

    def binary(self, node: ast.expr, operator: Function, left: Tensor | float, right: Tensor | float) -> Tensor:
        if not isinstance(left, Tensor) and (not isinstance(right, Tensor) or operator is OPERATORS[ast.MatMult]):
            left = Tensor(np.float64(left))
        if not isinstance(right, Tensor) and operator is OPERATORS[ast.MatMult]:
            right = Tensor(np.float64(right))
        return self.call(node, operator, [left, right])

    # ---- calls ------------------------------------------------------------------------------------------------------
    def function(self, node: ast.Call, name: str, args: list[ast.expr], keywords: list[ast.keyword]) -> Tensor:
        if name not in FUNCTIONS:
            raise UsageError(f"{short(name)} is no function here; there are: {', '.join(FUNCTIONS)}")
        function = FUNCTIONS[name]
        least, most = function.values
        given = self.settings_given(node, function, args[most:], keywords)
        if len(args) < least:
            raise self.fails(node, f"{name} takes {least} value{'s' * (least > 1)}, got {len(args)}")
        values = [self.tensor(argument) for argument in args[:most]]
        if function.classes is not None:
            values[function.classes] = self.classes(args[function.classes], values[function.classes])
        settings = {setting: self.setting(node, function, setting, found) for setting, found in given.items()}
        return self.call(node, function, values, settings)

    def classes(self, node: ast.expr, value: Tensor) -> Tensor:
        """Class numbers as whole numbers, called as they were written; others as they are, to be refused."""
        numbers = np.asarray(value)
        if not (np.array_equal(numbers, np.abs(np.round(numbers))) and numbers.max(initial=0) <= LARGEST):
            return value
        whole = Tensor(numbers.astype(np.int64))
        self.recorder.variables[self.segment(node)] = whole
        return whole

    def settings_given(
        self, node: ast.Call, function: Function, args: list[ast.expr], keywords: list[ast.keyword]
    ) -> dict[str, ast.expr]:
        """Where the settings of a call stand, by name."""
        if args and (function.in_place_of or len(args) > len(function.settings)):
            most, settings = function.values[1], ", ".join(function.settings) or "no settings"
            few = f"there can be {most} value{'s' * (most > 1)} and {settings}"
            raise self.fails(node, function.in_place_of or few)
        given = dict(zip(function.settings, args, strict=False))
        for keyword in keywords:
            if keyword.arg is None or keyword.arg not in function.settings:
                raise self.refused(node)
            if keyword.arg in given:
                raise self.fails(node, f"{keyword.arg} is given twice")
            given[keyword.arg] = keyword.value
        return given

    def setting(self, call: ast.Call, function: Function, name: str, node: ast.expr) -> Any:
        """A setting as its function takes it."""
        found = self.plain(name, node)
        try:
            if isinstance(found, int | float) and not isinstance(found, bool):
                number(found)
            return function.settings[name](name, found)
        except ValueError as error:
            raise self.fails(call, str(error)) from error

    def plain(self, name: str, node: ast.expr) -> Any:
        """What a setting is given: a constant, or a variable that no gradient comes to."""
        match node:
            case ast.Constant(value=constant):
                return constant
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=ast.Constant(value=int() | float() as size)):
                return -size if isinstance(sign, ast.USub) else size
            case ast.Name(id=variable) if not (value := self.variable(variable)).requires_grad and value.numel() == 1:
                found = value.item()
                return int(found) if float(found).is_integer() else found
        why = "and this value gets a gradient" if isinstance(node, ast.Name) else "not a formula"
        raise UsageError(f"{self.at(node)} is not allowed there: {name} is a setting and must be a plain number, {why}")

    def call(
        self, node: ast.expr, function: Function, values: list[Any], settings: Mapping[str, Any] | None = None
    ) -> Tensor:
        """Run one operation; what it complains of is said of the part of the expression where it stands."""
        self.recorder.line, self.recorder.source = node.lineno, self.segment(node)
        if (size := function.size(values)) > LARGEST:
            raise UsageError(f"{self.at(node)} would make {size:,} numbers, at most {LARGEST:,} are made")
        try:
            made = function.run(*values, **settings or {})
        except TooLargeError:
            raise
        except REFUSED as error:
            shapes = " and ".join(str(tuple(v.shape)) if isinstance(v, Tensor) else "a number" for v in values)
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise self.fails(node, reason, f" with shapes {shapes}") from error
        self.made += made.numel()
        if self.made > TOGETHER:
            raise UsageError(f"the expression makes more than {TOGETHER:,} numbers in all")
        return made

    # ---- words ------------------------------------------------------------------------------------------------------
    def segment(self, node: ast.AST) -> str:
        """Return a part of the expression as it was written."""
        return ast.get_source_segment(self.text, node) or self.text

    def at(self, node: ast.AST) -> str:
        """Return such a part for a message."""
        return quoted(self.segment(node))

    def fails(self, node: ast.AST, reason: str, on: str = "") -> UsageError:
        return UsageError(f"{self.at(node)} does not work{on}: {reason}")

    def refused(self, node: ast.AST) -> UsageError:
        return UsageError(
            f"{self.at(node)} is not allowed: an expression has numbers, names, + - * / ** @, .T and the functions "
            f"{', '.join(FUNCTIONS)}"
        )
