"""The wheel: what it puts where, and that all of it works there, with the light extra alone and without PyTorch."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tinygrad_lab.complaints import CLI

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

# What stands in the wheel comes first, nothing comes from the checkout, and of the extra "lab" nothing but "cli".
ISOLATED = """
import sys
from importlib.machinery import PathFinder
from pathlib import Path

class Present(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        absent = name.partition(".")[0] in sys.argv[2].split(",")
        return None if absent else PathFinder.find_spec(name, path, target)

sys.path[:] = [sys.argv[1], *(p for p in sys.path if not Path(p, "papers").exists())]
sys.meta_path[sys.meta_path.index(PathFinder)] = Present
"""
IMPORT_ALL = """
import importlib, pkgutil
import tinygrad_lab.papers
for entry in pkgutil.walk_packages(tinygrad_lab.papers.__path__, "tinygrad_lab.papers."):
    importlib.import_module(entry.name)
print(sum(name.startswith("tinygrad_lab.papers.") for name in sys.modules))
print([name for name in sys.modules if name.split(".")[0] in ("papers", "reference")])
"""
COMMAND = """
sys.argv = ["tinygrad-lab", *sys.argv[3:]]
from tinygrad_lab_command import main
main()
"""


owners_of_modules = cache(packages_distributions)


def distribution(requirement: str) -> str:
    """The name of what is required, as distributions are compared."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=]", requirement)[0]).lower()


def modules_of(extra: str) -> set[str]:
    """What can be imported because of the requirements of an extra themselves."""
    wanted = {distribution(requirement) for requirement in EXTRAS[extra]} - {"tinygrad-lab"}
    return {module for module, owners in owners_of_modules().items() if wanted & {distribution(o) for o in owners}}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


@pytest.fixture
def run(installed: Path, tmp_path: Path) -> Callable[..., str]:
    """Runs a program where the wheel is installed with the light extra; returns what it prints."""
    absent = ",".join(sorted(modules_of("lab") - modules_of("cli")))
    assert "torch" in absent

    def run(code: str, *words: str) -> str:
        command = [sys.executable, "-I", "-c", ISOLATED + code, str(installed), absent, *words]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


def test_its_names_cannot_collide(installed: Path) -> None:
    names = {path.name for path in installed.iterdir()}
    about = f"tinygrad_lab-{PROJECT['version']}.dist-info"
    assert names == {"tinygrad_lab", "tinygrad_lab_command.py", about}


def test_type_checkers_may_read_it(installed: Path) -> None:
    """The marker of PEP 561, which holds for the papers and the reference below it too."""
    assert (installed / "tinygrad_lab" / "py.typed").exists()


def test_it_has_both_sides_as_they_are_in_the_checkout(installed: Path) -> None:
    for side in ("papers", "reference"):
        ours, theirs = (
            {p.relative_to(f / side): p for p in (f / side).rglob("*.py")} for f in (ROOT, installed / "tinygrad_lab")
        )
        assert len(ours) > 50
        assert {name: path.read_bytes() for name, path in ours.items()} == {
            name: path.read_bytes() for name, path in theirs.items()
        }


def test_every_module_of_the_papers_can_be_imported(run: Callable[..., str]) -> None:
    count, others = run(IMPORT_ALL).splitlines()
    assert int(count) > 100
    assert others == "[]"


def test_an_expression_is_stepped_through(run: Callable[..., str]) -> None:
    assert "∂w = -3, ∂x = 2" in run(COMMAND, "step", "relu(w*x + b)", "w=2", "x=-3", "b=7")


def test_the_lines_of_a_paper_are_found(run: Callable[..., str]) -> None:
    """Its files are inside the engine's folder there, and are none of the engine's."""
    steps = json.loads(run(COMMAND, "step", "lenet", "--json", "-"))["steps"]
    assert {step["file"] for step in steps if "file" in step} == {"papers/lenet/model.py"}


def test_the_modules_that_the_light_extra_brings_are_known() -> None:
    """Whoever lacks one of them is told of that extra."""
    assert {distribution(owner) for module in CLI for owner in owners_of_modules()[module]} == {
        "markupsafe", *map(distribution, EXTRAS["cli"]),
    }  # fmt: skip
