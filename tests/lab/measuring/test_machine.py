"""What is said of the machine, and how medians are spread."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.lab.command import run
from tinygrad_lab.lab import bench
from tinygrad_lab.lab.measuring import machine
from tinygrad_lab.lab.measuring.spread import Median, with_quartiles

ABOUT: dict[str, Any] = {
    "processor": "Fast One (family 1, model 2)",
    "instructions": ["AVX2", "AVX"],
    "cores": 2,
    "system": "Linux x86_64",
    "python": "3.12.1",
    "numpy": {"version": "2.4.0", "blas": "OpenBLAS 0.3, Haswell kernels", "threads": 1},
    "torch": {"version": "2.13.0", "blas": "MKL 2024.2, AVX2 loops", "threads": 2},
    "workers": "up to 2 processes",
    "settings": {"OMP_NUM_THREADS": "2"},
    "set_aside": "",
}


def memory(side: str) -> dict[str, float]:
    return {f"{side}_peak_mb": 1.0, f"{side}_whole_mb": 2.0}


def test_the_machine_is_plain_data_and_complete() -> None:
    about = json.loads(json.dumps(machine.machine()))
    assert set(about) == set(ABOUT)
    assert set(about["numpy"]) == set(about["torch"]) == {"version", "blas", "threads"}
    assert about["processor"]
    assert about["cores"] == os.cpu_count()
    assert about["torch"]["threads"] >= 1


def test_a_line_names_both_sides() -> None:
    assert machine.line(ABOUT) == (
        "Fast One (family 1, model 2), AVX2, AVX, 2 cores, Linux x86_64\n"
        "Python 3.12.1; NumPy 2.4.0 on OpenBLAS 0.3, Haswell kernels, 1 thread, up to 2 processes; "
        "PyTorch 2.13.0 on MKL 2024.2, AVX2 loops, 2 threads, OMP_NUM_THREADS=2"
    )


def test_what_was_set_aside_is_said() -> None:
    line = machine.line({**ABOUT, "set_aside": "OPENBLAS_CORETYPE=Haswell"})
    assert line.endswith("; set aside, since it holds one side only: OPENBLAS_CORETYPE=Haswell")


def test_settings_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    settings = machine.machine()["settings"]
    assert settings["OMP_NUM_THREADS"] == "3"
    assert "MKL_NUM_THREADS" not in settings


def test_a_processor_has_a_name_everywhere(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    assert machine.processor(file)  # no such file: not Linux
    file.write_text("Features : fp asimd\n")
    assert machine.processor(file)  # Linux on another kind of processor
    file.write_text("cpu family\t: 25\nmodel\t\t: 97\nmodel name\t: Fast One\nmodel name\t: Fast One\n")
    assert machine.processor(file) == "Fast One (family 25, model 97)"


def test_a_median_knows_its_quartiles() -> None:
    median = Median([1.0, 2.0, 3.0, 4.0, 9.0])
    assert (median, median.quartiles) == (3.0, (2.0, 4.0))
    assert (10.0 * median).quartiles == (20.0, 40.0)
    assert Median([5.0]).quartiles == (5.0, 5.0)
    assert with_quartiles(median) == "3.00 (2.00-4.00)"
    assert with_quartiles(3.0) == "3.00"
    assert json.dumps({"ms": median}) == '{"ms": 3.0}'


def test_the_table_has_the_machine_and_quartiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "BLOCK_SECONDS", 0.01)
    monkeypatch.setattr(bench, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(bench, "peak_memory", lambda _slug, _variant, _size, side, *_: memory(side))
    out = run("bench", "dropout", "--size", "tiny", "--repeats", "3").out
    assert machine.processor() in out
    assert "PyTorch" in out
    assert out.count("(") >= 3
    assert out.count("1 of 2") == 2


def test_pools_are_parked_before_each_block(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    monkeypatch.setattr(bench.time, "sleep", lambda seconds: events.append(f"pause {seconds}"))
    monkeypatch.setattr(bench, "block", lambda step: step() or 1.0)
    bench.alternate([lambda: events.append("a"), lambda: events.append("b")], repeats=2)
    pause = f"pause {bench.PAUSE_SECONDS}"
    assert events == ["a", "b", pause, "a", pause, "b", pause, "a", pause, "b"]
