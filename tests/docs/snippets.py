"""The code in the documents: what stands there is what runs, and what it prints is what stands below it.

python -m tests.docs.snippets FILE...        writes the outputs anew
"""

import contextlib
import io
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, where it starts and ends in the document."""

    language: str
    text: str
    start: int
    end: int


def blocks(document: str) -> list[Block]:
    """All fenced blocks of a document in order."""
    return [Block(match[1], match[2], match.start(), match.end()) for match in BLOCK.finditer(document)]


def runs(document: str, name: str) -> Iterator[tuple[Block, str, Block | None]]:
    """Run the Python blocks one after the other; each with what it printed, and the ``text`` block right below it."""
    variables: dict = {"__name__": "__main__"}
    found = blocks(document)
    for block, following in zip(found, [*found[1:], None], strict=True):
        if block.language != "python":
            continue
        printed = io.StringIO()
        line = document[: block.start].count("\n") + 1  # so that errors name the document's line
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * line + block.text, name, "exec"), variables)
        beside = following and not document[block.end : following.start].strip()
        yield block, printed.getvalue(), following if beside and following.language == "text" else None


def commands(document: str) -> list[list[str]]:
    """The arguments of every ``tinygrad-lab`` command in shell blocks."""
    lines = [line for block in blocks(document) if block.language == "sh" for line in block.text.splitlines()]
    calls = [shlex.split(line, comments=True) for line in lines]
    return [call[1:] for call in calls if call and call[0].endswith("tinygrad-lab")]


def refreshed(document: str, name: str) -> str:
    """The document with the outputs that its code prints now."""
    for _, printed, shown in reversed(list(runs(document, name))):
        if shown:
            document = f"{document[: shown.start]}```text\n{printed}```{document[shown.end :]}"
    return document


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        path.write_text(refreshed(path.read_text(encoding="utf-8"), str(path)), encoding="utf-8")
