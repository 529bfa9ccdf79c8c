"""The steps of a trace as a tree of modules and operations, in the order in which they ran."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tinygrad_lab.trace import Backward, Forward, Trace

Step = Forward | Backward


@dataclass(frozen=True)
class Branch:
    """Consecutive steps of one module.

    Attributes:
        name: the part of the module's path below its parent's.
        count: how many steps it and its branches have.
        children: its steps and branches.
    """

    name: str
    count: int
    children: Sequence[Branch | Step]


def forward_of(step: Step) -> Forward:
    """The step itself, or the one that a backward step differentiates."""
    return step.forward if isinstance(step, Backward) else step


def outline(steps: Sequence[Step]) -> list[Branch]:
    """Return two roots, forward and backward, with what ran in each module below them."""
    halves = [(name, [step for step in steps if step.phase == name]) for name in ("forward", "backward")]
    return [Branch(name, len(half), branches(half)) for name, half in halves if half]


def branches(steps: Sequence[Step], depth: int = 0) -> list[Branch | Step]:
    """Steps side by side in a module become one branch; a lone branch joins its parent."""
    found: list[Branch | Step] = []
    for name, run in groupby(steps, lambda step: _part(step, depth)):
        group = list(run)
        if name is None:
            found += group
            continue
        inner = branches(group, depth + 1)
        lone = inner[0] if len(inner) == 1 else None
        if isinstance(lone, Branch):
            found.append(Branch(f"{name}.{lone.name}", len(group), lone.children))
        else:
            found.append(Branch(name, len(group), inner))
    return found


def _part(step: Step, depth: int) -> str | None:
    parts = forward_of(step).module.split(".")
    return parts[depth] if depth < len(parts) and parts[0] else None


def walk(children: Sequence[Branch | Step], depth: int = 0) -> Iterator[tuple[int, Branch | Step]]:
    """Yield every branch and step with its depth, from the top down."""
    for child in children:
        yield depth, child
        if isinstance(child, Branch):
            yield from walk(child.children, depth + 1)


def matching(trace: Trace, text: str) -> list[Step]:
    """The steps that have each of some words in their operation, module, phase or values' names."""
    words = text.lower().split()
    return [step for step in trace if all(word in _said_of(step) for word in words)]


def _said_of(step: Step) -> str:
    forward = forward_of(step)
    values = [*(item.value for item in forward.inputs), *forward.outputs]
    return "\n".join([step.operation.name, forward.module, step.phase, *(value.name for value in values)]).lower()
