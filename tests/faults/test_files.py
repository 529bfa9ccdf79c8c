"""Files are whole, whoever is killed and whoever else writes; places that are none are found before the work."""

import os
import stat
import time
from pathlib import Path
from random import Random

import pytest

from tests.faults.kills import downloads, killed, pages, remains, sites, started
from tests.lab.command import run
from tinygrad_lab import files
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.study import claims

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # fork; the children touch no thread


def text_of(number: int) -> str:
    return f"{number}\n" * 20_000


def write_for_ever(path: Path, number: int) -> None:
    while True:
        files.write(path, text_of(number))


def test_two_writers_and_many_kills_leave_whole_files_and_nothing_else(tmp_path: Path) -> None:
    path, draw = tmp_path / "file", Random(0)
    files.write(path, text_of(0))
    for number in range(1, 20):
        other = started(lambda number=number: write_for_ever(path, -number))
        killed(lambda number=number: write_for_ever(path, number), draw.uniform(0.005, 0.03))
        os.kill(other, 9)
        os.waitpid(other, 0)
        text = path.read_text()
        assert text == text_of(int(text.split("\n")[0]))
    files.write(path, "end")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_what_another_process_is_writing_is_left_alone(tmp_path: Path) -> None:
    def slow() -> None:
        with files.written(tmp_path / "slow") as temporary:
            temporary.write_text("slow")
            (tmp_path / "ready").touch()
            while not (tmp_path / "go").exists():
                time.sleep(0.005)

    child = started(slow)
    while not (tmp_path / "ready").exists():
        time.sleep(0.005)
    files.write(tmp_path / "quick", "quick")
    (tmp_path / "go").touch()
    assert os.waitpid(child, 0)[1] == 0
    assert (tmp_path / "slow").read_text() == "slow"
    assert remains(tmp_path) == []


def test_a_block_that_fails_changes_nothing(tmp_path: Path) -> None:
    files.write(tmp_path / "file", "old")

    def fail() -> None:
        with files.written(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("file", "old")]


def test_a_link_and_the_rights_of_a_file_stay(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(0o640)
    (tmp_path / "link").symlink_to("file")
    files.write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


@pytest.mark.parametrize("place", ["folder", "fifo", "loop", "file/sub", "nowhere/file", "loop/sub", "kept"])
def test_places_that_are_none(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("file", "kept"):
        (tmp_path / name).write_text("mine")
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "kept" and access(path, mode))
    before = sorted(entry.name for entry in tmp_path.rglob("*"))
    for attempt in (files.try_out, lambda path: files.write(path, "ours")):
        with pytest.raises(OSError, match=r"."):
            attempt(tmp_path / place)
    result = run("step", "w*x", "w=2", "x=3", "--html", str(tmp_path / place))
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert sorted(entry.name for entry in tmp_path.rglob("*")) == before
    assert (tmp_path / "kept").read_text() == "mine"


def test_a_folder_is_ours_until_the_process_ends(tmp_path: Path) -> None:
    with (
        files.alone(tmp_path / "a" / "b"),
        pytest.raises(files.InUseError, match=f"in use by process {os.getpid()}"),
        files.alone(tmp_path / "a" / "b"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []

    def work() -> None:
        with files.alone(tmp_path / "a"):
            time.sleep(60)

    assert killed(work, 0.1) == -9
    assert remains(tmp_path) == [files.LOCK]
    with files.alone(tmp_path / "a"):
        pass
    assert remains(tmp_path) == []


def test_a_results_file_that_was_torn_is_one_line(tmp_path: Path) -> None:
    lab = claims.workbench(registry.find("dropout"), 1, True, tmp_path)
    (tmp_path / "plain.json").write_text('{"runs": [')
    result = run("claims", "dropout", "--redraw", "--out", str(tmp_path))
    assert result.code == 2
    with pytest.raises(Exception, match=r"is damaged .* run tinygrad-lab claims dropout --quick --out .* again"):
        lab.results("plain")


@pytest.mark.parametrize("kill", [pages, sites, downloads])
def test_a_few_kills_of_the_commands(kill: object, tmp_path: Path) -> None:
    kill(tmp_path / "there" if kill is sites else tmp_path, 4, Random(1))  # type: ignore[operator]


@pytest.mark.parametrize("content", ["[]", "{}", '{"runs": [{"side": "numpy"}]}', "[" * 100_000])
def test_results_that_make_no_sense_are_one_line(content: str, tmp_path: Path) -> None:
    for results in (claims.paper_folder(registry.find("dropout")) / "study" / "results").glob("*.json"):
        (tmp_path / results.name).write_text(content)
    result = run("claims", "dropout", "--redraw", "--out", str(tmp_path))
    assert (result.code, len(result.err.splitlines())) == (2, 1), result.err
    assert f"run tinygrad-lab claims dropout --out {tmp_path} again" in result.err


def test_a_folder_that_is_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    result = run("papers")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert "the folder that this is run in is gone" in result.err
