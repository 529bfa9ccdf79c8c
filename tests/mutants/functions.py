"""Which function a line of a source belongs to, by the name that a running frame has."""

import ast
import re
from collections.abc import Iterator
from types import CodeType


def function_of(source: bytes, line: int) -> str:
    """The qualified name of the innermost function around a line, empty outside of all."""
    around = [found for found in _functions(ast.parse(source), "") if found[0] <= line <= found[1]]
    return max(around)[2] if around else ""


def name_of(code: CodeType) -> str:
    """The qualified name of the function that some code belongs to; a lambda or comprehension is its function's."""
    return re.split(r"(?:\.<locals>)?\.<(?!locals>)", code.co_qualname)[0]


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[int, int, str]]:
    """First and last line and name of each function below a node."""
    for child in ast.iter_child_nodes(node):
        inner = prefix
        if isinstance(child, ast.FunctionDef):
            yield child.lineno, child.end_lineno or child.lineno, prefix + child.name
            inner = f"{prefix}{child.name}.<locals>."
        elif isinstance(child, ast.ClassDef):
            inner = f"{prefix}{child.name}."
        yield from _functions(child, inner)
