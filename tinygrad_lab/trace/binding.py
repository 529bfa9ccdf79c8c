"""A rule for one call: settings have their numbers, variants are decided, and only what is asked for is left."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_lab.trace.evaluation import Evaluation
from tinygrad_lab.trace.notation import Equation, names
from tinygrad_lab.trace.places import OF_SHAPES

WHOLE: dict[type, Any] = {ast.Add: int.__add__, ast.Sub: int.__sub__, ast.Mult: int.__mul__,
                          ast.FloorDiv: int.__floordiv__}  # fmt: skip


OF_NOTHING_NOTHING = ("visited", "spread", "summed")  # of zeros they give zeros


@dataclass
class Bound:
    """The equations of one call.

    Attributes:
        equations: what holds, in order.
        ranges: what index letters run over, where the rule says so.
    """

    equations: list[Equation] = field(default_factory=list)
    ranges: dict[str, range] = field(default_factory=dict)

    def needed_for(self, wanted: Iterable[str]) -> list[Equation]:
        """Return the equations that give the names wanted, and those that these speak of."""
        known = set(wanted)
        while True:
            kept = [equation for equation in self.equations if equation.name in known]
            more = known.union(*(names(e.value) for e in kept), *(names(e.target) for e in kept))
            if more == known:
                return kept
            known = more


def bind(statements: Sequence[ast.stmt], values: Mapping[str, Any], absent: Iterable[str] = ()) -> Bound:
    """Put the settings of a call into a rule.

    Args:
        statements: the rule, as ``tinygrad_lab.trace.notation`` parses it.
        values: what the call was given and made, and its incoming gradients, by name; lists of arrays under the name
            of a ``*parameter`` or of outputs in any number.
        absent: incoming gradients of outputs that nobody used.
    """
    folding = _Folding(values, absent)
    folding.statements(statements)
    return folding.bound


class _Folding(ast.NodeTransformer):
    """Replaces what is known by constants."""

    def __init__(self, values: Mapping[str, Any], absent: Iterable[str]) -> None:
        self.values = dict(values)
        self.known = {name: value for name, value in values.items() if not _is_shown(value)}
        self.known |= dict.fromkeys(absent, 0)
        self.bound = Bound()

    def statements(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            match statement:
                case ast.If(test=test, body=body, orelse=other):
                    self.statements(body if self._holds(test) else other)
                case ast.Assign(targets=[target], value=value):
                    self._define(target, self._folded(value))
                case ast.AugAssign(target=target, op=ast.Add(), value=value):
                    self._keep(target, self._folded(value), adds=True)
                case _:
                    raise ValueError(f"a rule is made of equations, not of {ast.unparse(statement)}")

    def _define(self, target: ast.expr, value: ast.expr) -> None:
        constant = value.value if isinstance(value, ast.Constant) else None
        if isinstance(constant, range) and isinstance(target, ast.Name):
            self.bound.ranges[target.id] = constant
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for part, given in zip(target.elts, value.elts, strict=True):
                self._define(part, given)
        elif isinstance(target, ast.Tuple) and isinstance(constant, tuple):
            for part, number in zip(target.elts, constant, strict=True):
                self._define(part, ast.Constant(number))
        elif isinstance(target, ast.Name) and isinstance(constant, int | str | tuple) and self._is_local(target.id):
            self.known[target.id] = constant
        elif isinstance(value, ast.Name) and isinstance(target, ast.Name) and self._is_local(target.id):
            self.known[target.id] = value  # another name for the same
        else:
            self._keep(target, value, adds=False)

    def _is_local(self, name: str) -> bool:
        return not (name[:1] == "d" and name[1:].split("[")[0] in self.values)

    def _keep(self, target: ast.expr, value: ast.expr, adds: bool) -> None:
        if isinstance(target, ast.Subscript):
            target = self.visit_Subscript(copy.deepcopy(target))
        self.bound.equations.append(Equation(target, value, adds))

    def _folded(self, node: ast.expr) -> ast.expr:
        folded = self.visit(copy.deepcopy(node))
        assert isinstance(folded, ast.expr)
        return folded

    def _holds(self, test: ast.expr) -> bool:
        return bool(Evaluation(self.values).value(self._folded(test)))

    # ---- what is replaced -------------------------------------------------------------------------------------------
    def visit_Name(self, node: ast.Name) -> ast.expr:
        given = self.values.get(node.id)
        if isinstance(given, list) and _is_shown(given):
            return ast.List([ast.Name(f"{node.id}[{k}]") for k in range(len(given))])
        if node.id not in self.known:
            return node
        value = self.known[node.id]
        return value if isinstance(value, ast.Name) else ast.Constant(value)

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        return self._folded(node.body if self._holds(node.test) else node.orelse)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        node.slice = self._folded(node.slice)
        if isinstance(node.value, ast.Name) and isinstance(self.values.get(node.value.id), list):
            if isinstance(node.slice, ast.Constant):
                return self.visit_Name(ast.Name(f"{node.value.id}[{node.slice.value!r}]"))
            return node
        if isinstance(node.value, ast.Name) and isinstance(node.slice, ast.Constant) and node.value.id[:1] == "d":
            of = self.values.get(node.value.id[1:])
            if isinstance(of, list):
                return ast.Name(f"{node.value.id}[{node.slice.value!r}]")
        node.value = self._folded(node.value)
        if isinstance(node.value, ast.Constant) and _is(node.value.value, 0):
            return node.value  # of an output that nobody used
        if isinstance(node.value, ast.Constant) and isinstance(node.slice, ast.Constant):
            known: Any = node.value.value
            return ast.Constant(known[node.slice.value])
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        assert isinstance(node.func, ast.Name)
        args = []
        for argument in node.args:
            args += self._all_but(argument.value) if isinstance(argument, ast.Starred) else [self._folded(argument)]
        while len(args) > 1 and isinstance(args[-1], ast.Constant) and args[-1].value is None:
            args.pop()
        keywords = [ast.keyword(k.arg, self._folded(k.value)) for k in node.keywords]
        call = ast.Call(node.func, args, keywords)
        if node.func.id in OF_NOTHING_NOTHING and isinstance(args[0], ast.Constant) and _is(args[0].value, 0):
            return args[0]
        if node.func.id in OF_SHAPES and set(names(call)) <= self.values.keys():
            return ast.Constant(Evaluation(self.values).value(call))
        return call

    def _all_but(self, node: ast.expr) -> list[ast.expr]:
        """``*without(operands, k)``: all of a list but one."""
        assert isinstance(node, ast.Call)  # the only use of a star
        assert isinstance(node.args[0], ast.Name)
        left_out = self._folded(node.args[1])
        assert isinstance(left_out, ast.Constant)
        name = node.args[0].id
        return [ast.Name(f"{name}[{j}]") for j in range(len(self.values[name])) if j != left_out.value]

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self._folded(node.left), self._folded(node.right)
        a, b = (side.value if isinstance(side, ast.Constant) else None for side in (left, right))
        if type(a) is int and type(b) is int and type(node.op) in WHOLE:
            return ast.Constant(WHOLE[type(node.op)](a, b))
        match node.op:
            case ast.Mult() | ast.MatMult() if _is(a, 0) or _is(b, 0):
                return ast.Constant(0)
            case ast.Mult() if _is(a, 1):
                return right
            case ast.Mult() | ast.Div() if _is(b, 1):
                return left
            case ast.Add() if _is(a, 0):
                return right
            case ast.Pow() if _is(b, 1):
                return left
            case ast.Add() | ast.Sub() if _is(b, 0):
                return left
        return ast.BinOp(left, node.op, right)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        operand = self._folded(node.operand)
        if isinstance(operand, ast.Constant) and isinstance(node.op, ast.USub):
            number: Any = operand.value
            if type(number) in (int, float):
                return ast.Constant(-number)
        return ast.UnaryOp(node.op, operand)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        return ast.BoolOp(node.op, [self._folded(part) for part in node.values])


def _is(value: Any, number: int) -> bool:
    return type(value) in (int, float) and value == number


def _is_shown(value: Any) -> bool:
    """Whether a value has a name on the screen: tensors and lists of them, and generators."""
    return (
        isinstance(value, np.ndarray | np.random.Generator)
        or (isinstance(value, list) and any(isinstance(item, np.ndarray) for item in value))
        or callable(value)
    )
