"""What was stored of a paper: speed, verdicts; and how quantities read."""

import json
from pathlib import Path

import pytest

from tests.lab.measuring.test_machine import ABOUT
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


def test_speeds_are_of_a_day_and_a_machine_once_that_is_written_down(tmp_path: Path) -> None:
    report = tmp_path / "steps.json"
    assert measured.where_timed(report) == "once, at size small with two threads"
    report.write_text(json.dumps({"made": "2026-01-02", "machine": ABOUT}), encoding="utf-8")
    assert measured.where_timed(report) == (
        "on 2026-01-02, at size small, on Fast One (family 1, model 2), 2 cores, AVX2, with NumPy 2.4.0, PyTorch 2.13.0"
    )


def test_the_front_page_says_where_speeds_were_measured(site: Path) -> None:
    text = " ".join((site / "index.html").read_text(encoding="utf-8").split())
    assert f"measured {measured.where_timed()}, and stored" in text


def test_verdicts_are_counted_and_absent_before_there_are_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured.verdicts(PAPERS["lenet"]) == {"reproduced": 4, "inconclusive": 5}
    monkeypatch.setattr(measured.claims, "paper_folder", lambda paper: tmp_path)
    assert measured.verdicts(PAPERS["lenet"]) == {}


def test_quantities_are_readable() -> None:
    values = (950, 60_000, 1_230_000, 7e9, 1.5e12)
    assert [views.quantity(v) for v in values] == ["950", "60 thousand", "1.23 million", "7 billion", "1.5 trillion"]
    assert views.part(1000.0, [10.0, 1000.0]) == 1.0
    assert views.part(10.0, [10.0, 1000.0]) == pytest.approx(1 / 3)
