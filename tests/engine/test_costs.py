"""What a call costs is counted for that call alone."""

import time

import numpy as np
import pytest

from tinygrad_lab.costs import megabytes, milliseconds


def test_memory_is_the_most_that_was_taken_at_a_time() -> None:
    def twice_a_megabyte() -> None:
        for _ in range(2):
            np.ones(125_000)

    kept = np.ones(10**6)  # taken before: not counted
    assert megabytes(twice_a_megabyte) == pytest.approx(1.0, rel=0.05)
    assert kept.all()


def test_the_fastest_call_counts_and_sleep_is_not_work() -> None:
    calls = []

    def slow_at_first() -> None:
        calls.append(1)
        end = time.process_time() + (0.05 if len(calls) == 1 else 0.0)
        while time.process_time() < end:
            pass
        time.sleep(0.01)

    assert milliseconds(slow_at_first, times=3) < 5
    assert len(calls) == 3
