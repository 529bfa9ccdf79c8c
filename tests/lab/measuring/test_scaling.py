"""How steps grow: the sizes, the cores of both sides, and the exponents."""

import math
import os

import pytest
import torch

from tinygrad_lab.cores import BOUND
from tinygrad_lab.lab import bench, overrides, registry
from tinygrad_lab.lab.measuring import scaling


def rows_of(power: float, sizes: tuple[int, ...] = (1, 2, 4, 8, 16)) -> list[dict[str, float]]:
    return [{"at": size, "numpy_ms": 3.0 * size**power, "torch_ms": 2.0 * size} for size in sizes]


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_is_found(power: float) -> None:
    assert scaling.exponent(rows_of(power), "numpy_ms") == pytest.approx(power, abs=1e-9)


def test_only_the_largest_sizes_are_fitted() -> None:
    rows = rows_of(2.0)
    rows[0]["numpy_ms"] = 1000.0  # what a call costs
    assert scaling.exponent(rows, "numpy_ms") == pytest.approx(2.0)


def test_without_two_sizes_or_with_nothing_measured_there_is_no_exponent() -> None:
    assert math.isnan(scaling.exponent(rows_of(1.0, (1,)), "numpy_ms"))
    assert math.isnan(scaling.exponent([{"at": 1, "peak_mb": 0.0}, {"at": 2, "peak_mb": 1.0}], "peak_mb"))


@pytest.mark.parametrize("axis", scaling.axes(), ids=lambda axis: axis.name)
def test_every_size_is_a_configuration(axis: scaling.Axis) -> None:
    small = registry.configuration(registry.find(scaling.SLUG), size="small")
    made = [overrides.apply(small, axis.fields(size)) for size in axis.sizes]
    assert len(set(made)) == (1 if axis.name == "workers" else len(axis.sizes))
    assert list(axis.sizes) == sorted(axis.sizes)


def test_both_sides_get_so_many_cores_and_their_own_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BOUND, raising=False)
    before = torch.get_num_threads()
    with scaling.at_most(2):
        assert (os.environ[BOUND], torch.get_num_threads()) == ("2", 2)
    assert BOUND not in os.environ
    assert torch.get_num_threads() == before


def test_a_point_is_measured_as_bench_does(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[object, ...]] = []

    def measure(paper, variant, size, fields, repeats, watch):
        seen.append((paper.slug, size, fields, os.environ[BOUND]))
        return {"numpy_ms": 1.0}

    monkeypatch.setattr(bench, "measure", measure)
    monkeypatch.setattr(scaling, "cores", lambda: 2)
    told: list[str] = []
    found = scaling.measure(told.append)
    assert [row["at"] for row in found["workers"]] == [1, 2]
    assert [bound for *_, bound in seen[-2:]] == ["1", "2"]
    assert seen[0] == ("llama", "small", ("--batch-size", "6"), "2")
    assert told[0] == "batch 6"
    assert len(told) == len(seen) == sum(len(rows) for rows in found.values())
