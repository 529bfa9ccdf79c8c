"""A paper's folder is reading matter: few files, and what is measured apart from what is read."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SLUGS = sorted(path.parent.name for path in (ROOT / "papers").glob("*/model.py"))
MOST = 7
LARGER = {"llama": 8}  # its training comes twice: the loop to read, and all that a long run needs

FOLDERS = {  # beside study/
    "bert": {"text", "weights"},
    "forgetting_transformer": {"attention"},
    "llama": {"weights"},
    "lora": {"weights"},
    "lstm": {"tasks"},
    "mamba": {"tasks"},
}


@pytest.mark.parametrize("slug", SLUGS)
def test_a_paper_is_read_in_a_sitting(slug: str) -> None:
    folder = ROOT / "papers" / slug
    files = {path.name for path in folder.iterdir() if path.is_file()}
    assert len(files) <= LARGER.get(slug, MOST), sorted(files)
    folders = {path.name for path in folder.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders == {"study"} | FOLDERS.get(slug, set())
    assert {"README.md", "__init__.py", "config.py", "data.py", "model.py", "train.py"} <= files


@pytest.mark.parametrize("slug", SLUGS)
def test_what_is_measured_stands_apart(slug: str) -> None:
    study = ROOT / "papers" / slug / "study"
    assert {"experiment.py", "verdicts.py", "figures.py", "results"} <= {path.name for path in study.iterdir()}
    reading = [path for path in study.parent.rglob("*.py") if "study" not in path.parts]
    assert [path.name for path in reading if ".study" in path.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("slug", SLUGS)
def test_files_that_the_notes_name_exist(slug: str) -> None:
    folder = ROOT / "papers" / slug
    named = re.findall(r"`([\w/]+\.py)", (folder / "README.md").read_text(encoding="utf-8"))
    places = (folder, ROOT, ROOT / "reference" / slug, ROOT / "tinygrad_lab", ROOT / "tinygrad_lab" / "ops")
    assert named
    assert [name for name in named if not any((place / name).exists() for place in places)] == []
