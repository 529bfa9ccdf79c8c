"""The table of planted bugs and of what caught them."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.planted.running import Result

HEAD = ["| id | file | what | caught by | seconds |", "| --- | --- | --- | --- | ---: |"]


def as_markdown(results: Sequence[Result], root: Path) -> str:
    """The results so far, with the commit they belong to."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.strip()
    caught, seconds = sum(result.caught for result in results), sum(result.seconds for result in results)
    total = f"{caught} of {len(results)} caught, {seconds:.0f} seconds in all, at commit {commit}."
    return "\n".join(["# Planted bugs", "", total, "", *HEAD, *map(_row, results), ""])


def _row(result: Result) -> str:
    bug = result.bug
    caught = f"`{result.caught_by}`" if result.caught else f"not caught: {result.remark}"
    cells = [bug.id, ", ".join(f"`{name}`" for name in bug.files), bug.what, caught, f"{result.seconds:.1f}"]
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
