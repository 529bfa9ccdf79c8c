"""The rules that keep the house in order: who may import whom, and what importing costs."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = (
    "places", "typing", "complaints", "files", "stopping", "documents", "stored", "memory", "modes", "cores",
    "tensor", "gradients", "random", "ops", "creation", "workers", "nn", "optim", "resuming", "checkpoint", "data",
    "sampling", "fit", "costs", "arguments", "trace", "paper", "shown", "claim", "study", "lab",
)  # fmt: skip
NAMED = re.compile(r"(tinygrad_lab|papers|reference|torch)(\.\w+)+")
IMPORTERS = ("import_module", "__import__", "run_module")


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    """Every module imported anywhere in a file, or named in a string, except for type checkers only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }
    package = path.relative_to(ROOT).parent.parts if path.is_relative_to(ROOT) else ()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), ".".join(package))
            yield module, node.lineno
            yield from ((f"{module}.{name.name}", node.lineno) for name in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and NAMED.fullmatch(node.value):
            yield node.value, node.lineno  # what importlib, runpy or a subprocess will look up
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in IMPORTERS:
            yield from ((name.value, node.lineno) for name in node.args if isinstance(name, ast.Constant))


def test_a_module_named_in_a_string_counts_as_imported(tmp_path: Path) -> None:
    file = tmp_path / "sly.py"
    file.write_text('"""About tinygrad_lab.lab."""\nPAGE = "tinygrad_lab.lab.page"\nimport_module("torch")\n')
    assert set(imports_of(file)) == {("tinygrad_lab.lab.page", 2), ("torch", 3)}


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def offences(paths: list[Path], forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in paths
        for module, line in imports_of(path)
        if module.split(".")[0] in forbidden
    ]


def test_engine_and_papers_never_import_torch() -> None:
    engine = [path for path in files("tinygrad_lab", "papers") if "lab" not in path.relative_to(ROOT).parts[1:2]]
    assert len(engine) > 20
    assert offences(engine, ("torch",)) == []


def test_reference_never_imports_the_engine() -> None:
    assert offences(files("reference"), ("tinygrad_lab", "papers")) == []


@pytest.mark.parametrize("side", ["papers", "reference"])
def test_a_side_calls_its_own_modules_by_relative_names(side: str) -> None:
    """It has another name where it is installed."""
    absolute = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in files(side)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.ImportFrom) and not node.level and str(node.module).split(".")[0] == side)
        or (isinstance(node, ast.Import) and any(name.name.split(".")[0] == side for name in node.names))
    ]
    assert absolute == []


@pytest.mark.parametrize("side", ["papers", "reference"])
def test_nothing_else_names_a_side_that_an_installation_calls_otherwise(side: str) -> None:
    others = [path for path in files("tinygrad_lab") if path.name != "places.py"]
    assert offences(others, (side,)) == []


def test_papers_never_import_the_lab() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in files("papers")
        for module, line in imports_of(path)
        if module.startswith("tinygrad_lab.lab")
    ]
    assert found == []


def test_every_module_has_its_layer() -> None:
    inside = [path for path in (ROOT / "tinygrad_lab").iterdir() if path.suffix in ("", ".py")]
    modules = {path.stem for path in inside if not path.stem.startswith("_")}
    assert modules == set(LAYERS)


def layer_of(module: str) -> int | None:
    parts = module.split(".")
    return LAYERS.index(parts[1]) if len(parts) > 1 and parts[0] == "tinygrad_lab" and parts[1] in LAYERS else None


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_run_downwards(layer: str) -> None:
    base = ROOT / "tinygrad_lab"
    paths = [base / f"{layer}.py"] if (base / f"{layer}.py").exists() else files(f"tinygrad_lab/{layer}")
    assert paths
    upwards = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in paths
        for module, line in imports_of(path)
        if (target := layer_of(module)) is not None and target > LAYERS.index(layer)
    ]
    assert upwards == []


def test_nothing_is_imported_in_a_circle() -> None:
    """A module may ask its own package for a sibling."""
    paths = {module_of(path): path for path in files("tinygrad_lab", "papers", "reference")}
    imported = {
        name: {module for module, _ in imports_of(path) if module in paths and not f"{name}.".startswith(f"{module}.")}
        for name, path in paths.items()
    }
    TopologicalSorter(imported).prepare()  # raises an error that names the circle


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_import_is_light_and_does_not_need_torch() -> None:
    heavy = ["torch", "click", "rich", "sklearn", "matplotlib", "pooch"]
    code = f"import sys; import tinygrad_lab, papers.lenet.model; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"
