"""``tinygrad-lab bench --profile SLUG``: where the time of one training step goes, by operation.

The engine tells a listener of every operation it has run, forwards and backwards; the time since it
spoke last is that operation's, with the Python that led to it.  What lies between the last gradient
and the next forward is the optimiser's part: the step of the weights, clipping, the schedule.

The batch is whole and BLAS has one thread, as each worker has: a part of a batch costs
accordingly less.
"""

import itertools
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tinygrad_lab.cores import one_blas_thread
from tinygrad_lab.lab import bench, console, overrides, registry
from tinygrad_lab.lab.allocator import keep_freed_memory
from tinygrad_lab.lab.measuring import machine
from tinygrad_lab.lab.measuring.steps import Step, training_step
from tinygrad_lab.lab.sides import NumpySide
from tinygrad_lab.paper import Paper
from tinygrad_lab.trace.record import listening

REST = "optimiser and schedule"  # between two walks of the tape, in no operation
Row = dict[str, Any]


class Stopwatch:
    """Listens in a recorder's place: seconds and calls of every operation in one step."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = defaultdict(int)
        self.seconds: dict[tuple[str, str], float] = defaultdict(float)  # by operation and direction
        self._running = ""
        self._last = time.perf_counter()

    def forward(self, info: Any, *_about: Any) -> None:
        self.calls[info.name] += 1
        self._passed(info.name, "forward")

    def backward(self, node: Any, *_about: Any) -> None:
        """Add the time since then to the earlier operation: the walk was still busy with it."""
        self._passed(self._running or node.operation.name, "backward")
        self._running = node.operation.name

    def contribution(self, *_about: Any) -> None:
        self._passed(self._running, "backward")

    def stop(self) -> None:
        self._passed(REST, "rest")

    def _passed(self, name: str, direction: str) -> None:
        now = time.perf_counter()
        self.seconds[name, direction] += now - self._last
        self._last = now


def profile(paper: Paper, config: Any, repeats: int) -> list[Row]:
    """Time ``repeats`` steps; return a row for each operation and the optimiser, the costliest first."""
    step = training_step(NumpySide(paper), paper, config)
    with one_blas_thread():
        step()
        watches = [_watched(step) for _ in range(repeats)]
    names = list(dict.fromkeys(name for name, _ in watches[0].seconds))
    rows = [_row(paper, config, name, watches) for name in names]
    total = sum(row["milliseconds"] for row in rows)
    for row in rows:
        row["share"] = row["milliseconds"] / total
    return sorted(rows, key=lambda row: -row["milliseconds"])


def _watched(step: Step) -> Stopwatch:
    watch = Stopwatch()
    with listening(watch):
        step()
    watch.stop()
    return watch


def _row(paper: Paper, config: Any, name: str, watches: Sequence[Stopwatch]) -> Row:
    """Medians over the steps."""
    forward, backward, rest = (
        1e3 * statistics.median(watch.seconds.get((name, direction), 0.0) for watch in watches)
        for direction in ("forward", "backward", "rest")
    )
    return {
        "paper": paper.slug,
        "variant": config.variant,
        "operation": name,
        "calls": watches[0].calls.get(name, 0),
        "forward_ms": forward,
        "backward_ms": backward,
        "milliseconds": forward + backward + rest,
    }


def run(slugs: Sequence[str], variant: str | None, size: str, fields: Sequence[str], repeats: int) -> list[Row]:
    """Profile papers one after the other, under the conditions of the benchmark."""
    keep_freed_memory()
    rows = []
    for paper, name in bench.chosen(slugs, variant):
        config = overrides.apply(registry.configuration(paper, name, size), fields)
        rows += profile(paper, config, repeats)
    return rows


def print_rows(rows: Sequence[Row]) -> None:
    """A table for each paper."""
    for _, of_paper in itertools.groupby(rows, key=lambda row: row["paper"]):
        _print_table(list(of_paper))


def _print_table(rows: Sequence[Row]) -> None:
    lines = [
        (
            row["operation"],
            str(row["calls"] or "-"),
            *(f"{row[key]:.3f}" for key in ("forward_ms", "backward_ms", "milliseconds")),
            f"{100 * row['share']:.1f} %",
        )
        for row in rows
    ]
    total = sum(row["milliseconds"] for row in rows)
    columns = ("operation", "calls", "forward ms", "backward ms", "both ms", "share")
    about = f"{rows[0]['paper']} {rows[0]['variant']}: one training step in {total:.2f} ms"
    title = f"{about}, whole, one BLAS thread\n{machine.line(machine.machine())}"
    console.print_table(title, columns, lines, right=columns[1:])
