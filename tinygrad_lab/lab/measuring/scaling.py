"""How time and memory of a training step grow: with batch, width, length, and workers; on both
sides.

LLaMA at size ``small`` is made larger along one axis after the other, and each model is measured as
``tinygrad-lab bench`` does.  On axes that are both logarithms a power of the size is a line: its
exponent is fitted to the three largest sizes, where what a call costs no longer counts.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np

from tinygrad_lab.cores import BOUND, cores
from tinygrad_lab.lab import bench, registry
from tinygrad_lab.lab.allocator import keep_freed_memory
from tinygrad_lab.lab.threads import torch_threads
from tinygrad_lab.paper import Paper

SLUG = "llama"
REPEATS = 3
FITTED = 3  # sizes, the largest
QUANTITIES = {"ms": "ms a step", "peak_mb": "peak MB"}
SIDES = {"numpy": "engine", "torch": "PyTorch"}
Row = dict[str, Any]


@dataclass(frozen=True)
class Axis:
    """What grows: its name, its sizes, and how a size is said to the configuration."""

    name: str
    sizes: Sequence[int]
    fields: Callable[[int], tuple[str, ...]]


def axes() -> list[Axis]:
    """Return all four axes; there are as many workers as cores."""
    return [
        Axis("batch", (6, 12, 24, 48), lambda size: ("--batch-size", str(size))),
        Axis("width", (64, 128, 256), _wide),
        Axis(
            "length",
            (64, 128, 256, 512),
            lambda size: ("--context", str(size), "--batch-size", "4"),
        ),
        Axis("workers", _powers_of_two(cores()), lambda _size: ("--batch-size", "48")),
    ]


def _wide(size: int) -> tuple[str, ...]:
    return "--hidden-size", str(size), "--feed-forward", str(8 * size // 3)


def _powers_of_two(most: int) -> list[int]:
    return [2**k for k in range(most.bit_length())]


def measure(watch: Callable[[str], None] = lambda _point: None) -> dict[str, list[Row]]:
    """The rows of ``bench`` by axis, each with its size; ``watch`` is told what comes next."""
    keep_freed_memory()
    paper = registry.find(SLUG)
    return {axis.name: [_point(paper, axis, size, watch) for size in axis.sizes] for axis in axes()}


def _point(paper: Paper, axis: Axis, size: int, watch: Callable[[str], None]) -> Row:
    watch(f"{axis.name} {size}")
    with at_most(size if axis.name == "workers" else cores()):
        fields = axis.fields(size)
        row = bench.measure(paper, paper.default_variant, "small", fields, REPEATS, lambda: None)
    return {"at": size, **row}


@contextmanager
def at_most(workers: int) -> Iterator[None]:
    """Give each side so many cores: workers to the engine, threads to PyTorch; new processes, too."""
    settings = {BOUND: str(workers), "OMP_NUM_THREADS": str(workers)}
    with mock.patch.dict(os.environ, settings), torch_threads(workers):
        yield


# ---- what the rows say ---------------------------------------------------------------------------


def exponent(rows: Sequence[Row], key: str) -> float:
    """Fit p in y = c xᵖ to the largest sizes; NaN where nothing could be measured."""
    last = rows[-FITTED:]
    if len(last) < 2 or min(row[key] for row in last) <= 0:
        return float("nan")
    sizes, values = np.log([row["at"] for row in last]), np.log([row[key] for row in last])
    return float(np.polyfit(sizes, values, 1)[0])


def exponents(found: dict[str, list[Row]]) -> list[tuple[str, ...]]:
    """A line for each axis: exponents of time and of memory, ours and PyTorch's."""
    keys = [f"{side}_{quantity}" for quantity in QUANTITIES for side in SIDES]
    return [(name, *(_written(exponent(rows, key)) for key in keys)) for name, rows in found.items()]


def _written(power: float) -> str:
    return "-" if math.isnan(power) else f"{round(power, 2) + 0.0:.2f}"  # no minus before a zero


def draw(picture: Any, found: dict[str, list[Row]], title: str) -> None:
    """Draw time above and memory below, an axis in each column; a straight line is a power."""
    grid = picture.subplots(len(QUANTITIES), len(found), sharex="col", squeeze=False)
    for place, (name, rows) in zip(grid.T, found.items(), strict=True):
        for panel, quantity in zip(place, QUANTITIES, strict=True):
            _draw_panel(panel, rows, quantity)
        place[-1].set_xlabel(name)
    for panel, label in zip(grid[:, 0], QUANTITIES.values(), strict=True):
        panel.set_ylabel(label)
    picture.suptitle(title, fontsize=8)


def _draw_panel(panel: Any, rows: Sequence[Row], quantity: str) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    sizes = [row["at"] for row in rows]
    for side, label in SIDES.items():
        power = _written(exponent(rows, f"{side}_{quantity}"))
        style = "o-" if side == "numpy" else "s--"
        values = [row[f"{side}_{quantity}"] for row in rows]
        panel.plot(sizes, values, style, label=f"{label}: {power}")
    panel.set_xscale("log", base=2)
    panel.set_yscale("log")
    panel.set_xticks(sizes, [str(size) for size in sizes])
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())
    panel.legend(fontsize=7, title="exponent", title_fontsize=7)
