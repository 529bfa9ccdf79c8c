"""Where a source may be changed: not in what is said about it, to people or to the type checker."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.mutants.mutant import Change, Mutant, mutants_of
from tests.mutants.operators import OPERATORS
from tests.mutants.text import Text

FOR_PEOPLE = ("__repr__", "__str__")


def mutants_in(root: Path, file: str) -> list[Mutant]:
    """Every mutant of a file."""
    source = (root / file).read_bytes()
    return mutants_of(file, source, list(_changes(source)))


def _changes(source: bytes) -> Iterator[Change]:
    text = Text(source)
    for node in _code(ast.parse(source)):
        for operator in OPERATORS.get(type(node), ()):
            yield from operator(node, text)


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it but annotations, errors, ``strict`` of a zip, and blocks for the type checker."""
    if isinstance(node, ast.Raise) or _for_people(node) or _not_run(node) or _is_strict(node):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns", "msg"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _code(child)


def _for_people(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name in FOR_PEOPLE


def _is_strict(node: ast.AST) -> bool:
    """Whether it says that a zip's parts are equally long, which they are: a check, no behaviour."""
    return isinstance(node, ast.keyword) and node.arg == "strict"


def _not_run(node: ast.AST) -> bool:
    """Whether it is an overload, or a block that runs for the type checker or as a program only."""
    if isinstance(node, ast.FunctionDef):
        return any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)
    test = ast.unparse(node.test) if isinstance(node, ast.If) else ""
    return "TYPE_CHECKING" in test or "__name__" in test
