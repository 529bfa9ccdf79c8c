"""The backward rules that the page shows: in Python's notation by the operations' own names, as trees for its scripts.

``dNAME`` is the gradient of NAME; the output is y, or z where a parameter is called y.  ``if`` chooses by settings and
shapes, and the page shows the part that holds.
"""

import ast
import inspect
from typing import Any

from tinygrad_lab.ops.operation import OPERATIONS

Json = dict[str, Any]

RULES = {
    "add": "dx = dz; dy = dz if alpha == 1 else alpha * dz",
    "subtract": "dx = dz; dy = -dz if alpha == 1 else -alpha * dz",
    "multiply": "dx = dz * y; dy = dz * x",
    "divide": "dx = dz / y; dy = -dz * x / y**2",
    "power": "dx = dz * y * x ** (y - 1); dy = dz * z * log(x)",
    "negative": "dx = -dy",
    "maximum": "dx = dz * ((x > y) + (x == y) / 2); dy = dz * ((y > x) + (x == y) / 2)",
    "minimum": "dx = dz * ((x < y) + (x == y) / 2); dy = dz * ((y < x) + (x == y) / 2)",
    "relu": "dinput = (input > 0) * dy",
    "leaky_relu": "dinput = ((input > 0) + negative_slope * (input <= 0)) * dy",
    "sigmoid": "dinput = y * (1 - y) * dy",
    "tanh": "dinput = (1 - y**2) * dy",
    "gelu": """
        P = (1 + erf(input / sqrt(2))) / 2
        p = exp(-(input**2) / 2) / sqrt(2 * pi)
        dinput = (P + input * p) * dy
        """,
    "silu": "s = sigmoid(input); dinput = s * (1 + input * (1 - s)) * dy",
    "softplus": """
        above = beta * input > threshold
        dinput = (above + (1 - above) * sigmoid(beta * input)) * dy
        """,
    "exp": "dx = y * dy",
    "log": "dx = dy / x",
    "sqrt": "dx = dy / (2 * y)",
    "sin": "dx = cos(x) * dy",
    "cos": "dx = -sin(x) * dy",
    "abs": "dx = sign(x) * dy",
    "square": "dx = 2 * x * dy",
    "sum": "dinput = spread(dy, input, dim)",
    "mean": "n = size(input) // max(1, size(dy)); dinput = spread(dy, input, dim) / n",
    "amax": "e = input == spread(y, input, dim); dinput = spread(dy, input, dim) * e / sum(e, dim)",
    "amin": "e = input == spread(y, input, dim); dinput = spread(dy, input, dim) * e / sum(e, dim)",
    "norm": "dinput = spread(dy, input, dim) * over(input, spread(y, input, dim))",
    "softmax": "dinput = y * (dy - sum(dy * y, dim))",
    "log_softmax": "dinput = dy - exp(y) * sum(dy, dim)",
    "matmul": """
        if ndim(input) == 1 and ndim(other) == 1:
            dinput = dy * other; dother = dy * input
        elif ndim(input) == 1 and ndim(other) == 2:
            dinput = other @ dy; dother = outer(input, dy)
        elif ndim(input) == 2 and ndim(other) == 1:
            dinput = outer(dy, other); dother = input.T @ dy
        elif ndim(input) == 1:
            dinput = sum_like(other @ dy, input); dother = outer(input, dy)
        elif ndim(other) == 1:
            dinput = outer(dy, other); dother = sum_like(input.T @ dy, other)
        elif ndim(dy) == 2:
            dinput = dy @ other.T; dother = input.T @ dy
        else:
            dinput = sum_like(dy @ other.T, input); dother = sum_like(input.T @ dy, other)
        """,
    "transpose": "dinput = transpose(dy, dim0, dim1)",
    "linear": """
        dinput = dy @ weight
        dweight = dy.T @ input if ndim(input) == 2 else rows(dy).T @ rows(input)
        dbias = sum_like(dy, bias)
        """,
    "mse_loss": "n = size(input); dinput = 2 * (input - target) * dy / n; dtarget = -2 * (input - target) * dy / n",
    "cross_entropy": """
        k = 1 if ndim(input) > 1 else 0
        p = softmax(input, k); n = size(target)
        dinput = (p - onehot(target, input, k)) * dy / n
        """,
}

SIGNS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Pow: "**", ast.MatMult: "@",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Is: "==",
    ast.IsNot: "!=", ast.And: "and", ast.Or: "or",
}  # fmt: skip


def rules() -> dict[str, Json]:
    """Return for each operation of the expression language its rule, and its settings with what they usually are."""
    return {name: {"rule": trees(rule), "usual": usual(name)} for name, rule in RULES.items()}


def usual(name: str) -> Json:
    """Return what an operation's settings are if nothing else is said."""
    parameters = inspect.signature(OPERATIONS[name].body).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def trees(rule: str) -> list[Json]:
    """Return the statements of a rule."""
    return [statement(each) for each in ast.parse(inspect.cleandoc(rule)).body]


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
