"""Whether what a file says of a training run can be taken up by the run that is here, before anything is changed."""

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tinygrad_lab.documents import REQUIRED, Document, document, shown
from tinygrad_lab.optim.lr_scheduler import LRScheduler
from tinygrad_lab.optim.optimizer import Optimizer
from tinygrad_lab.typing import Generator

Check = Callable[[Any, Mapping[str, Any], Mapping[str, Any]], None]  # of position, optimizer's state and scheduler's


@contextmanager
def unchanged_unless_whole(
    optimizer: Optimizer, scheduler: LRScheduler | None, generators: Mapping[str, Generator]
) -> Iterator[None]:
    """Put all of them back where they stood if anything inside fails."""
    options = optimizer.state_dict()  # its arrays are exchanged by a load, not changed
    schedule = copy.deepcopy(scheduler.state_dict()) if scheduler is not None else None
    states = {name: rng.bit_generator.state for name, rng in generators.items()}
    try:
        yield
    except BaseException:
        if scheduler is not None and schedule is not None:
            scheduler.load_state_dict(schedule)  # it sets the rates, so the optimiser's own come after it
        optimizer.load_state_dict(options)
        for name, rng in generators.items():
            rng.bit_generator.state = states[name]
        raise


def checked_training(value: Any) -> dict[str, Any]:
    """The description of a run, each part of the kind that ``save_training`` writes.

    Raises:
        ValueError: one that is missing, or of another kind.
    """
    training = document(value, "training")
    training.get("generators", REQUIRED)
    optimizer, generators = training.section("optimizer"), training.section("generators")
    _check_names(training, "slots")
    optimizer.text("class")
    optimizer.get("counters", REQUIRED)
    counters = optimizer.section("counters")
    for name in counters.fields:
        counters.get(name, REQUIRED)
        for counter in counters.section(name).fields:
            counters.section(name).count(counter, least=0)
    groups = optimizer.get("groups", REQUIRED)
    if not isinstance(groups, list):
        raise optimizer.wrong("groups", "a list")
    for group in groups:
        _check_names(document(group, "training: optimizer: groups"), "params")
    if training.get("scheduler") is not None:
        training.section("scheduler").text("class")
        training.section("scheduler").get("state", REQUIRED)
        training.section("scheduler").section("state")
    for name in generators.fields:
        generators.section(name).text("bit_generator")
    return {**dict.fromkeys(("config", "position", "scheduler")), **training.fields}


def _check_names(fields: Document, name: str) -> None:
    names = fields.get(name, REQUIRED)
    if not isinstance(names, list) or not all(isinstance(item, str) for item in names) or len({*names}) < len(names):
        raise fields.wrong(name, "a list of different names")


def check_alike(what: str, saved: Any, own: Any) -> None:
    """Raise ValueError where a number stands for something else, or something else for a number."""
    if isinstance(own, dict):
        for name, value in own.items():
            if name not in saved:
                raise ValueError(f"{what} has no {name}")
            check_alike(f"{what}: {name}", saved[name], value)
    elif isinstance(own, list | tuple):
        if not isinstance(saved, list | tuple) or len(saved) != len(own):
            raise ValueError(f"{what}: saved {shown(saved)}, here {shown(own)}")
        for ours, theirs in zip(saved, own, strict=True):
            check_alike(what, ours, theirs)
    elif isinstance(own, bool) and not isinstance(saved, bool):
        raise ValueError(f"{what}: saved {shown(saved)}, here {own}")
    elif isinstance(own, int | float) and (type(saved) not in (int, float, bool) or math.isnan(saved)):
        raise ValueError(f"{what} must be a number, saved is {shown(saved)}")


def check_counts(what: str, saved: Any) -> None:
    """Raise ValueError where something in a generator's state is no whole number from 0 up; names may stand there."""
    if isinstance(saved, dict | list):
        for item in saved.values() if isinstance(saved, dict) else saved:
            check_counts(what, item)
    elif not isinstance(saved, str) and (type(saved) is not int or saved < 0):
        raise ValueError(f"{what}: its state must be whole numbers from 0 up, got {shown(saved)}")


def check_same(what: str, saved: Any, given: Any) -> None:
    """Raise ValueError unless what was saved is what is here."""
    if saved != given:
        raise ValueError(f"{what}: saved {shown(saved)}, here {shown(given)}")
