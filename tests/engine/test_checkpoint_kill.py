"""Kill the writer at random instants, let it hit a limit in the middle of a file: what is there is always whole."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinygrad_lab.checkpoint import CheckpointError, load, save

KILLS = 100


def in_child(work: Callable[[], None]) -> int:
    """Run ``work`` in a fork (nothing is imported again) and return the child's process id."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException:
        os._exit(1)


def version(number: int) -> dict[str, np.ndarray]:
    """A checkpoint whose every element tells its version, of a size that varies from version to version."""
    return {"a": np.full(50_000 + 1000 * (number % 7), number), "b": np.full((30, 30), number).T}


def save_for_ever(path: Path, start: int) -> None:
    for number in range(start, start + 1_000_000):
        save(path, version(number), {"number": number})


def read_version(path: Path) -> int:
    tensors, metadata = load(path)
    number = metadata["number"]
    for name, array in version(number).items():
        np.testing.assert_array_equal(tensors[name], array)
    return number


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # fork; the children touch no thread
def test_killed_at_any_instant(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    save(path, version(0), {"number": 0})
    instants = random.Random(0)
    found, interrupted = [0], 0
    for _ in range(KILLS):
        child = in_child(lambda: save_for_ever(path, found[-1] + 1))
        time.sleep(instants.uniform(0.005, 0.05))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        interrupted += (tmp_path / "run.safetensors.tmp").exists()
        found.append(read_version(path))
    assert found == sorted(found)
    assert found[-1] >= KILLS / 2, "the writer hardly ever got to the end of a file"
    assert interrupted >= KILLS / 20, "hardly any kill fell into the writing of a file"
    save(path, version(1), {"number": 1})
    assert os.listdir(tmp_path) == [path.name]  # and what the kills left is gone


def test_a_limit_reached_in_the_middle_of_a_file(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "run.safetensors"
    save(path, version(0), {"number": 0})

    def write_too_much() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            save(path, version(1), {"number": 1})
        except CheckpointError as error:
            os._exit(42 if "which needs" in str(error) else 43)

    assert os.waitstatus_to_exitcode(os.waitpid(in_child(write_too_much), 0)[1]) == 42
    assert read_version(path) == 0
    assert os.listdir(tmp_path) == [path.name]
