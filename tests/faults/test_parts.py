"""The command that makes bad days: it counts, it keeps what it has found, and its judges see what is wrong."""

from collections.abc import Iterator
from itertools import islice, repeat
from pathlib import Path
from random import Random

import pytest

from tests.faults import days, downloads, pages, report, servers, trainers
from tests.faults.__main__ import main
from tests.faults.part import OTHER, REFUSED, RIGHT, Outcome, Part, Tally, tally
from tests.faults.parts import PARTS
from tests.faults.short import few_evaluated, workers_on
from tests.faults.troubles import PASSING
from tests.lab.command import Result
from tests.sections import RELIABILITY, rows

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # fork; the children touch no thread


def made(*kinds: str) -> Iterator[Outcome]:
    yield from (Outcome(kind, "why") for kind in kinds)


def test_ends_are_counted_and_bad_ones_shown() -> None:
    found = tally("part", made(RIGHT, "torn", REFUSED, OTHER, RIGHT), 10, 60)
    assert (found.tried, found.right, found.other, found.refused, found.bad) == (5, 2, 1, 1, 1)
    assert found.examples == ["torn: why"]


def test_no_more_than_asked_for_and_none_after_the_time() -> None:
    assert tally("part", (each for each in repeat(Outcome(RIGHT))), 7, 60).tried == 7
    assert tally("part", (each for each in repeat(Outcome(RIGHT))), 7, -1).tried == 1


def test_a_report_keeps_the_rows_of_what_was_not_tried_again(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text("before\n<!-- faults -->\n<!-- /faults -->\nafter\n", encoding="utf-8")
    parts = [Part(name, f"what {name} does", 1, 1, lambda draw: made(RIGHT)) for name in ("one", "two", "three")]
    for part, found in zip(parts, (Tally("one", 1000, 9, 2), Tally("two", 1, 0, 2, 3), Tally("three", 4)), strict=True):
        report.update(document, parts, {part.name: report.row(part, found, "again")})
    report.update(document, parts[:2], {"two": report.row(parts[1], Tally("two", 5, 1, 6), "again")})
    text = document.read_text(encoding="utf-8")
    words = "1,023 tries: 1,005 went right all the same, 10 were taken with other content"
    assert text.startswith(f"before\n<!-- faults -->\n{words}")
    assert {name: report.counts(line) for name, line in rows(text, report.HEAD).items()} == {
        "one": [1011, 1000, 9, 2, 0], "two": [12, 5, 1, 6, 0],
    }  # fmt: skip


def test_every_part_has_its_row_and_none_ended_badly() -> None:
    section = RELIABILITY.read_text(encoding="utf-8").partition("<!-- faults -->")[2].partition("<!-- /faults -->")[0]
    found = {name: report.counts(line) for name, line in rows(section, report.HEAD).items()}
    assert list(found) == [part.name for part in PARTS]
    assert {name for name, (tried, *_) in found.items() if not tried} == set()
    assert {name: bad for name, (*_, bad) in found.items() if bad} == {}


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["nothing"])
    assert stop.value.code == 2
    assert "unknown: nothing; there are files," in capsys.readouterr().err


# ---- a few of each kind ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [pages, downloads, servers])
def test_a_few_end_well(part: object) -> None:
    outcomes = list(islice(part.tries(Random(1)), 15))  # type: ignore[attr-defined]
    assert [outcome for outcome in outcomes if not outcome.good] == []


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_killed_trainer_with_workers_goes_on_and_another_run_is_seen(tmp_path: Path) -> None:
    with few_evaluated(), workers_on():
        trainer = trainers.Trainer("dropout", "numpy", tmp_path)
        ends = {outcome.kind for outcome in trainer.killed(Random(1))}
        trainer.whole["rest"] = {**trainer.whole["rest"], "position": {}}
        others = {outcome.kind for outcome in trainer.killed(Random(1))}
    assert (ends, others) == ({RIGHT}, {"rest"})


@pytest.mark.parametrize("trouble", PASSING)
def test_a_page_in_every_trouble(trouble: str, tmp_path: Path) -> None:
    outcome = days.tried(days.COMMANDS["step --html"], trouble, tmp_path, Random(2), "step")
    assert outcome.good, outcome


# ---- the judges ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "err"),
    [
        (2, ""), (1, "Traceback\ntinygrad-lab: no"), (2, "tinygrad-lab: one\ntinygrad-lab: two"),
        (2, "tinygrad-lab: OSError (TINYGRAD_LAB_DEBUG=1 shows where)"), (2, "tinygrad-lab: no\nmore"),
        (-9, "tinygrad-lab: no"), (0, "Traceback"),
    ],
)  # fmt: skip
def test_no_other_end_of_a_bad_day_is_taken(code: int, err: str) -> None:
    assert not Outcome(days.kind(Result(code, "", err))).good


def test_the_two_ends_of_a_bad_day() -> None:
    assert days.kind(Result(0, "", "a warning\n")) == RIGHT
    assert days.kind(Result(2, "", "epoch 1\ntinygrad-lab: no room\n")) == REFUSED
    assert days.kind(None) == "no end"


def test_what_is_torn_is_seen(tmp_path: Path) -> None:
    command = days.COMMANDS["step --html"]
    assert days.left(command, tmp_path, True) == "nothing there"
    (tmp_path / "page.html").write_text("<html>")
    assert days.left(command, tmp_path, False).startswith("torn")


def test_a_disk_that_is_not_full_any_more_must_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(days, "in_a_fork", lambda words, trouble: Result(2, "", "tinygrad-lab: No space left\n"))
    outcome = days.tried(days.COMMANDS["read"], "full disk", tmp_path, Random(0), "read")
    assert outcome.kind.startswith("afterwards")


@pytest.mark.parametrize(
    ("answer", "failures", "good"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\npage", [], True), (b"HTTP/1.0 404 Not Found\r\n\r\n{}", [], True), (b"", [], True),
        (b"HTTP/1.0 200 OK\r\n\r\n" + servers.SECRET.encode(), [], False), (b"", ["Traceback"], False),
        (b"HTTP/1.0 500 No\r\n\r\nTraceback", [], False), (b"HTTP/1.0 777 Odd\r\n\r\n", [], False),
        (servers.LATE, [], False),
    ],
)  # fmt: skip
def test_what_a_server_may_answer(answer: bytes, failures: list[str], good: bool) -> None:
    assert servers.judged(answer, failures).good == good


@pytest.mark.parametrize("html", ["<script>", "<img src=x>", "<b onclick=x>", "<a href=javascript:x>", "<iframe>"])
def test_harm_is_seen(html: str) -> None:
    assert pages.harm(html)
    assert not pages.harm("<b class='x'>&lt;script&gt;</b> <a href='#there'>")
