"""Two sources cut into blocks, each beside its twin.

A block is a public class with its docstring, one of its methods, a public function or a public constant.  What only one
side has (private helpers, imports, a type alias) stays with the block that it follows; what stands before the first
twin, the module's docstring and imports, is a block of its own.  Every line of both files is in exactly one block.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

HEAD = ""  # the name of the block before the first twin


@dataclass(frozen=True)
class Piece:
    """A named run of lines of one file; ``start`` and ``end`` as in a slice, counted from 0."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Line:
    """One line of a source, and the row that it stands in beside its twin."""

    number: int  # from 1
    row: int  # from 1
    same: bool  # whether the twin's line in this row has the same text


@dataclass(frozen=True)
class Block:
    """Twins: the lines of either side, by row."""

    name: str  # "Encoder", "Encoder.forward", "loss"; HEAD for the first
    left: list[Line]
    right: list[Line]


def align(left: str, right: str) -> list[Block]:
    """The blocks of two Python sources, in order.

    Raises:
        SyntaxError: one of them is no Python.
    """
    pieces = [list(_pieces(source)) for source in (left, right)]
    twins = _twins(*([piece.name for piece in side] for side in pieces))
    return [
        Block(name, *_rows(left.splitlines(), ours, right.splitlines(), theirs))
        for name, ours, theirs in zip(
            [HEAD, *twins], _gathered(pieces[0], twins), _gathered(pieces[1], twins), strict=True
        )
    ]


def _twins(left: list[str], right: list[str]) -> list[str]:
    """Names that both sides have, in an order that both have."""
    runs = SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks()
    return [name for run in runs for name in left[run.a : run.a + run.size] if name]


def _gathered(pieces: list[Piece], twins: list[str]) -> list[range]:
    """The lines of HEAD and of each twin: from its first to where the next one begins."""
    begins = {piece.name: piece.start for piece in reversed(pieces)}
    starts = [0, *(begins[name] for name in twins), max((piece.end for piece in pieces), default=0)]
    return [range(start, end) for start, end in pairwise(starts)]


# ---- one file -------------------------------------------------------------------------------------------------------
def _pieces(source: str) -> Iterator[Piece]:
    """The statements of a module and the methods of its classes; those with no public name are called HEAD."""
    lines = source.splitlines()
    nodes = []
    for node in ast.parse(source).body:
        name = _name(node)
        nodes.append((node, name))
        if name and isinstance(node, ast.ClassDef):
            nodes += [(item, f"{name}.{item.name}" if _is_block(item) else HEAD) for item in _methods(node)]
    starts = [_start(node, lines) for node, _ in nodes]
    for (_, name), start, end in zip(nodes, starts, [*starts[1:], len(lines)], strict=False):
        yield Piece(name, start, end)


def _name(node: ast.stmt) -> str:
    """What a statement of a module defines, where that is public."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
        return node.name
    if isinstance(node, ast.Assign | ast.AnnAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if isinstance(target, ast.Name) and not target.id.startswith("_"):
            return target.id
    return HEAD


def _methods(node: ast.ClassDef) -> list[ast.FunctionDef]:
    return [item for item in node.body if isinstance(item, ast.FunctionDef)]


def _is_block(method: ast.FunctionDef) -> bool:
    return not method.name.startswith("_") or method.name == "__init__"


def _start(node: ast.stmt, lines: list[str]) -> int:
    """Where a statement begins: with its decorators and the comment right above it."""
    decorators = getattr(node, "decorator_list", [])
    start = min([node.lineno, *(item.lineno for item in decorators)]) - 1
    while start > 0 and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return start


# ---- line by line ---------------------------------------------------------------------------------------------------
def _rows(left: list[str], ours: range, right: list[str], theirs: range) -> tuple[list[Line], list[Line]]:
    """Equal lines in one row; where the sides differ, line by line as far as both go."""
    ours, theirs = _trimmed(left, ours), _trimmed(right, theirs)
    matcher = SequenceMatcher(None, [left[i] for i in ours], [right[i] for i in theirs], autojunk=False)
    row, here, there = 1, [], []
    for tag, a, a_end, b, b_end in matcher.get_opcodes():
        here += [Line(ours[i] + 1, row + i - a, tag == "equal") for i in range(a, a_end)]
        there += [Line(theirs[i] + 1, row + i - b, tag == "equal") for i in range(b, b_end)]
        row += max(a_end - a, b_end - b)
    return here, there


def _trimmed(lines: list[str], within: range) -> range:
    """Without blank lines at the end."""
    end = within.stop
    while end > within.start and not lines[end - 1].strip():
        end -= 1
    return range(within.start, end)
