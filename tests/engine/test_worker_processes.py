"""The life of worker processes: how they start, end, are killed, and that nothing of them is left."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.engine.marks import WITH_WORKERS
from tests.engine.working import (
    Network,
    assert_as_the_whole,
    assert_close,
    batch_of,
    endless,
    gone,
    gradients,
    leaving,
    loss,
    pids,
    running,
    squared,
)
from tinygrad_lab import optim
from tinygrad_lab.workers import crew, nursery

ROOT = Path(__file__).parent.parent.parent
pytestmark = WITH_WORKERS


def at_work() -> tuple[Network, int]:
    """A model, and the worker that it has."""
    model = Network()
    assert_as_the_whole(model, batch_of())
    return model, pids(model)[0]


# ---- killed and interrupted -----------------------------------------------------------------------


def test_a_worker_that_is_killed_is_told_and_replaced() -> None:
    model, worker = at_work()
    with pytest.raises(RuntimeError, match=rf"a worker process \({worker}\) has ended in the middle"):
        leaving(model, batch_of()).backward()
    assert gone([worker])
    assert_as_the_whole(model, batch_of())
    assert pids(model) != [worker]


def test_a_worker_that_is_killed_between_two_steps_is_told_too() -> None:
    model, worker = at_work()
    os.kill(worker, signal.SIGKILL)
    assert gone([worker])
    with pytest.raises(RuntimeError, match="has ended"):
        loss(model, batch_of())
    assert_as_the_whole(model, batch_of())


def test_without_the_nursery_there_is_soon_another() -> None:
    model, worker = at_work()
    killed = nursery.processes()[0]
    os.kill(killed, signal.SIGKILL)
    assert gone([killed])
    assert_as_the_whole(model, batch_of())  # the workers that it has go on
    assert pids(model) == [worker]
    other, _ = at_work()
    assert nursery.processes()[0] != killed
    assert_as_the_whole(other, batch_of())


def test_ctrl_c_does_not_reach_workers() -> None:
    model, worker = at_work()
    for process in (worker, nursery.processes()[0]):
        os.kill(process, signal.SIGINT)
    assert_as_the_whole(model, batch_of())
    assert pids(model) == [worker]
    assert os.getpgid(worker) != os.getpgid(0)  # nor does a terminal's


def test_ctrl_c_here_stops_a_worker_in_mid_step() -> None:
    model, worker = at_work()
    threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        endless(model, batch_of())
    assert gone([worker])
    assert_as_the_whole(model, batch_of())


VICTIM = """
from tests.engine.working import *
import os
os.environ["TINYGRAD_LAB_WORKERS"] = "3"
paying.WORTHWHILE = 0
model = Network()
loss(model, batch_of()).backward()
from tinygrad_lab.workers import nursery
print(*nursery.processes(), flush=True)
{then}
"""


def victim(then: str) -> tuple[subprocess.Popen, list[int]]:
    """Another process that trains with two workers; it, and the processes that it has started."""
    process = subprocess.Popen([sys.executable, "-c", VICTIM.format(then=then)], cwd=ROOT, stdout=subprocess.PIPE)
    return process, [int(word) for word in process.stdout.readline().split()]


@pytest.mark.parametrize("then", ["endless(model, batch_of())", "import time; time.sleep(60)"], ids=["busy", "idle"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_the_process_that_trains(then: str, how: signal.Signals) -> None:
    before = set(os.listdir("/dev/shm"))
    process, others = victim(then)
    assert len(others) == 3
    assert all(running(pid) for pid in others)
    time.sleep(0.2)  # it is at work, or asleep
    process.send_signal(how)
    process.wait(10)
    assert gone(others, 1)
    assert set(os.listdir("/dev/shm")) <= before


def test_workers_end_with_a_process_that_comes_to_its_end_or_fails() -> None:
    for then in ("", "raise SystemExit(3)", "1 / 0", "os._exit(4)"):
        process, others = victim(then)
        process.wait(10)
        assert gone(others, 1)


# ---- starts and stops -----------------------------------------------------------------------------


def test_workers_end_with_their_model() -> None:
    model, worker = at_work()
    del model
    gc.collect()
    assert gone([worker])


def test_the_models_used_last_have_workers() -> None:
    models = [at_work()[0] for _ in range(crew.MOST + 2)]
    assert [bool(pids(model)) for model in models] == [False] * 2 + [True] * crew.MOST
    for model in models:
        assert_as_the_whole(model, batch_of())


def test_several_models_train_in_turns() -> None:
    models = [Network(seed=seed) for seed in range(3)]
    for _ in range(3):
        for model in models:
            assert_as_the_whole(model, batch_of())
    assert len({pid for model in models for pid in pids(model)}) == 3


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident() -> int:
    """Pages of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1])


