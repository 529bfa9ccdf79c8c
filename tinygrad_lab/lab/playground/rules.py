"""The backward rules that the page shows: in Python's notation by the operations' own names, as trees for its scripts.

``dNAME`` is the gradient of NAME; the output is y, or z where a parameter is called y.  ``if`` chooses by settings and
shapes, and the page shows the part that holds.
"""

import ast
import inspect
from typing import Any

from tinygrad_lab.ops.operation import OPERATIONS
from tinygrad_lab.trace.notation import parsed

Json = dict[str, Any]

NAMES = (  # of the operations that expressions can call
    "add", "subtract", "multiply", "divide", "power", "negative", "maximum", "minimum", "relu", "leaky_relu",
    "sigmoid", "tanh", "gelu", "silu", "softplus", "exp", "log", "sqrt", "sin", "cos", "abs", "square", "sum",
    "mean", "amax", "amin", "norm", "softmax", "log_softmax", "matmul", "transpose", "linear", "mse_loss",
    "cross_entropy",
)  # fmt: skip

SIGNS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Pow: "**", ast.MatMult: "@",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Is: "==",
    ast.IsNot: "!=", ast.And: "and", ast.Or: "or",
}  # fmt: skip


def rules() -> dict[str, Json]:
    """Return for each operation of the expression language its rule, and its settings with what they usually are."""
    return {name: {"rule": trees(OPERATIONS[name].rule), "usual": usual(name)} for name in NAMES}


def usual(name: str) -> Json:
    """Return what an operation's settings are if nothing else is said."""
    parameters = inspect.signature(OPERATIONS[name].body).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def trees(rule: str) -> list[Json]:
    """Return the statements of a rule."""
    return [statement(each) for each in parsed(rule) or ()]


def statement(node: ast.stmt) -> Json:
    """Return an equation, or a choice between equations."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return {"left": name, "tree": tree(value)}
        case ast.If(test=test, body=body, orelse=other):
            return {"test": tree(test), "body": [statement(s) for s in body], "other": [statement(s) for s in other]}
    raise ValueError(f"a rule is made of equations, not of {ast.unparse(node)}")


def tree(node: ast.expr) -> Json:
    """Return a formula in the form that the page's own parser gives to one."""
    match node:
        case ast.Constant(value=value):
            return {"type": "number" if type(value) in (int, float) else "constant", "value": value}
        case ast.Name(id=name):
            return {"type": "name", "name": name}
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return {"type": "unary", "operand": tree(operand)}
        case ast.BinOp(op=sign, left=left, right=right):
            return {"type": "binary", "sign": SIGNS[type(sign)], "left": tree(left), "right": tree(right)}
        case ast.Compare(ops=[sign], left=left, comparators=[right]):
            return {"type": "compare", "sign": SIGNS[type(sign)], "left": tree(left), "right": tree(right)}
        case ast.BoolOp(op=sign, values=values):
            return {"type": "logic", "sign": SIGNS[type(sign)], "parts": [tree(value) for value in values]}
        case ast.IfExp(test=test, body=body, orelse=other):
            return {"type": "choice", "test": tree(test), "body": tree(body), "other": tree(other)}
        case ast.Call(func=ast.Name(id=name), args=args):
            return {"type": "call", "name": name, "args": [tree(argument) for argument in args]}
        case ast.Attribute(value=value, attr="T"):
            return {"type": "transposed", "value": tree(value)}
        case ast.Subscript(value=value):
            return {"type": "indexed", "value": tree(value)}
    raise ValueError(f"a rule has no {ast.unparse(node)}")
