"""An optimiser's step on several threads changes every bit as it does on one."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from tests.optim.test_optimizers import CONFIGURATIONS, names
from tinygrad_lab import from_numpy, nn, optim, threads
from tinygrad_lab.modes import detect_anomaly
from tinygrad_lab.nn.module import Parameter
from tinygrad_lab.optim import blocks
from tinygrad_lab.optim import optimizer as optimizer_module
from tinygrad_lab.optim.blocks import SHARE, threads_for
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.threads import share_out

STEPS = 3
EVERY = [*CONFIGURATIONS, ("BertAdam", {})]


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let blocks and shares of few elements count as large."""
    monkeypatch.setattr(optimizer_module, "BLOCK", 16)
    monkeypatch.setattr(blocks, "SHARE", 32)


@pytest.fixture(params=[2, 5], ids=["2 threads", "5 threads"])
def _threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _small: None) -> None:
    monkeypatch.setattr(blocks, "cores", lambda: request.param)


def made(name: str, parameters: list, options: dict) -> optim.Optimizer:
    from papers.bert.train import BertAdam

    return (BertAdam if name == "BertAdam" else getattr(optim, name))(parameters, **options)


def trained(name: str, options: dict, dtype: Any, order: str = "C") -> list[bytes]:
    """The bytes of parameters and slots after some steps, from random gradients."""
    rng = np.random.default_rng(0)
    shapes = [(40, 13), (7,), (65,), (3, 4, 11)]
    parameters = [Parameter(np.asarray(rng.standard_normal(shape), dtype, order)) for shape in shapes]
    optimizer = made(name, parameters, options)
    for _ in range(STEPS):
        for parameter in parameters:
            parameter.grad = from_numpy(rng.standard_normal(parameter.shape).astype(dtype))
        optimizer.step()
    slots = [array for entries in optimizer.state.values() for array in entries.values()]
    return [np.asarray(array).tobytes() for array in [*(p.numpy() for p in parameters), *slots]]


