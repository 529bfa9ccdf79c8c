"""The commands end with a code that says what became of the mutants, and rewrite nothing for none."""

import math
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.mutants import __main__ as command
from tests.mutants import sample
from tests.mutants.mutant import Mutant
from tests.mutants.places import mutants_in
from tests.mutants.slot import Verdict


@pytest.fixture
def mutant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mutant:
    """The only one that there is."""
    (tmp_path / "m.py").write_text("x = 'it' < b\n", encoding="utf-8")
    (found,) = mutants_in(tmp_path, "m.py")
    monkeypatch.setattr(command, "jobs_of", lambda root: {"ops": [found]})
    monkeypatch.setattr(command.signal, "signal", lambda *arguments: None)
    return found


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the command writes anew."""
    calls: list[str] = []
    monkeypatch.setattr(command, "write_report", lambda *arguments: calls.append("report"))
    monkeypatch.setattr(command.verdicts, "tidy", lambda names: calls.append("verdicts"))
    return calls


def test_where_nothing_was_tried_nothing_is_written(
    mutant: Mutant, written: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_tried", lambda jobs, seconds, seed: [])
    assert command.main(["--only", mutant.name]) == 2
    assert capsys.readouterr().out.splitlines()[1:] == ["0 of 1 tried"]
    assert written == []


@pytest.mark.parametrize(("said", "code"), [("caught", 0), ("survived", 1)])
def test_what_is_named_has_all_the_time(
    mutant: Mutant, written: list[str], monkeypatch: pytest.MonkeyPatch, said: str, code: int
) -> None:
    def tried(jobs: Any, seconds: float, seed: int) -> list[Verdict]:
        assert seconds == math.inf
        return [Verdict(mutant.name, "ops", said, "", 1.0)]

    monkeypatch.setattr(command, "_tried", tried)
    assert command.main(["--only", mutant.name, "--minutes", "1"]) == code
    assert written == ["verdicts", "report"]


def test_a_sample_of_none_fails_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sample", "1"])
    monkeypatch.setattr(sample, "tried", lambda seed: [])
    assert sample.main() == 2
    assert "no mutant was tried" in capsys.readouterr().out


def test_a_survivor_of_a_sample_is_named_as_a_shell_reads_it(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sample", "1"])
    monkeypatch.setattr(sample, "tried", lambda seed: [Verdict(mutant.name, "ops", "survived", "", 1.0)])
    assert sample.main() == 1
    assert """--only 'm.py: x = '"'"'it'"'"' < b""" in capsys.readouterr().out
