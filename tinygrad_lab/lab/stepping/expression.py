"""Expressions with values: ``relu(w*x + b)`` with w=2, x=-3, b=1.  Parsed, checked against a whitelist, never executed.

    expression  = statements separated by ";" or lines; all but the last are assignments: b = a + a; c = b * b
    operators   + - * / ** @ and parentheses; .T transposes a matrix
    functions   see FUNCTIONS; sums, means, extremes and softmax take dim=0, 1, ... (the softmax's default is the last)
    values      numbers, or lists of numbers: x=-3  x="[1, 2]"  W="[[1, 0], [0, 1]]"

All numbers are float64.  Every value that is given gets a gradient.  A result of more than one number is summed, by a
step of its own.
"""

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_lab import Tensor, ops
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.trace import Recorder, Trace
from tinygrad_lab.trace.record import LIMIT, Place, TooLargeError, listening

FILE = "expression"  # what steps name as their file
LONGEST = 2000  # characters of an expression
LARGEST = 10_000  # elements of a value


def indices(target: Tensor) -> Tensor:
    """Class numbers as whole numbers."""
    numbers = np.asarray(target)
    if not np.array_equal(numbers, np.round(numbers)):
        raise ValueError("the target must be class numbers: 0, 1, 2, ...")
    return Tensor(numbers.astype(np.int64))


Function = Callable[..., Tensor]

FUNCTIONS: dict[str, Function] = {
    "relu": ops.relu, "leaky_relu": ops.leaky_relu, "tanh": ops.tanh, "sigmoid": ops.sigmoid, "softplus": ops.softplus,
    "gelu": ops.gelu, "silu": ops.silu,
    "exp": ops.exp, "log": ops.log, "sqrt": ops.sqrt, "sin": ops.sin, "cos": ops.cos, "abs": ops.abs,
    "square": ops.square,
    "maximum": ops.maximum, "minimum": ops.minimum,
    "sum": ops.sum, "mean": ops.mean, "max": ops.amax, "min": ops.amin, "norm": ops.norm,
    "softmax": lambda x, dim=-1: ops.softmax(x, dim), "log_softmax": lambda x, dim=-1: ops.log_softmax(x, dim),
    "matmul": ops.matmul, "linear": ops.linear,
    "mse_loss": ops.mse_loss, "cross_entropy": lambda logits, target: ops.cross_entropy(logits, indices(target)),
}  # fmt: skip

OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Tensor]] = {
    ast.Add: ops.add,
    ast.Sub: ops.subtract,
    ast.Mult: ops.multiply,
    ast.Div: ops.divide,
    ast.Pow: ops.power,
    ast.MatMult: ops.matmul,
}


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
            if result.numel() != 1:
                recorder.source = f"sum({recorder.source})"
                result = ops.sum(result)
            evaluation.check_all_used()
            if result._node is None:
                raise UsageError(f"{text!r} computes nothing from a given value: there is nothing to step through")
            traced = recorder.trace(result)
    except TooLargeError as error:
        raise UsageError(f"the expression has more than {error.limit} operations") from error
    except RecursionError as error:
        raise UsageError("the expression is nested too deeply") from error
    for step in traced:
        if step.phase == "forward" and step.outputs[0].name.startswith("v") and step.source:
            step.outputs[0].name = step.source
    return traced


def parse(text: str) -> list[ast.stmt]:
    """The statements of an expression; only their outermost form is checked here.

    Raises:
        UsageError: no Python syntax, nothing at all, too long, or statements that are no assignment.
    """
    if len(text) > LONGEST:
        raise UsageError(f"the expression has {len(text)} characters, at most {LONGEST} are read")
    try:
        body = ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else "it cannot be parsed"
        raise UsageError(f"{text!r} is no expression: {reason}") from error
    if not body:
        raise UsageError('the expression is empty; try "relu(w*x + b)" w=2 x=-3 b=1')
    for statement in body[:-1]:
        if not isinstance(statement, ast.Assign):
            raise UsageError(f"{ast.unparse(statement)!r}: all but the last statement must be assignments: b = a + a")
    if not isinstance(body[-1], ast.Assign | ast.Expr):
        raise UsageError(f"{ast.unparse(body[-1])!r} is not allowed: the last statement must be a formula")
    return body


def parse_value(name: str, text: str) -> Tensor:
    """A number or nested lists of numbers as a tensor that wants a gradient.

    Raises:
        UsageError: anything else.
    """
    try:
        array = np.array(ast.literal_eval(text.strip()))
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError, OverflowError) as error:
        raise UsageError(f"{name}={text}: not a number or a list of numbers, such as -3 or [1, 2]") from error
    if array.dtype.kind not in "fi" or not array.size:
        raise UsageError(f"{name}={text}: not a number or a list of numbers, such as -3 or [1, 2]")
    if array.size > LARGEST:
        raise UsageError(f"{name}: {array.size} numbers, at most {LARGEST} are read")
    return Tensor(array.astype(np.float64), requires_grad=True)


