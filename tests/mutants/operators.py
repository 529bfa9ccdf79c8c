"""The kinds of small change: each yields, for one node of a syntax tree, what could stand in its place."""

import ast
from collections.abc import Callable, Iterator

from tests.mutants.mutant import Change
from tests.mutants.text import Text

COMPARISONS = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"), ast.IsNot: (r"is\s+not", "is"),
    ast.In: ("in", "not in"), ast.NotIn: (r"not\s+in", "in"),
}  # fmt: skip
ARITHMETIC = {
    ast.Add: (r"\+", "-"), ast.Sub: ("-", "+"), ast.Mult: (r"\*", "/"), ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "/"), ast.Mod: ("%", "*"),
}  # fmt: skip
COMMUTE = {"add", "multiply", "maximum", "minimum", "equal", "not_equal", "logical_and", "logical_or", "vdot"}


def comparison(node: ast.Compare, text: Text) -> Iterator[Change]:
    """A neighbouring comparison, or the opposite one."""
    sides = [node.left, *node.comparators]
    for left, operation, right in zip(sides, node.ops, sides[1:], strict=False):
        yield from text.between(left, right, *COMPARISONS[type(operation)], "comparison")


def arithmetic(node: ast.BinOp, text: Text) -> Iterator[Change]:
    """The inverse operation; of a power the base alone, of a matrix product its factors exchanged."""
    if any(isinstance(side, ast.JoinedStr) or _is(side, str) for side in (node.left, node.right)):
        return  # text, not numbers
    if type(node.op) in ARITHMETIC:
        yield from text.between(node.left, node.right, *ARITHMETIC[type(node.op)], "arithmetic")
    elif isinstance(node.op, ast.Pow):
        yield text.replaced(node, text.of(node.left), "arithmetic")
    elif isinstance(node.op, ast.MatMult):
        yield text.replaced(node, b"(" + text.of(node.right) + b") @ (" + text.of(node.left) + b")", "arithmetic")


def accumulation(node: ast.AugAssign, text: Text) -> Iterator[Change]:
    """The inverse operation in place."""
    if type(node.op) in ARITHMETIC:
        yield from text.between(node.target, node.value, *ARITHMETIC[type(node.op)], "arithmetic")


def unary(node: ast.UnaryOp, text: Text) -> Iterator[Change]:
    """The operand without its minus or its ``not``."""
    if isinstance(node.op, ast.USub | ast.Not):
        yield text.replaced(node, text.of(node.operand), "minus" if isinstance(node.op, ast.USub) else "not")


def connective(node: ast.BoolOp, text: Text) -> Iterator[Change]:
    """``and`` for ``or``, and the other way round."""
    words = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    for left, right in zip(node.values, node.values[1:], strict=False):
        yield from text.between(left, right, *words, "and, or")


def constant(node: ast.Constant, text: Text) -> Iterator[Change]:
    """The other truth value, a neighbouring integer, a float a tenth larger; the last axis, -1, becomes the first."""
    value = node.value
    if isinstance(value, bool):
        yield text.replaced(node, repr(not value).encode(), "constant")
    elif isinstance(value, int):
        others = {0: [1], 1: [0, 2]}.get(value, [value - 1, value + 1])
        yield from (text.replaced(node, repr(other).encode(), "constant") for other in others)
    elif isinstance(value, float):
        yield text.replaced(node, repr(value * 1.1 or 1.0).encode(), "constant")


def left_out(node: ast.stmt, text: Text) -> Iterator[Change]:
    """Nothing for an assignment in place and for a call; for a result, None."""
    if isinstance(node, ast.Return):
        if node.value is not None and not _is(node.value, type(None)):
            yield text.replaced(node, b"return None", "left out")
    elif _changes_something(node):
        yield text.replaced(node, b"pass", "left out")


def exchanged(node: ast.Call, text: Text) -> Iterator[Change]:
    """Two neighbouring arguments that are both names, exchanged, unless it is the same, as for a sum."""
    if isinstance(node.func, ast.Attribute) and text.of(node.func) in {f"np.{name}".encode() for name in COMMUTE}:
        return
    for one, other in zip(node.args, node.args[1:], strict=False):
        if isinstance(one, ast.Name) and isinstance(other, ast.Name) and one.id != other.id:
            swapped = text.of(other) + text.gap(one, other) + text.of(one)
            yield text.spanning(one, other, swapped, "exchanged")


def bound(node: ast.Slice, text: Text) -> Iterator[Change]:
    """A slice that begins or ends one earlier or later; a bound that is a number is left to ``constant``."""
    for side in (node.lower, node.upper):
        if side is not None and not isinstance(side, ast.Constant):
            for step in (b" - 1", b" + 1"):
                yield text.replaced(side, b"(" + text.of(side) + b")" + step, "slice")


def _is(node: ast.AST, kind: type) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, kind)


def _changes_something(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call)
    if isinstance(node, ast.Assign):
        return all(isinstance(target, ast.Subscript | ast.Attribute) for target in node.targets)
    return isinstance(node, ast.AugAssign)


OPERATORS: dict[type[ast.AST], tuple[Callable[..., Iterator[Change]], ...]] = {
    ast.Compare: (comparison,),
    ast.BinOp: (arithmetic,),
    ast.AugAssign: (accumulation, left_out),
    ast.UnaryOp: (unary,),
    ast.BoolOp: (connective,),
    ast.Constant: (constant,),
    ast.Expr: (left_out,),
    ast.Assign: (left_out,),
    ast.Return: (left_out,),
    ast.Call: (exchanged,),
    ast.Slice: (bound,),
}
