"""Where a site is written: what is replaced, what is left alone, what the command says."""

import json
from pathlib import Path

import pytest

from tests.lab.command import run
from tests.lab.site.rows import row
from tests.papers.test_twins import ROOT
from tinygrad_lab import files
from tinygrad_lab.lab import site as reader
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.site import output


def write(folder: Path, **files: str) -> None:
    with output.staged(folder) as staging:
        for name, text in files.items():
            (staging / f"{name}.html").write_text(text, encoding="utf-8")


def test_an_earlier_site_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "site", index="1", old="1")
    (tmp_path / "site" / "mine.txt").write_text("mine", encoding="utf-8")
    write(tmp_path / "site", index="2")
    assert sorted(p.name for p in (tmp_path / "site").iterdir()) == [output.MANIFEST, "index.html", "mine.txt"]
    assert (tmp_path / "site" / "index.html").read_text(encoding="utf-8") == "2"


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine", encoding="utf-8")
    result = run("read", "--out", str(tmp_path))
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    assert "not empty" in result.err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    write(tmp_path, index="1")
    (tmp_path / "new.html").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="in the way"):
        write(tmp_path, index="2", new="2")
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == "1"
    assert (tmp_path / "new.html").read_text(encoding="utf-8") == "mine"


def test_a_manifest_cannot_point_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine", encoding="utf-8")
    write(tmp_path / "site", index="1")
    (tmp_path / "site" / output.MANIFEST).write_text(
        json.dumps({"files": ["../precious", "index.html", output.MANIFEST]}), encoding="utf-8"
    )
    write(tmp_path / "site", index="2")
    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize("place", ["a-file", "a-file/below"])
def test_a_place_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "a-file").write_text("mine", encoding="utf-8")
    result = run("read", "--out", str(tmp_path / place))
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    assert "--out" in result.err
    assert (tmp_path / "a-file").read_text(encoding="utf-8") == "mine"


def test_a_build_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), output.staged(tmp_path / "new"):
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_build_left_is_cleared_whatever_of_it_is_there(tmp_path: Path) -> None:
    for name in ("whole", "half-cleared"):
        (tmp_path / f"{output.STAGING}{name}" / "part").mkdir(parents=True)
        (tmp_path / f"{output.STAGING}{name}" / "part" / "page.html").write_text("half", encoding="utf-8")
    (tmp_path / files.LOCK).write_text("12345", encoding="utf-8")
    (tmp_path / files.UNFINISHED.format("12345-0")).write_text("half", encoding="utf-8")
    write(tmp_path, index="1")
    assert sorted(p.name for p in tmp_path.iterdir()) == [output.MANIFEST, "index.html"]


def test_a_site_killed_in_the_exchange_is_still_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, index="1", old="1")
    with monkeypatch.context() as kill:
        kill.setattr(output, "_remove", lambda *_: 1 / 0)  # after the first manifest, before any page
        with pytest.raises(ZeroDivisionError):
            write(tmp_path, index="2", new="2")
    (tmp_path / "new.html").write_text("2", encoding="utf-8")
    write(tmp_path, index="3")
    assert sorted(p.name for p in tmp_path.iterdir()) == [output.MANIFEST, "index.html"]


def test_outside_a_checkout_a_folder_must_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reader.output_folder(None) == ROOT / "site"
    monkeypatch.setattr(output, "HOME", tmp_path)
    with pytest.raises(UsageError, match="pass --out"):
        reader.output_folder(None)
    assert reader.output_folder(tmp_path / "x") == tmp_path / "x"


def test_the_command_fails_when_a_check_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "build_all", lambda folder: [row("loss", "loss", 2.0, passed=False)])
    result = run("read", "--out", str(tmp_path))
    assert result.code == 1
    assert str(tmp_path / "index.html") in result.out
    assert "FAILED lenet" in result.err
    monkeypatch.setattr(reader, "build_all", lambda folder: [row("loss", "loss", 2.0)])
    assert run("read", "--out", str(tmp_path)).code == 0
