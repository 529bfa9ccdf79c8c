"""What was stored of a paper: speed, verdicts; and how quantities read."""

import json
from pathlib import Path

import pytest

from tinygrad_lab.lab import registry
from tinygrad_lab.lab.site import measured, views

PAPERS = registry.discover()


def test_speed_is_that_of_the_default_variant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured.claims, "paper_folder", lambda paper: tmp_path)
    assert measured.speed(PAPERS["lenet"]) is None
    (tmp_path / "study" / "results").mkdir(parents=True)
    rows = [{"variant": "modern", "ratio": 2.0}, {"variant": "1998", "ratio": 0.5}, {"geomean_ratio": 1.0}]
    (tmp_path / "study" / "results" / "bench.json").write_text(json.dumps(rows), encoding="utf-8")
    assert measured.speed(PAPERS["lenet"]) == 0.5


def test_verdicts_are_counted_and_absent_before_there_are_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured.verdicts(PAPERS["lenet"]) == {"reproduced": 2}
    monkeypatch.setattr(measured.claims, "paper_folder", lambda paper: tmp_path)
    assert measured.verdicts(PAPERS["lenet"]) == {}


def test_quantities_are_readable() -> None:
    values = (950, 60_000, 1_230_000, 7e9, 1.5e12)
    assert [views.quantity(v) for v in values] == ["950", "60 thousand", "1.23 million", "7 billion", "1.5 trillion"]
    assert views.part(1000.0, [10.0, 1000.0]) == 1.0
    assert views.part(10.0, [10.0, 1000.0]) == pytest.approx(1 / 3)
