"""The list of planted bugs fits the tree, and planting leaves nothing behind."""

from pathlib import Path

import pytest

from tests.planted.bug import AREAS, Bug, planted
from tests.planted.bugs import BUGS
from tests.planted.report import BEGIN, DOCUMENT, END, is_caught, rows, update
from tests.planted.running import Result

ROOT = Path(__file__).parent.parent.parent


def test_every_text_stands_exactly_once_in_its_file() -> None:
    assert [line for bug in BUGS for line in bug.misplaced(ROOT)] == []


def test_every_bug_changes_something_that_a_test_is_named_for() -> None:
    assert [bug.id for bug in BUGS if bug.wrong == bug.right or not bug.what] == []
    assert [(bug.id, test) for bug in BUGS for test in bug.tests if not (ROOT / test).is_file()] == []
    assert all(bug.tests for bug in BUGS)


def test_there_are_a_hundred_in_all_areas() -> None:
    assert len({bug.id for bug in BUGS}) == len(BUGS) >= 100
    assert {bug.area for bug in BUGS} == set(AREAS)


def test_a_third_is_the_same_on_both_sides() -> None:
    """Then parity cannot see it, and a test of the paper has to."""
    assert 3 * sum(bug.on_both_sides for bug in BUGS) >= len(BUGS)


def test_the_report_has_every_bug_and_what_caught_it() -> None:
    found = rows(DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0])
    assert list(found) == [bug.id for bug in BUGS]
    assert [id for id, row in found.items() if not is_caught(row)] == []


def bug_of(id: str) -> Bug:
    return Bug(id, ("sign.py",), "-x", "x", "the sign is lost", ("tests/test_sign.py",))


def test_a_report_keeps_the_rows_of_what_was_not_tried_again(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text(f"before\n{BEGIN}\n{END}\nafter\n", encoding="utf-8")
    first, second, third = (bug_of(f"ops-{number}") for number in ("one", "two", "three"))
    update(document, [first, third], [Result(each, "tests/test_sign.py::test", "", 1.0) for each in (first, third)])
    update(document, [second, first], [Result(second, "", "all tests pass", 1.0)])
    text = document.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{BEGIN}\n1 of 2 are caught.")
    assert text.endswith(f"{END}\nafter\n")
    assert {id: is_caught(row) for id, row in rows(text).items()} == {"ops-two": False, "ops-one": True}
    assert list(rows(text)) == ["ops-two", "ops-one"]


def test_a_document_without_markers_is_left_alone(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text(f"{BEGIN}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="not both there"):
        update(document, [], [])
    assert document.read_text(encoding="utf-8") == f"{BEGIN}\n"


def test_a_planted_bug_is_gone_after_the_block(tmp_path: Path) -> None:
    file = tmp_path / "sign.py"
    file.write_text("y = -x\n", encoding="utf-8")
    bug = bug_of("ops-sign")
    with planted(bug, tmp_path):
        assert file.read_text(encoding="utf-8") == "y = x\n"
    assert file.read_text(encoding="utf-8") == "y = -x\n"


def test_a_bug_can_have_other_words_elsewhere(tmp_path: Path) -> None:
    for name, text in {"sign.py": "y = -x\n", "other.py": "y = 0 - x\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    other = (("other.py", "0 - x", "x"),)
    bug = Bug("ops-sign", ("sign.py",), "-x", "x", "the sign is lost", ("test_sign.py",), elsewhere=other)
    assert bug.misplaced(tmp_path) == []
    with planted(bug, tmp_path):
        assert {(tmp_path / name).read_text(encoding="utf-8") for name in ("sign.py", "other.py")} == {"y = x\n"}
    assert (tmp_path / "other.py").read_text(encoding="utf-8") == "y = 0 - x\n"


@pytest.mark.parametrize(("text", "times"), [("y = 2 * x\n", 0), ("y = -x - -x\n", 2)])
def test_a_text_that_does_not_stand_exactly_once_is_named(tmp_path: Path, text: str, times: int) -> None:
    (tmp_path / "sign.py").write_text(text, encoding="utf-8")
    bug = bug_of("ops-sign")
    assert bug.misplaced(tmp_path) == [f"ops-sign: '-x' stands {times} times in sign.py"]
