"""``tinygrad-lab bench``: the time and memory of one training step, engine against PyTorch.

Both sides take turns in one process, in blocks of at least 0.3 s of which the first 50 ms are dropped, with pauses
between them: both libraries' thread pools go on spinning for a while after work, so call-by-call interleaving would
slow both.  A side's time is the median of its blocks' medians, printed with their quartiles and with the machine that
it was measured on.  PyTorch counts with the faster of its two forms where a paper has them: the one written
out for reading, and the one that uses torch's own module for the paper's idea (``reference/<slug>/builtin.py``).

Both sides use all cores: PyTorch inside its operations; the engine by working on the parts of a batch at once, in as
many processes (``nn.utils.in_parts``), and inside matrix products where a step is too small for that.
The C library keeps freed memory for both (``allocator.py``).  ``train`` runs under the same conditions.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tinygrad_lab.lab import console, overrides, registry
from tinygrad_lab.lab.allocator import keep_freed_memory
from tinygrad_lab.lab.measuring import machine
from tinygrad_lab.lab.measuring.spread import Median, with_quartiles
from tinygrad_lab.lab.measuring.steps import Step, has_builtin, training_step
from tinygrad_lab.lab.sides import NumpySide, TorchSide
from tinygrad_lab.paper import Paper

BLOCK_SECONDS = 0.3
DROPPED_SECONDS = 0.05
PAUSE_SECONDS = 0.1  # before a block: the threads of the one before go to sleep


def block(step: Step) -> float:
    """Median seconds of a step over one block; what begins in its first 50 ms is not counted, however long it takes."""
    times: list[float] = []
    start = time.perf_counter()
    while not times or time.perf_counter() - start < BLOCK_SECONDS + DROPPED_SECONDS:
        before = time.perf_counter()
        step()
        if before - start >= DROPPED_SECONDS:
            times.append(time.perf_counter() - before)
    return statistics.median(times)


def alternate(steps: Sequence[Step], repeats: int, watch: Callable[[], None] = lambda: None) -> list[Median]:
    """Seconds of each step: median over ``repeats`` blocks, the steps taking turns."""
    for step in steps:
        step()  # warm-up: first-call allocations
    medians: list[list[float]] = [[] for _ in steps]
    for _ in range(repeats):
        for times, step in zip(medians, steps, strict=True):
            time.sleep(PAUSE_SECONDS)
            times.append(block(step))
            watch()
    return [Median(times) for times in medians]


def measure(
    paper: Paper, variant: str, size: str, fields: Sequence[str], repeats: int, watch: Callable[[], None]
) -> dict[str, Any]:
    """The public JSON of one paper and variant; ``fields`` are command line options that change its configuration."""
    import torch

    config = overrides.apply(registry.configuration(paper, variant, size), fields)
    steps = [training_step(NumpySide(paper), paper, config), training_step(TorchSide(paper), paper, config)]
    if has_builtin(paper):
        steps.append(training_step(TorchSide(paper), paper, config, builtin=True))
    numpy, *torches = alternate(steps, repeats, watch)
    return {
        "paper": paper.slug,
        "variant": variant,
        "size": size,
        "numpy_ms": 1e3 * numpy,
        "torch_ms": 1e3 * min(torches),
        "ratio": numpy / min(torches),
        **peak_memory(paper.slug, variant, size, "numpy", fields),
        **peak_memory(paper.slug, variant, size, "torch", fields),
        "threads": torch.get_num_threads(),
        "repeats": repeats,
    }


def peak_memory(slug: str, variant: str, size: str, side: str, fields: Sequence[str] = ()) -> dict[str, float]:
    """Megabytes that all processes of a side hold at most in a few training steps, measured in a process of its own.

    ``<side>_peak_mb`` is what comes on top of the footprint of a warm process, ``<side>_whole_mb`` all of it.
    """
    command = [sys.executable, "-m", "tinygrad_lab.lab.peak_memory", slug, variant, size, side, *fields]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return {f"{side}_{name}": megabytes for name, megabytes in json.loads(result.stdout).items()}


def chosen(slugs: Sequence[str], variant: str | None) -> list[tuple[Paper, str]]:
    """The papers named, or all, each with the variant to measure."""
    papers = [registry.find(slug) for slug in slugs] or list(registry.discover().values())
    return [(paper, variant or paper.default_variant) for paper in papers]


def run(
    slugs: Sequence[str], variant: str | None, size: str, fields: Sequence[str], repeats: int
) -> list[dict[str, Any]]:
    """Measure papers (all when none is named) in turn; the last entry is of all of them, and the machine."""
    keep_freed_memory()
    rows = []
    with console.progress() as bar:
        for paper, name in chosen(slugs, variant):
            task = bar.add_task(f"{paper.slug} {name}", total=repeats * (3 if has_builtin(paper) else 2))
            rows.append(measure(paper, name, size, fields, repeats, partial(bar.advance, task)))
    return [*rows, machine.summary(rows)]


def print_rows(rows: Sequence[dict[str, Any]]) -> None:
    """The table; a ratio below 1 means that the engine is faster.

    Of memory: what the step needs, of what all processes of the side hold.
    """
    lines = [
        (
            *(row[key] for key in ("paper", "variant", "size")),
            *(with_quartiles(row[key]) for key in ("numpy_ms", "torch_ms", "ratio")),
            *(f"{row[f'{side}_peak_mb']:.0f} of {row[f'{side}_whole_mb']:.0f}" for side in ("numpy", "torch")),
        )
        for row in rows[:-1]
    ]
    columns = ("paper", "variant", "size", "numpy ms", "torch ms", "ratio", "numpy MB", "torch MB")
    title = f"One training step, medians (and quartiles)\n{machine.line(rows[-1]['machine'])}"
    console.print_table(title, columns, lines, right=columns[3:])
    console.stdout.print(f"geometric mean of the ratios (NumPy / PyTorch): {rows[-1]['geomean_ratio']:.2f}")