def assignments(words: Sequence[str]) -> dict[str, Tensor]:
    """``["w=2", "x=[1, 2]"]`` as tensors by name.

    Raises:
        UsageError: a word without "=", a name that cannot be one, or is a function's, or comes twice; a bad value.
    """
    values: dict[str, Tensor] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise UsageError(f"{word!r}: values are given as name=value, such as x=-3")
        if name in FUNCTIONS:
            raise UsageError(f"{word!r}: {name} is a function and cannot be a value's name")
        if name in values:
            raise UsageError(f"{name} is given twice")
        values[name] = parse_value(name, value)
    return values


class _Recorder(Recorder):
    """Names the statement and the part of the expression that is being evaluated."""

    def __init__(self, text: str, names: Mapping[str, Tensor]) -> None:
        super().__init__(names, LIMIT)
        self.line, self.source = 1, text
        self.variables: dict[str, Tensor] = {}

    def place(self) -> Place:
        return Place(FILE, self.line, self.source, self.variables)


class _Evaluation:
    """Walks over the syntax tree; a node that is not one of those below is refused."""

    def __init__(self, text: str, given: Mapping[str, Tensor], recorder: _Recorder) -> None:
        self.text, self.given, self.recorder = text.strip(), given, recorder
        self.variables: dict[str, Tensor] = dict(given)
        self.unused = set(given)

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
            raise UsageError(f"the expression does not use {', '.join(sorted(self.unused))}")

    def assign(self, statement: ast.Assign) -> Tensor:
        target = statement.targets[0]
        if len(statement.targets) != 1 or not isinstance(target, ast.Name):
            raise self.refused(statement)
        if target.id in self.given or target.id in FUNCTIONS:
            raise UsageError(f"{self.at(statement)!r}: {target.id} has a meaning already")
        value = self.tensor(statement.value)
        self.variables[target.id] = self.recorder.variables[target.id] = value
        return value

    def tensor(self, node: ast.expr) -> Tensor:
        value = self.value(node)
        return value if isinstance(value, Tensor) else Tensor(np.float64(value))

    def value(self, node: ast.expr) -> Tensor | float:
        """What an expression is worth; plain numbers stay numbers."""
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self.number(number)
            case ast.Name(id=name):
                return self.variable(name)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.value(operand)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.value(operand)
                return self.call(node, ops.negative, inner) if isinstance(inner, Tensor) else -inner
            case ast.BinOp(op=operator, left=left, right=right) if type(operator) in OPERATORS:
                return self.binary(node, OPERATORS[type(operator)], self.value(left), self.value(right))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                return self.function(node, name, args, keywords)
            case ast.Attribute(value=inner, attr="T"):
                return self.call(node, lambda x: ops.transpose(x, 0, 1), self.tensor(inner))
            case _:
                raise self.refused(node)

    def number(self, number: float | int) -> float:
        if not math.isfinite(number) or abs(number) > 1e300:
            raise UsageError(f"a number is too large: {str(number)[:20]}")
        return float(number)

    def variable(self, name: str) -> Tensor:
        if name not in self.variables:
            known = "it is a function: write it with parentheses" if name in FUNCTIONS else f"add {name}=1, say"
            raise UsageError(f"{name} has no value; {known}")
        self.unused.discard(name)
        return self.variables[name]

    def binary(self, node: ast.expr, operator: Function, left: Tensor | float, right: Tensor | float) -> Tensor:
        if not isinstance(left, Tensor) and (not isinstance(right, Tensor) or operator is ops.matmul):
            left = Tensor(np.float64(left))
        return self.call(node, operator, left, right)

    def function(self, node: ast.Call, name: str, args: list[ast.expr], keywords: list[ast.keyword]) -> Tensor:
        if name not in FUNCTIONS:
            raise UsageError(f"{name} is no function here; there are: {', '.join(FUNCTIONS)}")
        settings: dict[str, Any] = {}
        for keyword in keywords:
            if keyword.arg not in ("dim", "keepdim") or not isinstance(keyword.value, ast.Constant | ast.UnaryOp):
                raise self.refused(node)
            if isinstance(keyword.value, ast.Constant) and keyword.arg == "keepdim":
                settings[keyword.arg] = bool(keyword.value.value)
                continue
            value = self.value(keyword.value)
            if isinstance(value, Tensor):
                raise self.refused(node)
            settings[keyword.arg] = int(value)
        return self.call(node, FUNCTIONS[name], *[self.tensor(argument) for argument in args], **settings)

    def call(self, node: ast.expr, function: Function, *args: Any, **settings: Any) -> Tensor:
        """Run one operation; what it complains of is said of the part of the expression where it stands."""
        self.recorder.line, self.recorder.source = node.lineno, self.at(node)
        try:
            return function(*args, **settings)
        except TooLargeError:
            raise
        except (ValueError, TypeError, IndexError, RuntimeError) as error:
            shapes = " and ".join(str(tuple(a.shape)) if isinstance(a, Tensor) else "a number" for a in args)
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UsageError(f"{self.at(node)!r} does not work with shapes {shapes}: {reason}") from error

    def at(self, node: ast.AST) -> str:
        """A part of the expression as it was written."""
        return ast.get_source_segment(self.text, node) or self.text

    def refused(self, node: ast.AST) -> UsageError:
        return UsageError(
            f"{self.at(node)!r} is not allowed: an expression has numbers, names, + - * / ** @, .T and the functions "
            f"{', '.join(FUNCTIONS)}"
        )
