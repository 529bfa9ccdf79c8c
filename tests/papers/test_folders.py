"""A paper's folder is reading matter: few files, and what is measured apart from what is read."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SLUGS = sorted(path.parent.name for path in (ROOT / "papers").glob("*/model.py"))
MOST = 7
LARGER = {"llama": 8}  # its training comes twice: the loop to read, and all that a long run needs


@pytest.mark.parametrize("slug", SLUGS)
def test_a_paper_is_read_in_a_sitting(slug: str) -> None:
    folder = ROOT / "papers" / slug
    files = {path.name for path in folder.iterdir() if path.is_file()}
    assert len(files) <= LARGER.get(slug, MOST), sorted(files)
    assert {"README.md", "__init__.py", "config.py", "data.py", "model.py", "train.py"} <= files


@pytest.mark.parametrize("slug", SLUGS)
def test_what_is_measured_stands_apart(slug: str) -> None:
    study = ROOT / "papers" / slug / "study"
    assert {"experiment.py", "verdicts.py", "figures.py", "results"} <= {path.name for path in study.iterdir()}
    reading = [path for path in study.parent.rglob("*.py") if "study" not in path.parts]
    assert [path.name for path in reading if ".study" in path.read_text(encoding="utf-8")] == []
