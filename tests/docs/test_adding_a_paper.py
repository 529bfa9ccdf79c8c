"""The example paper of docs/adding-a-paper.md, taken out of the page and run."""

import re
import sys
from pathlib import Path

import pytest

import papers
import reference
from tests.docs.snippets import DOCS, commands
from tests.lab.command import run
from tests.papers.test_twins import outline

TEXT = (DOCS / "adding-a-paper.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`((?:papers|reference)/\w+/\w+\.py)`\n\n```python\n(.*?)^```$", TEXT, re.M | re.S))
SLUG = "weight_decay"


def forget() -> None:
    for side in ("papers", "reference"):
        for name in [name for name in sys.modules if name.startswith(f"{side}.{SLUG}")]:
            del sys.modules[name]
        vars(sys.modules[side]).pop(SLUG, None)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes the files, with replacements, where the registry finds them."""
    monkeypatch.setattr(papers, "__path__", [*papers.__path__, str(tmp_path / "papers")])
    monkeypatch.setattr(reference, "__path__", [*reference.__path__, str(tmp_path / "reference")])
    monkeypatch.chdir(tmp_path)

    def write(file: str = "", old: str = "", new: str = "") -> Path:
        for name, text in FILES.items():
            assert name != file or old in text
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text.replace(old, new) if name == file else text, encoding="utf-8")
        return tmp_path

    yield write
    forget()


def test_all_files_are_there() -> None:
    assert len(FILES) == 9
    assert len(FILES) == len(re.findall(r"^```python$", TEXT, re.M))


def test_parity_is_green(place) -> None:
    place()
    result = run("parity", SLUG)
    assert result.code == 0, result.err
    assert len(re.findall(rf"{SLUG} .*passed", result.out)) == 4


def test_the_planted_mistake_is_found(place) -> None:
    place(f"reference/{SLUG}/model.py", "+ len(target) * penalty", "- len(target) * penalty")
    result = run("parity", SLUG, "--variant", "decay", "--dtype", "float64")
    assert result.code == 1
    assert "gradient of linear.weight" in result.err


def test_both_sides_have_the_same_outline(place) -> None:
    folder = place()
    for file in ("model.py", "train.py"):
        ours, theirs = (outline(folder / side / SLUG / file) for side in ("papers", "reference"))
        assert ours == theirs


@pytest.mark.parametrize("arguments", [c for c in commands(TEXT) if c[0] in ("papers", "train", "step")], ids=" ".join)
def test_its_commands_run(place, arguments: list[str]) -> None:
    place()
    result = run(*arguments)
    assert result.code == 0, result.err