def test_two_hundred_starts_and_stops_leave_nothing_behind() -> None:
    def start_and_stop(times: int) -> None:
        for _ in range(times):
            model = Network()
            loss(model, batch_of()).backward()
            assert len(pids(model)) == 1

    start_and_stop(20)
    gc.collect()
    open_before, memory_before = descriptors(), resident()
    start_and_stop(200)
    gc.collect()
    assert descriptors() <= open_before
    assert resident() - memory_before < 1024  # 4 MB
    end = time.monotonic() + 10
    while len(nursery.processes()) > 1 + crew.MOST and time.monotonic() < end:
        time.sleep(0.01)
    assert len(nursery.processes()) <= 1 + crew.MOST


# ---- threads, forks, scripts ----------------------------------------------------------------------


def trained(seed: int) -> list[np.ndarray]:
    model = Network(seed=seed)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        loss(model, batch_of()).backward()
        optimizer.step()
    return [parameter.numpy().copy() for parameter in model.parameters()]


def test_threads_train_their_models_side_by_side() -> None:
    expected = [trained(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(trained, range(4)))
    for mine, other in zip(found, expected, strict=True):
        for a, b in zip(mine, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_threads_may_share_a_model() -> None:
    model = Network()
    squared(model, batch_of()).backward()
    once = gradients(model)
    with ThreadPoolExecutor(4) as pool:
        values = list(pool.map(lambda _: loss(model, batch_of()), range(12)))
    for value in values[:2]:
        (value * 0.5).backward()
    assert_close(gradients(model), once)
    assert pids(model)


def test_a_fork_of_this_process_has_workers_of_its_own() -> None:
    model, worker = at_work()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other tests have left threads
        child = os.fork()
    if child == 0:
        try:
            assert_as_the_whole(model, batch_of())
            os._exit(0 if pids(model) != [worker] else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert_as_the_whole(model, batch_of())
    assert pids(model) == [worker]


def test_a_step_belongs_to_the_process_that_began_it() -> None:
    model, _ = at_work()
    value = loss(model, batch_of())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            value.backward()
            os._exit(1)
        except RuntimeError as error:
            os._exit(0 if "is a fork" in str(error) else 2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    model.zero_grad()
    value.backward()
    mine = gradients(model)
    squared(model, batch_of()).backward()
    assert_close(mine, gradients(model))


SCRIPT = """
import os
from tests.engine.working import *
os.environ["TINYGRAD_LAB_WORKERS"] = "2"
paying.WORTHWHILE = 0

class Mine(Network):
    pass

@in_parts
def mine(model, batch):
    return squared(model, batch)

for model, function in ((Mine(), loss), (Network(), mine)):
    function(model, batch_of()).backward()
    print(pids(model), len(gradients(model)))
"""


def test_what_a_script_defines_stays_in_its_process(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    result = subprocess.run(
        [sys.executable, script], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert result.stdout.splitlines() == ["[] 5", "[] 5"], result.stderr
    assert result.stderr == ""
