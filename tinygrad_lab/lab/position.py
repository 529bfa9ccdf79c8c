"""Where a run stands, as its checkpoint says it: each part checked, and against the others, before anything is used.

Much of it follows from the number of steps: where the batches are, the learning rate, what the optimiser has counted.
A file that says otherwise is of another run, or was changed by somebody, and is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinygrad_lab.data.batches import Batches
from tinygrad_lab.documents import Document, document, shown

LARGEST = 1e300  # of numbers that a run counts with; NaN and the infinite are not below it
HOPELESS = 1e19  # a loss whose square float32 does not have: a run ends there, so that none is saved
LEAST_LOSS = -1e-3  # rounding takes a loss of 0 a little below it


@dataclass(frozen=True)
class Position:
    """Steps done, their seconds, losses of the epoch in hand, and an entry for each epoch that ended."""

    step: int
    seconds: float
    losses: list[float]
    history: list[dict[str, float]]

    @classmethod
    def of(cls, value: Any, steps: int, batches: Batches) -> "Position":
        """Read a position.

        Args:
            value: what the checkpoint has.
            steps: of the whole run.
            batches: those of the run, as they are at its beginning.

        Raises:
            ValueError: names the part that is missing, of another kind, or does not agree with the others.
        """
        fields = document(value, "position")
        step = fields.count("step", least=0, most=steps)
        losses, history = _losses(fields), _entries(fields)
        if len(history) * len(batches) + len(losses) != step:
            raise ValueError(
                f"position: {len(history)} epochs in history and {len(losses)} losses are not {step} steps, "
                f"with {len(batches)} in an epoch"
            )
        seconds = fields.get("seconds", 0.0)
        if not _is_number(seconds) or seconds < 0:
            raise fields.wrong("seconds", "a number from 0 up")
        check_equal("position: batches", fields.section("batches").fields, place(batches, step))
        return cls(step, float(seconds), losses, history)


def place(batches: Batches, step: int) -> dict[str, int | None]:
    """Where the batches are after so many steps."""
    epoch, position = divmod(step, len(batches))
    return {**batches.state(), "epoch": epoch, "position": position}


def check_equal(what: str, saved: Any, own: Any) -> None:
    """Raise ValueError where a part of what was saved is not what it must be; the message names the part.

    Only parts that must be there are looked at; one that is missing counts as off.
    """
    if isinstance(own, Mapping):
        if not isinstance(saved, Mapping):
            raise ValueError(f"{what} must be a JSON object, got {shown(saved)}")
        for name, value in own.items():
            check_equal(f"{what}: {name}", saved.get(name, False), value)
    elif isinstance(own, list | tuple) and isinstance(saved, list | tuple) and len(saved) == len(own):
        for number, (theirs, ours) in enumerate(zip(saved, own, strict=True)):
            check_equal(f"{what}[{number}]", theirs, ours)
    elif isinstance(own, list | tuple) or saved != own:
        raise ValueError(f"{what} must be {shown(own)} here, got {shown(saved)}")


def check_pace(step: int, saved: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Raise ValueError unless an optimiser and its schedule stand where ``step`` steps bring them.

    Args:
        saved: the states of both, "optimizer" and "scheduler".
        own: of new ones whose schedule has made as many steps.
    """
    groups = saved["optimizer"]["param_groups"]
    check_equal("optimizer: groups", groups, own["optimizer"]["param_groups"])
    check_equal("scheduler", saved["scheduler"], own["scheduler"])
    for number, entries in saved["optimizer"]["state"].items():
        if "step" in entries and entries["step"] != step:  # a tensor in PyTorch
            raise ValueError(f"optimizer: state {number}: step must be {step}, got {shown(entries['step'])}")


def _losses(fields: Document) -> list[float]:
    values = fields.get("losses", [])
    if not isinstance(values, list) or not all(_is_loss(value) for value in values):
        raise fields.wrong("losses", f"a list of losses, numbers from 0 to {HOPELESS:g}")
    return values


def _entries(fields: Document) -> list[dict[str, float]]:
    entries = fields.get("history", [])
    if not isinstance(entries, list):
        raise fields.wrong("history", "a list")
    for number, entry in enumerate(entries):
        called = f"position: history[{number}]"
        metrics = document(entry, called)
        if not _is_loss(entry.get("training loss")):
            raise metrics.wrong("training loss", f"a number from 0 to {HOPELESS:g}")
        for name, value in entry.items():
            if type(value) not in (int, float):  # which may be infinite, as perplexities are
                raise metrics.wrong(name, "a number")
        if entry.keys() != entries[0].keys():
            raise ValueError(f"{called} has {', '.join(entry)}, the first has {', '.join(entries[0])}")
    return entries


def _is_loss(value: Any) -> bool:
    return _is_number(value) and LEAST_LOSS <= value < HOPELESS


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < LARGEST
