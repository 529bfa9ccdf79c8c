"""The list of planted bugs fits the tree, and planting leaves nothing behind."""

from pathlib import Path

import pytest

from tests.planted.bug import AREAS, Bug, planted
from tests.planted.bugs import BUGS
from tests.planted.uncaught import UNCAUGHT

ROOT = Path(__file__).parent.parent.parent
EVERY = [*BUGS, *UNCAUGHT]


def test_every_text_stands_exactly_once_in_its_file() -> None:
    assert [line for bug in EVERY for line in bug.misplaced(ROOT)] == []


def test_every_bug_changes_something_that_a_test_is_named_for() -> None:
    assert [bug.id for bug in EVERY if bug.wrong == bug.right or not bug.what] == []
    assert [(bug.id, test) for bug in EVERY for test in bug.tests if not (ROOT / test).is_file()] == []
    assert all(bug.tests for bug in EVERY)


def test_there_are_forty_in_all_areas_and_few_that_nothing_catches() -> None:
    assert len({bug.id for bug in EVERY}) == len(EVERY)
    assert len(BUGS) >= 40
    assert len(UNCAUGHT) <= 8
    assert {bug.area for bug in BUGS} == set(AREAS)


def test_a_quarter_of_the_papers_bugs_is_the_same_on_both_sides() -> None:
    """Then parity cannot see it, and a test of the paper has to."""
    of_papers = [bug for bug in BUGS if bug.area == "papers"]
    assert 4 * sum(len(bug.files) == 2 for bug in of_papers) >= len(of_papers)


def test_a_planted_bug_is_gone_after_the_block(tmp_path: Path) -> None:
    file = tmp_path / "sign.py"
    file.write_text("y = -x\n", encoding="utf-8")
    bug = Bug("ops-sign", ("sign.py",), "-x", "x", "the sign is lost", ("test_sign.py",))
    with planted(bug, tmp_path):
        assert file.read_text(encoding="utf-8") == "y = x\n"
    assert file.read_text(encoding="utf-8") == "y = -x\n"


@pytest.mark.parametrize(("text", "times"), [("y = 2 * x\n", 0), ("y = -x - -x\n", 2)])
def test_a_text_that_does_not_stand_exactly_once_is_named(tmp_path: Path, text: str, times: int) -> None:
    (tmp_path / "sign.py").write_text(text, encoding="utf-8")
    bug = Bug("ops-sign", ("sign.py",), "-x", "x", "the sign is lost", ("test_sign.py",))
    assert bug.misplaced(tmp_path) == [f"ops-sign: '-x' stands {times} times in sign.py"]
