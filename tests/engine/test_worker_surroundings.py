"""What a loss finds around it on a worker: an ordinary process, that knows the model as it is and makes it once."""

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engine.marks import WITH_WORKERS
from tests.engine.working import Network, assert_as_the_whole, batch_of, gone, gradients, loss, pids, squared
from tinygrad_lab import cores, no_grad
from tinygrad_lab.nn.utils import in_parts
from tinygrad_lab.random import generator
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.workers import nursery, shared

pytestmark = WITH_WORKERS


def is_mine(batch: dict[str, Any]) -> bool:
    """Whether this part is worked on in the process that trains."""
    return bool(batch["owner"] == os.getpid())


@in_parts
def looking_around(model: Network, batch: dict[str, Any]) -> Tensor:
    """Looks for what a nursery needs and an ordinary process has not."""
    if not is_mine(batch):
        assert gc.isenabled()
        assert gc.get_freeze_count() > 1000  # what the nursery had is left alone: a collection would copy it
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
        assert subprocess.run(["false"]).returncode == 1
        assert cores._blas_threads_now() in (0, 1)
        assert sys.stdin is None or not sys.stdin.read()
    return squared(model, batch)


def test_a_worker_is_an_ordinary_process_with_one_thread_for_products() -> None:
    model = Network()
    looking_around(model, batch_of()).backward()
    assert pids(model)


@in_parts
def speaking(model: Network, batch: dict[str, Any]) -> Tensor:
    if not is_mine(batch):
        print("a word from a worker")
    return squared(model, batch)


def test_what_is_printed_on_a_worker_is_seen_when_it_ends(capfd: pytest.CaptureFixture[str]) -> None:
    nursery.close()  # the next one has this test's output
    model = Network()
    speaking(model, batch_of()).backward()
    workers = pids(model)
    del model
    gc.collect()
    assert gone(workers)
    assert capfd.readouterr().out == "a word from a worker\n"
    nursery.close()


@in_parts
def writing(model: Network, batch: dict[str, Any]) -> Tensor:
    """Changes a weight where nobody would see it."""
    if not is_mine(batch):
        with no_grad():
            model.first.weight -= 0.1
    return squared(model, batch)


def test_a_loss_that_changes_a_weight_on_a_worker_is_told() -> None:
    model = Network()
    with pytest.raises(RuntimeError, match="sub_: the memory is read-only"):
        writing(model, batch_of())
    assert_as_the_whole(model, batch_of())


class Made:
    """Knows how often it was made from bytes in its process."""

    times = 0

    def __setstate__(self, state: dict[str, Any]) -> None:
        Made.times += 1


@in_parts
def times_made(model: Network, batch: dict[str, Any]) -> Tensor:
    """How often the other process has made its model."""
    return squared(model, batch) * 0 + Made.times


def test_a_model_is_made_again_only_where_it_has_changed() -> None:
    model = Network()
    model.made = Made()
    model.made.state = 1  # without any, __setstate__ would not be called
    assert [times_made(model, batch_of()).item() for _ in range(3)] == [1, 1, 1]
    model.slope = 0.5
    assert [times_made(model, batch_of()).item() for _ in range(2)] == [2, 2]


LATE = """
from tests.engine.working import squared
from tinygrad_lab.nn.utils import in_parts

@in_parts
def loss(model, batch):
    return squared(model, batch)
"""


def test_modules_are_found_where_the_process_that_trains_finds_them_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss(Network(), batch_of())  # there is a nursery, from before
    (tmp_path / "a_late_module_with_a_loss.py").write_text(LATE)
    monkeypatch.syspath_prepend(tmp_path)
    import a_late_module_with_a_loss as late

    model = Network()
    late.loss(model, batch_of()).backward()
    assert pids(model)
    assert len(gradients(model)) == len(list(model.parameters()))


def test_a_generator_that_no_module_holds_keeps_the_batch_whole() -> None:
    model = Network()
    model.several = [generator(0)]
    loss(model, batch_of()).backward()
    assert pids(model) == []


def test_shared_arrays_lie_apart_each_at_the_beginning_of_a_cache_line() -> None:
    layout = (((3, 5), "<f4"), ((), "<f8"), ((0, 2), "<f4"), ((16,), "<f4"), ((17,), "<f4"))
    descriptor = shared.allocate(layout, 2)
    memory = shared.SharedArrays(descriptor, layout, 2)
    os.close(descriptor)
    arrays = [array for of_one in (memory.parameters, *memory.gradients) for array in of_one]
    assert [(array.shape, array.dtype.str) for array in arrays] == [*layout] * 3
    assert {array.ctypes.data % 64 for array in arrays} == {0}
    for number, array in enumerate(arrays):
        array[...] = number
    for number, array in enumerate(arrays):
        assert (array == number).all()
