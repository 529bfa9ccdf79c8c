"""What a student has solved in a folder, and which hints were given: a small file beside the exercises.

A solved exercise is known by the file that passed: when it is changed, it counts as begun until it passes again.
"""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from tinygrad_lab import files

NAME = ".tinygrad-lab-exercises.json"


def status(name: str, folder: Path) -> str:
    """Tell how far an exercise is in a folder: "solved", "begun", or nothing."""
    passed = _part(_read(folder), "solved").get(name)
    if isinstance(passed, dict) and isinstance(passed.get("file"), str):
        with suppress(OSError, ValueError):
            if _digest(folder / passed["file"]) == passed.get("sha256"):
                return "solved"
    return "begun" if (folder / f"{name}.py").is_file() else ""


def solved(name: str, path: Path) -> None:
    """Note down that this file has passed, beside it."""
    known = _read(path.parent)
    _part(known, "solved")[name] = {"file": path.name, "sha256": _digest(path)}
    _write(path.parent, known)


def next_hint(name: str, folder: Path, count: int) -> int:
    """Return the number of the next hint, from 0; after the last one it is the last one again."""
    known = _read(folder)
    given = _part(known, "hints").get(name)
    number = min(given, count - 1) if isinstance(given, int) and given >= 0 else 0
    _part(known, "hints")[name] = number + 1
    _write(folder, known)
    return number


def _read(folder: Path) -> dict[str, Any]:
    """Read what is noted down in a folder; nothing where there is no such file, or another one."""
    with suppress(OSError, ValueError, RecursionError):
        known = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if isinstance(known, dict):
            return known
    return {}


def _part(known: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(known.get(name), dict):
        known[name] = {}
    part: dict[str, Any] = known[name]
    return part


def _write(folder: Path, known: dict[str, Any]) -> None:
    with suppress(OSError):  # a folder that may not be written into: nothing is remembered
        files.write(folder / NAME, json.dumps(known, indent=2) + "\n")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
