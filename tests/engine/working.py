"""What tests of workers share: a model that other processes can import, and how to look at who works on it."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lab import nn
from tinygrad_lab.nn.utils import in_parts
from tinygrad_lab.random import generator
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.workers import crew, paying, threads


class Network(nn.Module):
    """An MLP with dropout, whose first layer is tied to its last but one."""

    def __init__(self, p: float = 0.0, seed: int = 0) -> None:
        super().__init__()
        rng = generator(seed)
        self.first = nn.Linear(6, 6, generator=rng)
        self.tied = nn.Linear(6, 6, generator=rng)
        self.tied.weight = self.first.weight
        self.dropout = nn.Dropout(p, generator=rng)
        self.last = nn.Linear(6, 1, generator=rng)
        self.slope = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.dropout(self.tied(self.first(x).tanh() * self.slope).tanh()))


class Fragile:
    """Cannot be made in another process, which is known only there."""

    def __setstate__(self, state: Any) -> None:
        raise ValueError("no Fragile here")

    def __getstate__(self) -> dict[str, Any]:
        return {"a": "state"}


def squared(model: Any, batch: dict[str, Any]) -> Tensor:
    return ((model(batch["x"]) - batch["y"]) ** 2).sum() / batch["count"]


@in_parts
def loss(model: Network, batch: dict[str, Any]) -> Tensor:
    """What is worked on in parts, as papers write it."""
    return squared(model, batch)


@in_parts
def finite(model: Network, batch: dict[str, Any]) -> Tensor:
    if not np.isfinite(batch["x"].numpy()).all():
        raise FloatingPointError("an input that is not finite")
    return squared(model, batch)


@in_parts
def masked(model: Network, batch: dict[str, Any]) -> Tensor:
    """A constant where nothing is to be predicted."""
    return squared(model, batch) if batch["mask"].numpy().any() else Tensor(np.float32(0.0))


@in_parts
def endless(model: Network, batch: dict[str, Any]) -> Tensor:
    """Never comes to an end on a worker."""
    while batch["owner"] != os.getpid():
        time.sleep(0.01)
    return squared(model, batch)


@in_parts
def leaving(model: Network, batch: dict[str, Any]) -> Tensor:
    """Ends the worker that it meets."""
    if batch["owner"] != os.getpid():
        os.kill(os.getpid(), 9)
    return squared(model, batch)


def batch_of(size: int = 7, dtype: Any = np.float32) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((size, 6)), rng.standard_normal((size, 1))
    return {"x": Tensor(x.astype(dtype)), "y": Tensor(y.astype(dtype)), "count": size, "owner": os.getpid()}


def gradients(model: nn.Module) -> dict[str, np.ndarray]:
    """Copies of the gradients that are there, which are then forgotten."""
    found = {name: p.grad.numpy().copy() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


def assert_close(mine: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert mine.keys() == other.keys()
    for name in mine:
        assert mine[name].dtype == other[name].dtype
        np.testing.assert_allclose(mine[name], other[name], rtol=1e-4, atol=1e-6, err_msg=name)


def assert_as_the_whole(model: nn.Module, batch: dict[str, Any]) -> None:
    """A step in parts, with workers, gives what one of the whole batch does."""
    value = loss(model, batch)
    value.backward()
    mine = gradients(model)
    assert pids(model)
    whole = squared(model, batch)
    whole.backward()
    np.testing.assert_allclose(value.item(), whole.item(), rtol=1e-5)
    assert_close(mine, gradients(model))


def let_everything_pay(monkeypatch: Any, workers: int = 2) -> None:
    """Cut the smallest batch; never fall back on threads."""
    monkeypatch.setattr(paying, "WORTHWHILE", 0)
    monkeypatch.setattr(threads, "WORTHWHILE", float("inf"))
    monkeypatch.setenv("TINYGRAD_LAB_WORKERS", str(workers))


def pids(model: nn.Module) -> list[int]:
    """The processes that work on a model, of those that have answered; none if it stays whole."""
    crew_of_it = crew._crews.get(model)
    return [hand.pid for hand in crew_of_it.hands if hand.pid is not None] if crew_of_it else []


def running(pid: int) -> bool:
    """Whether a process is there and not merely waits to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pids: list[int], seconds: float = 10) -> bool:
    """Wait until all of these processes have ended; False if they have not in so long."""
    end = time.monotonic() + seconds
    while any(running(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
