"""The page on performance, from made-up numbers."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.lab.measuring.test_machine import ABOUT
from tinygrad_lab.lab import bench, registry
from tinygrad_lab.lab.measuring import inference, peers, report, scaling
from tinygrad_lab.lab.measuring.spread import Median
from tinygrad_lab.lab.study import claims

TIMES = {"numpy_ms": 2.0, "torch_ms": 4.0, "ratio": 0.5}
STEP = {
    "paper": "lenet",
    "variant": "1998",
    "size": "small",
    **TIMES,
    "numpy_peak_mb": 10.4,
    "torch_peak_mb": 20.6,
    "numpy_whole_mb": 60.2,
    "torch_whole_mb": 301.0,
}
STEPS: dict[str, Any] = {
    "made": "2026-01-02",
    "machine": ABOUT,
    "steps": [
        {**STEP, "numpy_ms_quartiles": [1.9, 2.2]},
        {"geomean_ratio": 0.5},
    ],
    "conditions": {"one core each": [{**STEP, "ratio": 0.25}, {"geomean_ratio": 0.3}]},
    "inference": [
        {"paper": "lstm", "variant": "2000", "what": "writing", **TIMES},
        {"geomean_ratio": 0.5},
    ],
    "peers": [{"peer": "Another", "model": "attention", "numpy_ms": 1.0, "peer_ms": 8.0, "ratio": 0.125}],
}
AXIS = [{**STEP, "at": size, "numpy_ms": 1.0 * size, "torch_ms": 2.0 * size**2} for size in (1, 2, 4, 8)]
GROWTH: dict[str, Any] = {
    "made": "2026-01-02",
    "machine": ABOUT,
    "axes": {"batch": AXIS, "workers": AXIS[:1]},
}


def test_the_page_names_machine_and_day_and_has_every_number() -> None:
    text = report.page(STEPS, GROWTH)
    assert "2026-01-02" in text
    assert "> Fast One (family 1, model 2), AVX2" in text
    assert "| lenet | 1998 | 2.00 (1.90-2.20) | 4.00 | 0.50 | 10 | 21 | 60 | 301 |" in text
    assert "Geometric mean of the ratios: **0.50**" in text
    assert "| lenet | 0.50 | 0.25 |" in text
    assert "| geometric mean | 0.50 | 0.30 |" in text
    assert "| lstm | 2000 | writing | 2.00 | 4.00 | 0.50 |" in text
    assert "| batch | 1.00 | 2.00 | 0.00 | 0.00 |" in text
    assert "| Another | attention | 1.00 | 8.00 | 0.12 |" in text


def test_page_figures_and_numbers_are_written_together(tmp_path: Path) -> None:
    report.write(STEPS, GROWTH, tmp_path)
    assert (tmp_path / "performance.md").read_text(encoding="utf-8") == report.page(STEPS, GROWTH)
    folder = tmp_path / "performance"
    assert sorted(path.name for path in folder.iterdir()) == [
        "scaling.json",
        "scaling.png",
        "steps.json",
        "steps.png",
    ]
    assert json.loads((folder / "steps.json").read_text(encoding="utf-8")) == STEPS
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in ("steps.png", "scaling.png"))


def test_what_is_kept_of_a_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    median = Median([1.0, 2.0, 3.0])
    rows = [{"paper": "lenet", "numpy_ms": median}, {"geomean_ratio": 1.0}]
    for module in (bench, inference, peers):
        monkeypatch.setattr(module, "run", lambda *_: rows)
    monkeypatch.setattr(scaling, "measure", lambda _watch: {"batch": []})
    monkeypatch.setattr(report, "under", lambda settings: [settings])
    steps, growth = report.measured()
    assert steps["steps"][0] == {
        "paper": "lenet",
        "numpy_ms": 2.0,
        "numpy_ms_quartiles": (1.5, 2.5),
    }
    assert steps["machine"] == growth["machine"]
    assert growth["axes"] == {"batch": []}


def test_a_papers_row_is_stored_as_the_command_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "paper_folder", lambda paper: tmp_path / paper.slug)
    for slug in ("lenet",):
        (tmp_path / slug / "study" / "results").mkdir(parents=True)
    report.store_with_papers(STEPS["steps"])
    stored = json.loads((tmp_path / "lenet" / "study" / "results" / "bench.json").read_text(encoding="utf-8"))
    assert stored == [STEPS["steps"][0], {"geomean_ratio": 0.5}]


def test_an_exponent_that_cannot_be_fitted_stops_nothing(tmp_path: Path) -> None:
    nothing = [{**row, "numpy_peak_mb": 0.0} for row in AXIS]
    assert math.isnan(scaling.exponent(nothing, "numpy_peak_mb"))
    report.write(STEPS, {**GROWTH, "axes": {"batch": nothing}}, tmp_path)
    assert "| batch | 1.00 | 2.00 | - | 0.00 |" in (tmp_path / "performance.md").read_text(encoding="utf-8")


def test_the_documents_are_those_of_this_project() -> None:
    assert (report.DOCS / "engine.md").exists()
    assert registry.find("lenet")
