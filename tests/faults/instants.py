"""A training run, and the instants at which it is stopped: in forward, in an update, in an evaluation, while saving.

Stopped as Ctrl-C or SIGTERM stop it, which is noticed between two steps; or at once, as the second Ctrl-C does, by an
exception out of the middle of something, with half of the weights moved.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from random import Random
from shutil import rmtree
from tempfile import TemporaryDirectory
from traceback import format_exc
from typing import Any
from unittest import mock

from tests.faults.part import RIGHT, Outcome
from tests.faults.short import SHORT, configuration, few_evaluated, workers_on
from tinygrad_lab import checkpoint
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.errors import StoppedError
from tinygrad_lab.lab.training import Training

PLACES = ("forward", "update", "evaluation", "saving")
HOW = ("at once", "SIGINT", "SIGTERM")
CASES = ("lora", "dropout", "autoencoder")  # that the tests have time for; ``short`` knows all
CODES = {"at once": 130, "SIGINT": 130, "SIGTERM": 143}


@dataclass(frozen=True)
class Instant:
    """When a run is stopped: at the ``count``-th time that it comes to a place, and how; and how often it saves."""

    place: str
    count: int
    how: str
    save_every: int  # seconds

    def stop(self) -> None:
        if self.how == "at once":
            raise KeyboardInterrupt
        signal.raise_signal(getattr(signal, self.how))


def random_instant(draw: Random, side: str, place: str | None = None) -> Instant:
    """Any of those of a short run; now and then one that it does not come to."""
    place = place or draw.choice(PLACES)
    updates = 60 if side == "numpy" else 12  # seen parameter by parameter, or step by step
    most = {"forward": 12, "update": updates, "evaluation": 8, "saving": 3}[place]
    return Instant(place, draw.randint(1, most), draw.choice(HOW), draw.choice((0, 60)))


def new(slug: str, side: str, folder: Path, save_every: int = 60) -> Training:
    """A run of two epochs that takes some tenths of a second."""
    return Training(registry.find(slug), side, configuration(slug), folder, save_every=save_every)


def taken_up(slug: str, side: str, folder: Path) -> Training:
    """The same from its checkpoint."""
    run = new(slug, side, folder)
    run.resume()
    return run


def stopped(run: Training, instant: Instant) -> bool:
    """Let the run go to the instant; False where it ended before it came there."""
    counter = iter(range(1, 1_000_000))

    def tick(_run: Training) -> None:
        if next(counter) == instant.count:
            instant.stop()

    try:
        with WATCHED[instant.place](run, partial(tick, run)):
            run.run()
    except StoppedError as error:
        if error.code != CODES[instant.how] or "--resume goes on" not in str(error):
            raise
        return True
    return False


@contextmanager
def in_forward(run: Training, tick: Callable[[], None]) -> Iterator[None]:
    module = run.side.train_module
    before = module.loss

    def loss(*arguments: Any) -> Any:
        value = before(*arguments)
        tick()
        return value

    with mock.patch.object(module, "loss", loss):
        yield


@contextmanager
def in_update(run: Training, tick: Callable[[], None]) -> Iterator[None]:
    """On the engine between two parameters; in PyTorch with the first parameter moved already."""
    optimizer = run.optimizer
    name = "_update" if hasattr(optimizer, "_update") else "step"
    before = getattr(optimizer, name)

    def update(*arguments: Any) -> Any:
        first = optimizer.param_groups[0]["params"][0]
        kept = first.data.clone() if name == "step" else None
        if kept is not None:
            first.data.add_(1.0)
        tick()  # what comes out of here leaves half a step behind
        if kept is not None:
            first.data.copy_(kept)
        return before(*arguments)

    with mock.patch.object(optimizer, name, update):
        yield


@contextmanager
def in_evaluation(run: Training, tick: Callable[[], None]) -> Iterator[None]:
    before = run.data.evaluation_batches

    def batches(*arguments: Any) -> Iterator[Any]:
        for batch in before(*arguments):
            tick()
            yield batch

    with mock.patch.object(run.data, "evaluation_batches", batches):
        yield


@contextmanager
def in_saving(run: Training, tick: Callable[[], None]) -> Iterator[None]:
    before = checkpoint.settle

    def settle(*arguments: Any) -> None:
        tick()
        before(*arguments)

    with mock.patch.object(checkpoint, "settle", settle):
        yield


WATCHED = {"forward": in_forward, "update": in_update, "evaluation": in_evaluation, "saving": in_saving}


# ---- what must be equal ----------------------------------------------------------------------------------------------


def everything(run: Training) -> dict[str, Any]:
    """All that a run ends with, but for the time it took."""
    tensors, about = checkpoint.load(run.path)
    run_about = about.get("training") or about["torch"]
    position = {name: value for name, value in run_about["position"].items() if name != "seconds"}
    rest = {name: value for name, value in run_about.items() if name != "position"}
    return {"tensors": tensors, "position": position, "rest": rest, "step": run.step, "losses": run.losses}


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names of what is not equal, bit by bit."""
    names = [name for name in one if name != "tensors" and one[name] != other[name]]
    tensors, others = one["tensors"], other["tensors"]
    same = {n for n in tensors if n in others and tensors[n].tobytes() == others[n].tobytes()}
    return names + sorted({*tensors, *others} - same)


def go_through(slug: str, side: str, folder: Path, instants: list[Instant], whole: dict[str, Any]) -> tuple[int, list]:
    """Stop a run at one instant after the other, then let it end.

    Returns:
        How often it was stopped, and what differs from the run that never was.
    """
    count = 0
    for instant in instants:
        fresh = not (folder / "last.safetensors").exists()
        run = new(slug, side, folder) if fresh else taken_up(slug, side, folder)
        run._save_every = instant.save_every
        count += stopped(run, instant)
    if not (folder / "last.safetensors").exists():  # stopped in the very first saving: there is nothing to go on from
        run = new(slug, side, folder)
    else:
        run = taken_up(slug, side, folder)
    run.run()
    return count, differences(whole, everything(run))


def tries(side: str, draw: Random) -> Iterator[Outcome]:
    """A run of every paper, stopped at an instant and taken up again; the next paper; and again."""
    with TemporaryDirectory() as place, few_evaluated(), workers_on():
        wholes: dict[str, dict[str, Any]] = {}
        for number, slug in enumerate(cycle(SHORT)):
            folder = Path(place) / str(number)
            if slug not in wholes:
                run = new(slug, side, folder / "whole")
                run.run()
                wholes[slug] = everything(run)
            yield _anywhere(slug, side, folder, wholes[slug], draw)
            rmtree(folder)


def _anywhere(slug: str, side: str, folder: Path, whole: dict[str, Any], draw: Random) -> Outcome:
    stops = 0
    try:
        while not stops:  # some instants lie after the end
            instant = random_instant(draw, side)
            stops, found = go_through(slug, side, folder / str(instant), [instant], whole)
    except Exception:
        return Outcome("error", f"{slug} {side} {instant} {format_exc()[-600:]}")
    kind = f"not the same: {', '.join(found)}" if found else RIGHT
    return Outcome(kind, f"{slug} {side} {instant}")
