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

ABSENT = sys.argv[2].split(",")  # now: the program that is tested has arguments of its own

class Present(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in ABSENT else PathFinder.find_spec(name, path, target)

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
PROGRAM = """
import runpy
module, *sys.argv[1:] = sys.argv[3:]
runpy._run_module_as_main(module)  # what python -m does
"""
COMMAND = """
sys.argv = ["tinygrad-lab", *sys.argv[3:]]
from tinygrad_lab_command import main
main()
"""
OURS = (  # written by us or by one of our commands, whatever is in them; the rest of the files is looked into
    "tinygrad_lab/py.typed", "tinygrad_lab/lab/**/*.json", "tinygrad_lab/lab/notebooks/*.jinja",
    "tinygrad_lab/lab/*/web/*", "tinygrad_lab/lab/site/templates/*", "tinygrad_lab/papers/*/README.md",
)  # fmt: skip
FROM_DATA = ("*/study/results/*.json", "*/study/results/*.png", "*/study/results/log.txt", "*/study/shown.safetensors")
GENERATED = {
    "adding",
    "blobs",
    "copying",
    "embedded Reber grammar",
    "induction",
    "needle, far",
    "needle, stale",
}  # data that we make up
TERMS = re.compile(r"copyright|©|licen[cs]e|all rights reserved", re.IGNORECASE)


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
def start(installed: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program where the wheel is installed with the light extra; returns how it ended."""
    absent = ",".join(sorted(modules_of("lab") - modules_of("cli")))
    assert "torch" in absent

    def start(code: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-c", ISOLATED + code, str(installed), absent, *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return start


@pytest.fixture
def run(start: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., str]:
    """Runs a program there that must end well; returns what it prints."""

    def run(code: str, *words: str) -> str:
        result = start(code, *words)
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


def test_its_names_cannot_collide(installed: Path) -> None:
    names = {path.name for path in installed.iterdir()}
    about = f"tinygrad_lab-{PROJECT['version']}.dist-info"
    assert names == {"tinygrad_lab", "tinygrad_lab_command.py", about}


def test_the_licences_travel_with_it(installed: Path) -> None:
    (about,) = installed.glob("*.dist-info")
    sources = [ROOT / "LICENSE", ROOT / "THIRD_PARTY.md", *(ROOT / "licenses").iterdir()]
    for source in sources:
        assert (about / "licenses" / source.relative_to(ROOT)).read_bytes() == source.read_bytes()
    named = re.findall(r"\]\(((?!https?:)[^)]+)\)", (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8"))
    assert {ROOT / name for name in named} == {*sources} - {ROOT / "THIRD_PARTY.md"}


def test_every_other_file_is_ours_or_from_data_that_is_named(installed: Path) -> None:
    package, papers = installed / "tinygrad_lab", installed / "tinygrad_lab" / "papers"
    files = {path for path in package.rglob("*") if path.is_file() and path.suffix != ".py"}
    ours = {path for pattern in OURS for path in installed.glob(pattern)}
    assert files - ours == {path for pattern in FROM_DATA for path in papers.glob(pattern)}
    texts = {path: path.read_text(encoding="utf-8") for path in files & ours}
    assert [path for path, text in texts.items() if TERMS.search(text)] == []  # then somebody else wrote it


def test_the_data_of_every_paper_are_named(installed: Path) -> None:
    """In the row of each data set stand the papers whose results were made of it."""
    folders = [path for path in (installed / "tinygrad_lab" / "papers").iterdir() if (path / "study").is_dir()]
    found = {(name, folder.name) for folder in folders for name in data_in(folder / "study" / "results") - GENERATED}
    assert len(folders) == 12
    assert found <= {(name, slug) for name, slugs in noticed().items() for slug in slugs}


def data_in(results: Path) -> set[str]:
    """The names of the data sets that result files were made of."""
    documents = [json.loads(p.read_text(encoding="utf-8")) for p in results.glob("*.json") if p.name != "bench.json"]
    return {document["environment"]["data"]["name"] for document in documents}


def noticed() -> dict[str, list[str]]:
    """By data set, the papers that THIRD_PARTY.md names beside it."""
    text = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in text.splitlines() if line.startswith("|")]
    return {name: slugs.split(", ") for name, slugs in rows[2:]}


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


@pytest.mark.parametrize(
    "words",
    [
        (COMMAND, "parity", "lenet"),
        (COMMAND, "bench", "lenet"),
        (COMMAND, "train", "lenet", "--side", "torch"),
        (COMMAND, "claims", "lenet", "--quick"),
        (PROGRAM, "tinygrad_lab.reference.lenet.train"),
    ],
    ids=lambda words: words[1],
)
def test_what_needs_pytorch_says_so_at_once_in_one_line(
    start: Callable[..., subprocess.CompletedProcess[str]], words: tuple[str, ...]
) -> None:
    result = start(*words)
    assert result.returncode != 0
    assert result.stdout == ""
    assert "pip install 'tinygrad-lab[lab]' (there is no torch here)" in result.stderr
    assert result.stderr.count("\n") == 1