@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), EVERY, ids=names)
def test_bits_are_those_of_one_thread(
    name: str, options: dict, dtype: Any, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    divided = trained(name, options, dtype, order)
    monkeypatch.setattr(blocks, "cores", lambda: 1)
    assert trained(name, options, dtype, order) == divided


def test_bits_are_those_of_one_thread_at_full_size(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = []
    for count in (2, 1):
        monkeypatch.setattr(blocks, "cores", lambda count=count: count)
        rng = np.random.default_rng(0)
        parameter = Parameter(rng.standard_normal((2 * SHARE + 5, 1), np.float32))
        optimizer = optim.AdamW([parameter])
        for _ in range(STEPS):
            parameter.grad = from_numpy(rng.standard_normal(parameter.shape, np.float32))
            optimizer.step()
        ends.append(parameter.numpy())
    np.testing.assert_array_equal(*ends)


def tied(dtype: Any) -> np.ndarray:
    """A weight that embeds and scores, as in language models, after some steps."""
    rng = np.random.default_rng(1)
    weight = Parameter(rng.standard_normal((30, 6)).astype(dtype))
    optimizer = optim.Adam([weight], lr=0.1)
    for _ in range(STEPS):
        optimizer.zero_grad()
        hidden = nn.functional.embedding(from_numpy(np.arange(8)), weight)
        nn.functional.cross_entropy(hidden @ weight.T, from_numpy(np.arange(8))).backward()
        optimizer.step()
    return weight.numpy()


@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("anomaly", [False, True])
def test_a_tied_weight_moves_once(anomaly: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if anomaly:
        with detect_anomaly():
            divided = tied(np.float32)
    else:
        divided = tied(np.float32)
    monkeypatch.setattr(blocks, "cores", lambda: 1)
    np.testing.assert_array_equal(divided, tied(np.float32))


@pytest.mark.usefixtures("_threads")
def test_a_step_between_forward_and_backward_is_caught() -> None:
    weight = Parameter(np.ones(200))
    y = (weight * weight).sum()
    weight.grad = from_numpy(np.ones(200))
    optim.SGD([weight]).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


# ---- errors -----------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("_threads")
def test_numpys_error_settings_hold_on_every_thread() -> None:
    gradient = np.ones(200, np.float32)
    for place in (3, 100, 199):
        parameter = Parameter(np.ones(200, np.float32))
        parameter.grad = from_numpy(np.where(np.arange(200) == place, np.float32(1e30), gradient))
        with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow"):
            optim.Adam([parameter]).step()
        with np.errstate(over="ignore"):
            optim.Adam([parameter]).step()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_an_error_is_raised_when_all_else_is_done(count: int) -> None:
    done = []

    def work(thread: int, item: int) -> None:
        if item == 5:
            raise KeyboardInterrupt("five")
        done.append(item)

    with pytest.raises(KeyboardInterrupt, match="five"):
        share_out(work, range(20), count)
    assert sorted(done) == [item for item in range(20) if item != 5]


def test_an_index_error_is_an_error() -> None:
    def work(thread: int, item: int) -> None:
        raise IndexError(str(item))

    with pytest.raises(IndexError, match=r"^0$"):
        share_out(work, range(3), 1)


# ---- who works --------------------------------------------------------------------------------------------
def test_threads_are_at_work_at_once() -> None:
    together = threading.Barrier(2)  # neither goes on before both have come
    seen = []

    def work(thread: int, item: int) -> None:
        seen.append((thread, threading.get_ident()))
        together.wait(10)

    share_out(work, range(2), 2)
    assert sorted(thread for thread, _ in seen) == [0, 1]
    assert dict(seen)[0] == threading.get_ident()
    assert len({ident for _, ident in seen}) == 2


def test_nobody_waits_for_threads_that_have_other_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadPoolExecutor(1) as busy:
        free = threading.Event()
        busy.submit(free.wait, 10)
        monkeypatch.setattr(threads, "other_threads", lambda: busy)
        seen: list[int] = []
        share_out(lambda thread, item: seen.append(thread), range(4), 2)
        assert seen == [0] * 4
        free.set()
    assert seen == [0] * 4  # what comes late finds nothing to do


def test_the_rule_on_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_LAB_WORKERS", "3")
    sizes = [0, SHARE, 2 * SHARE - 1, 2 * SHARE, 3 * SHARE, 50 * SHARE]
    assert [threads_for(size) for size in sizes] == [1, 1, 1, 2, 3, 3]
    monkeypatch.setenv("TINYGRAD_LAB_WORKERS", "1")
    assert threads_for(50 * SHARE) == 1


def in_a_new_process(code: str, **environment: str) -> str:
    """What a program prints."""
    settings = {name: value for name, value in os.environ.items() if name != "TINYGRAD_LAB_WORKERS"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**settings, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_one_thread_for_products_is_one_for_a_step() -> None:
    code = "from tinygrad_lab.optim.blocks import threads_for; print(threads_for(2**24))"
    assert in_a_new_process(code, OPENBLAS_NUM_THREADS="1") == "1"


def test_a_thread_that_outlives_the_main_one_goes_on_training() -> None:
    code = """
import threading
import numpy as np
from tinygrad_lab import from_numpy, nn, optim, threads
def train():
    threading.main_thread().join()
    w = nn.Parameter(np.zeros(2**19, np.float32))
    w.grad = from_numpy(np.ones(2**19, np.float32))
    optim.SGD([w], lr=1).step()
    print(w.numpy().min(), w.numpy().max())
threading.Thread(target=train).start()
"""
    assert in_a_new_process(code, TINYGRAD_LAB_WORKERS="2") == "-1.0 -1.0"


@pytest.mark.usefixtures("_threads")
def test_a_fork_trains_on_threads_of_its_own() -> None:
    before = trained("Adam", {}, np.float32)
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # rather than hang
        together = threading.Barrier(2)
        try:
            same = trained("Adam", {}, np.float32) == before
            share_out(lambda thread, item: together.wait(10), range(2), 2)
            os._exit(0 if same else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_parameter_without_elements_stays_empty() -> None:
    parameter = Parameter(np.zeros((0, 3), np.float32))
    parameter.grad = Tensor(np.zeros((0, 3), np.float32))
    optim.Adam([parameter]).step()
    assert parameter.shape == (0, 3)
