"""Where files and modules are: in a checkout, and where the project is installed."""

from pathlib import Path

import pytest

from tinygrad_lab import places
from tinygrad_lab.lab import slips

ENGINE = Path(places.__file__).parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that has the engine and both sides in it; also what a checkout is called is no matter."""
    home = tmp_path / "tinygrad_lab"
    for name in ("tinygrad_lab", "papers", "reference"):
        (home / name).mkdir(parents=True)
    return home


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """The engine's folder as it is installed, with both sides in it."""
    for name in ("papers", "reference"):
        (tmp_path / "site-packages" / "tinygrad_lab" / name).mkdir(parents=True)
    return tmp_path / "site-packages" / "tinygrad_lab"


PATHS = ["tinygrad_lab/tensor.py", "papers/lenet/model.py", "reference/operations", "papers", "tinygrad_lab/lab"]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_found_and_told(path: str, checkout: Path, engine: Path) -> None:
    assert places.file(path, checkout) == checkout / path
    assert places.file(path, engine) == (engine.parent if path.startswith("tinygrad_lab") else engine) / path
    for home in (checkout, engine):
        assert places.path_of(places.file(path, home), home) == path


def test_what_lies_beside_an_installation_is_not_the_projects(checkout: Path, engine: Path) -> None:
    assert places.file("docs/engine.md", engine) == engine / "docs" / "engine.md"
    assert places.path_of(engine.parent / "numpy" / "random.py", engine) is None
    assert places.path_of(checkout.parent / "elsewhere.py", checkout) is None


def test_here_is_a_checkout() -> None:
    assert not places.INSTALLED
    assert ENGINE.parent == places.HOME
    assert places.module("papers", "lenet.model") == "papers.lenet.model"
    assert places.module("reference") == "reference"


def test_papers_inside_the_engines_folder_are_none_of_the_engine() -> None:
    assert places.is_engine(str(ENGINE / "tensor.py"))
    assert places.is_engine(str(ENGINE / "lab" / "parity.py"))
    assert not places.is_engine(str(ENGINE / "papers" / "lenet" / "model.py"))
    assert not places.is_engine(str(ENGINE.parent / "papers" / "lenet" / "model.py"))


@pytest.mark.parametrize("package", ["", "tinygrad_lab."])
def test_a_missing_module_of_a_side_is_a_missing_file(package: str) -> None:
    error = ModuleNotFoundError(name=f"{package}reference.made.train")
    assert slips.describe(error, "made") == "torch side: reference/made/train.py is missing"
