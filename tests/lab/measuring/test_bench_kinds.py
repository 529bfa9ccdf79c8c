"""The other tables of bench: the profile of a step, a trained model's times."""

import json
import time
from pathlib import Path

import pytest

from tests.lab.command import run
from tinygrad_lab import Tensor
from tinygrad_lab.lab import bench
from tinygrad_lab.lab.measuring import profiling
from tinygrad_lab.trace.record import listening


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "BLOCK_SECONDS", 0.0)
    monkeypatch.setattr(bench, "PAUSE_SECONDS", 0.0)


def test_a_profile_has_every_operation_once_and_its_shares_are_the_whole() -> None:
    rows = json.loads(run("bench", "--profile", "lenet", "--size", "tiny", "--json", "-").out)
    names = [row["operation"] for row in rows]
    assert len(names) == len(set(names))
    assert {"conv2d", "linear", profiling.REST} <= set(names)
    assert sum(row["share"] for row in rows) == pytest.approx(1.0)
    assert [row["milliseconds"] for row in rows] == sorted((row["milliseconds"] for row in rows), reverse=True)
    linear = next(row for row in rows if row["operation"] == "linear")
    assert linear["calls"] >= 1
    assert linear["forward_ms"] > 0
    assert linear["backward_ms"] > 0


def test_a_profile_is_a_table_for_each_paper() -> None:
    out = run("bench", "--profile", "lenet", "dropout", "--size", "tiny", "--repeats", "1").out
    assert out.count("one BLAS thread") == 2
    assert "linear" in out


def test_time_is_that_of_the_operation_it_passed_in() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    watch = profiling.Stopwatch()
    with listening(watch):
        y = x * x
        time.sleep(0.02)  # on the way to the sum
        total = y.sum()
        total.backward()
    time.sleep(0.01)
    watch.stop()
    assert dict(watch.calls) == {"multiply": 1, "sum": 1}
    assert watch.seconds["sum", "forward"] > 0.02 > watch.seconds["multiply", "forward"]
    assert watch.seconds["multiply", "backward"] > 0
    assert watch.seconds[profiling.REST, "rest"] > 0.01


def test_a_trained_model_goes_forward_and_writes_where_it_can() -> None:
    *rows, mean = json.loads(run("bench", "--inference", "lstm", "lenet", "--size", "tiny", "--json", "-").out)
    assert [(row["paper"], row["what"]) for row in rows] == [
        ("lstm", "forward"), ("lstm", "writing"), ("lenet", "forward"),
    ]  # fmt: skip
    assert all(row["ratio"] == pytest.approx(row["numpy_ms"] / row["torch_ms"]) for row in rows)
    assert set(mean) == {"geomean_ratio", "machine"}


def test_the_table_of_inference_names_the_machine() -> None:
    out = run("bench", "--inference", "dropout", "--size", "tiny", "--repeats", "2").out
    assert "PyTorch" in out
    assert "forward" in out
    assert "geometric mean" in out


def test_reports_of_every_kind_are_replaced_by_the_next(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    for kind in ("--profile", "--inference", "--profile"):
        words = ("bench", kind, "dropout", "--size", "tiny", "--repeats", "1", "--json", str(file))
        assert run(*words).code == 0
    file.write_text('[{"paper": "lenet", "check": "loss"}]')
    assert run(*words).code == 2
