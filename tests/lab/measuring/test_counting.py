"""The guard without a clock: no paper's step does much more than it did when it was counted."""

import subprocess
import sys

import numpy as np
import pytest

from tinygrad_lab import Tensor
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.measuring import counting
from tinygrad_lab.lab.measuring.allocations import LARGE, counted
from tinygrad_lab.lab.measuring.counting import copies, counts, grown, kept
from tinygrad_lab.nn import Module

PAPERS = registry.discover()


@pytest.mark.parametrize("slug", PAPERS)
def test_a_step_does_not_do_more_than_it_did(slug: str) -> None:
    """Where a step has come to do less, or more for a good reason: make step-counts."""
    assert grown(counts(PAPERS[slug]), kept()[slug]) == []


def test_every_paper_has_been_counted() -> None:
    assert list(kept()) == list(PAPERS)


def test_a_step_that_does_more_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of everything that goes into a module: each of the four counts says so."""
    call = Module.__call__
    monkeypatch.setattr(Module, "__call__", lambda self, *given: call(self, *map(_copied, given)))
    complaints = grown(counts(PAPERS["dropout"]), kept()["dropout"])
    assert [complaint.partition(":")[0] for complaint in complaints] == [
        "operations",
        "bytes",
        "large",
        "copies",
    ]


def _copied(given: Tensor) -> Tensor:
    return Tensor(given.numpy().copy()) * 1.0 if not given.requires_grad else given.clone()


def test_a_sixth_more_is_too_much_and_a_tenth_is_not() -> None:
    before = dict.fromkeys(counting.SLACK, 10_000_000)
    assert grown(dict.fromkeys(before, 11_000_000), before) == []
    assert len(grown(dict.fromkeys(before, 11_700_000), before)) == len(before)
    assert grown({"copies": 3}, {"copies": 1}) == []  # small steps: two more are no news
    assert grown({"copies": 4}, {"copies": 1}) == ["copies: 4, it was 1"]


# ---- how it counts --------------------------------------------------------------------------------------------------


def test_bytes_and_large_blocks_are_those_of_the_arrays() -> None:
    with counted() as found:
        arrays = [np.empty(1000, np.float32), np.zeros(LARGE, np.uint8)]
    assert (found.bytes, found.large) == (4000 + LARGE, 1)
    arrays.append(np.empty(1000))
    assert found.bytes == 4000 + LARGE  # what comes after the block is not counted


def test_arrays_outlive_the_count() -> None:
    for _ in range(50):
        with counted():
            array = np.arange(10_000.0)
        array = np.resize(array, 20_000)
        assert array[:10_000].sum() == array[10_000:].sum()


def test_arrays_outlive_the_interpreter() -> None:
    code = (
        "import sys, numpy; from tinygrad_lab.lab.measuring.allocations import counted\n"
        "with counted(): sys.kept = [numpy.ones(n) for n in (3, 300, 300_000)]\n"
        "del counted, sys.modules['tinygrad_lab.lab.measuring.allocations']"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_counts_that_fail_leave_nothing_behind() -> None:
    with pytest.raises(ZeroDivisionError), counted() as found:
        _ = 1 / 0
    np.empty(1000)
    assert found.bytes == 0


def test_a_copy_is_counted_by_any_of_its_names() -> None:
    array = np.ones((3, 2))
    assert copies(lambda: (array.copy(), array.astype("f"), np.ascontiguousarray(array.T), np.copy(array))) == 4
    assert copies(lambda: [1, 2].copy()) == 0
    assert copies(lambda: np.asarray(array)) == 0
