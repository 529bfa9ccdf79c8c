"""A long matrix is read by two threads: the same numbers, whoever reads which piece."""

import os
import threading

import numpy as np
import pytest

from tinygrad_lab.ops.kernels import long_matrix
from tinygrad_lab.ops.kernels.long_matrix import times_vector
from tinygrad_lab.random import generator
from tinygrad_lab.threads import other_threads


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every matrix is a long one, and there are two cores."""
    monkeypatch.setattr(long_matrix, "WORTHWHILE", 0)
    monkeypatch.setattr(long_matrix, "PIECE", 100)
    monkeypatch.setattr(long_matrix, "cores", lambda: 2)


def drawn(rows: int, columns: int = 7, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
    rng = generator(rows)
    return rng.standard_normal((rows, columns)).astype(dtype), rng.standard_normal(columns).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [0, 1, 13, 14, 15, 1000])
def test_every_row_is_read_once(rows: int, dtype: type) -> None:
    weight, x = drawn(rows, dtype=dtype)
    y = times_vector(weight, x)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, np.vecdot(weight, x))


def test_rows_longer_than_a_piece_and_any_strides() -> None:
    weight, x = drawn(300, 20)
    np.testing.assert_array_equal(times_vector(weight.T, drawn(5, 300)[1]), np.vecdot(weight.T, drawn(5, 300)[1]))
    np.testing.assert_array_equal(times_vector(weight[::-3], x), np.vecdot(weight[::-3], x))


def test_a_second_thread_that_is_busy_holds_nobody_up() -> None:
    free = threading.Event()
    busy = [other_threads().submit(free.wait, 60) for _ in range(os.cpu_count() or 1)]
    weight, x = drawn(1000)
    try:
        np.testing.assert_array_equal(times_vector(weight, x), np.vecdot(weight, x))
        assert not any(waiting.done() for waiting in busy)
    finally:
        free.set()


def test_a_single_core_is_never_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_matrix, "cores", lambda: 1)
    monkeypatch.delattr(long_matrix, "share_out")
    weight, x = drawn(1000)
    np.testing.assert_array_equal(times_vector(weight, x), np.vecdot(weight, x))


def test_both_threads_have_the_callers_error_state() -> None:
    weight, x = drawn(20_000)
    weight[:] = 3e38
    with np.errstate(over="ignore", invalid="ignore"):
        assert not np.isfinite(times_vector(weight, np.full_like(x, 10))).any()
    with np.errstate(over="raise", invalid="raise"), pytest.raises(FloatingPointError):
        times_vector(weight, np.full_like(x, 10))


def test_many_callers_at_once() -> None:
    weight, x = drawn(5000)
    expected, found = np.vecdot(weight, x), []
    callers = [threading.Thread(target=lambda: found.append(times_vector(weight, x))) for _ in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(found) == 6
    assert all((y == expected).all() for y in found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_asks_a_thread_of_its_own() -> None:
    weight, x = drawn(1000)
    times_vector(weight, x)
    if (child := os.fork()) == 0:
        same = (times_vector(weight, x) == np.vecdot(weight, x)).all()
        helped = any(thread.name.startswith("tinygrad_lab") for thread in threading.enumerate())
        os._exit(0 if same and helped else 1)
    assert os.waitpid(child, 0)[1] == 0
