"""The bytes of a source below the nodes of its syntax tree."""

import ast
import re
from collections.abc import Iterator
from itertools import accumulate

from tests.mutants.mutant import Change


class Text:
    """Says where a node stands and what stands there; a replaced node leaves as many lines as it had."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self._starts = [0, *accumulate(len(line) for line in source.splitlines(keepends=True))]

    def start(self, node: ast.AST) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.AST) -> int:
        return self._starts[node.end_lineno - 1] + node.end_col_offset

    def of(self, node: ast.AST) -> bytes:
        return self.source[self.start(node) : self.end(node)]

    def gap(self, left: ast.AST, right: ast.AST) -> bytes:
        return self.source[self.end(left) : self.start(right)]

    def replaced(self, node: ast.AST, text: bytes, operator: str) -> Change:
        return self.spanning(node, node, text, operator)

    def spanning(self, first: ast.AST, last: ast.AST, text: bytes, operator: str) -> Change:
        """Other text for all from one node to another, and the line breaks that it lacks."""
        start, end = self.start(first), self.end(last)
        missing = self.source.count(b"\n", start, end) - text.count(b"\n")
        return Change(start, end, text + b"\\\n" * missing, operator)

    def between(self, left: ast.AST, right: ast.AST, old: str, new: str, operator: str) -> Iterator[Change]:
        """Another sign between two operands, among brackets, line breaks and remarks."""
        place = self.end(left)
        code = re.sub(rb"#[^\n]*", lambda remark: b" " * len(remark[0]), self.gap(left, right))
        if found := re.search(old.encode(), code):
            yield Change(place + found.start(), place + found.end(), new.encode(), operator)
