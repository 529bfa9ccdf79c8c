"""Where a run stands, as its checkpoint says it: each part checked, and against the others, before anything is used."""

import math
from dataclasses import dataclass
from typing import Any

from tinygrad_lab.documents import Document, document, shown


@dataclass(frozen=True)
class Position:
    """Steps done, their seconds, losses of the epoch in hand, an entry for each one that ended, the batches' place."""

    step: int
    seconds: float
    losses: list[float]
    history: list[dict[str, float]]
    batches: dict[str, Any]

    @classmethod
    def of(cls, value: Any, called: str, steps: int, per_epoch: int) -> "Position":
        """Read a position.

        Args:
            value: what the checkpoint has.
            called: how messages name it.
            steps: of the whole run.
            per_epoch: steps in an epoch.

        Raises:
            ValueError: names the part that is missing, of another kind, or does not agree with the others.
        """
        fields = document(value, called)
        step = fields.count("step", least=0, most=steps)
        losses, history = _finite(fields, "losses"), _entries(fields)
        if len(history) * per_epoch + len(losses) != step:
            raise ValueError(
                f"{called}: {len(history)} epochs in history and {len(losses)} losses are not {step} steps, "
                f"with {per_epoch} in an epoch"
            )
        seconds = fields.get("seconds", 0.0)
        if type(seconds) not in (int, float) or not 0 <= seconds < math.inf:
            raise fields.wrong("seconds", "a number from 0 up")
        return cls(step, float(seconds), losses, history, dict(fields.section("batches").fields))


def _finite(fields: Document, name: str) -> list[float]:
    values = fields.get(name, [])
    if not isinstance(values, list) or not all(_is_number(value) for value in values):
        raise fields.wrong(name, "a list of finite numbers")
    return values


def _entries(fields: Document) -> list[dict[str, float]]:
    entries = fields.get("history", [])
    if not isinstance(entries, list):
        raise fields.wrong("history", "a list")
    for entry in entries:
        numbers = isinstance(entry, dict) and all(type(value) in (int, float) for value in entry.values())
        if not numbers or not _is_number(entry.get("training loss")):  # a metric may be infinite, as perplexities are
            raise ValueError(f"{fields.called}: an entry of history must have a training loss, got {shown(entry)}")
    return entries


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
