"""Both sides of a paper have the same public classes, methods and functions, in the same order."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SLUGS = sorted(path.parent.name for path in (ROOT / "papers").glob("*/model.py"))


def outline(path: Path) -> list[str]:
    """Public definitions in order: functions, classes and the methods a class writes out."""
    names = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            names.append(node.name)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            names.append(node.name)
            methods = [item.name for item in node.body if isinstance(item, ast.FunctionDef)]
            names += [f"{node.name}.{name}" for name in methods if not name.startswith("_")]
    return names


@pytest.mark.parametrize("file", ["model.py", "train.py"])
@pytest.mark.parametrize("slug", SLUGS)
def test_twins_align(slug: str, file: str) -> None:
    engine, reference = (outline(ROOT / side / slug / file) for side in ("papers", "reference"))
    assert len(engine) >= 3
    assert engine == [name for name in reference if name != "main" or "main" in engine]  # until both sides have it
