"""Two sources cut into blocks, each beside its twin.

A block is a public class with its docstring, one of its methods, a public function or a public constant.  Private
helpers and imports stay with the block that they follow; what stands before the first one, the module's docstring and
imports, is a block of its own.  A block that only one side has stands alone.  Every line is in exactly one block.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

HEAD = ""  # the name of what comes before the first definition


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
    ours, theirs = _parts(left), _parts(right)
    names, their_names = ([part.name for part in side] for side in (ours, theirs))
    pairs: list[tuple[str, Piece | None, Piece | None]] = []
    for tag, a, a_end, b, b_end in SequenceMatcher(None, names, their_names, autojunk=False).get_opcodes():
        if tag == "equal":
            pairs += zip(names[a:a_end], ours[a:a_end], theirs[b:b_end], strict=True)
        else:
            pairs += [(part.name, part, None) for part in ours[a:a_end]]
            pairs += [(part.name, None, part) for part in theirs[b:b_end]]
    texts = left.splitlines(), right.splitlines()
    return [Block(name, *_rows(*texts, here, there)) for name, here, there in pairs]


# ---- one file -------------------------------------------------------------------------------------------------------
def _parts(source: str) -> list[Piece]:
    """The definitions of a file, each with what follows it, after HEAD."""
    lines = len(source.splitlines())
    named = [Piece(HEAD, 0, 0), *(piece for piece in _pieces(source) if piece.name)]
    ends = [*(piece.start for piece in named[1:]), lines]
    return [Piece(piece.name, piece.start, end) for piece, end in zip(named, ends, strict=True)]


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
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    start = min([node.lineno, *(item.lineno for item in decorators)]) - 1
    while start > 0 and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return start


# ---- line by line ---------------------------------------------------------------------------------------------------
def _rows(left: list[str], right: list[str], here: Piece | None, there: Piece | None) -> tuple[list[Line], list[Line]]:
    """Equal lines in one row; where the sides differ, line by line as far as both go."""
    ours, theirs = _trimmed(left, here), _trimmed(right, there)
    matcher = SequenceMatcher(None, [left[i] for i in ours], [right[i] for i in theirs], autojunk=False)
    row = 1
    made: tuple[list[Line], list[Line]] = ([], [])
    for tag, a, a_end, b, b_end in matcher.get_opcodes():
        made[0].extend(Line(ours[i] + 1, row + i - a, tag == "equal") for i in range(a, a_end))
        made[1].extend(Line(theirs[i] + 1, row + i - b, tag == "equal") for i in range(b, b_end))
        row += max(a_end - a, b_end - b)
    return made


def _trimmed(lines: list[str], piece: Piece | None) -> range:
    """The numbers of a piece's lines without blank ones at the end; none where there is no piece."""
    if piece is None:
        return range(0)
    end = piece.end
    while end > piece.start and not lines[end - 1].strip():
        end -= 1
    return range(piece.start, end)
