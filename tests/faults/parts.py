"""The bad days that ``python -m tests.faults`` has, with the counts and seconds of a whole run.

Two run at a time: the longest come first.
"""

from functools import partial

from tests.faults import (
    days,
    downloads,
    expressions,
    files,
    instants,
    kills,
    metadata,
    pages,
    results,
    servers,
    signals,
    trainers,
)
from tests.faults.part import Part

KILLED = (
    "killed by SIGKILL, SIGTERM, Ctrl-C or two of it at any instant, up to three times, and taken up "
    "again: the same bits as if nothing had been, and nothing left behind"
)
STOPPED = "stopped in a forward pass, an update, an evaluation or while saving, and taken up again: the same bits"
DAYS = (
    "an operator's bad day: `train`, `claims`, `step --html`, `read` and `parity --json` with small, "
    "full and failing disks, no rights, no HOME, no TMPDIR, no current folder, clocks that run "
    "backwards, and files, pipes, loops or folders of others in the way; then again without"
)
WRITERS = (
    "`step --html`, `claims`, `read` (with light pages in place of its own, and no parity run) and "
    "`data fetch` killed at any instant: nothing torn, all goes on"
)

PARTS = [
    Part(
        "files", "damaged files of seven formats, changed in bytes or in the JSON inside, then loaded and compared",
        150_000, 220, files.tries,
    ),
    Part(
        "kills-numpy", f"`train` of the twelve papers, each step shared with a worker, {KILLED}",
        200, 280, partial(trainers.tries, "numpy"),
    ),
    Part(
        "kills-torch", f"`train --side torch` of the twelve papers, {KILLED}",
        200, 150, partial(trainers.tries, "torch"),
    ),
    Part("days", DAYS, 200, 300, days.tries),
    Part(
        "signals", "Ctrl-C, two of it, or SIGTERM to new processes at any instant: one line, and its code",
        120, 160, signals.tries,
    ),
    Part("writers", WRITERS, 100, 300, kills.tries),
    Part(
        "stops-numpy", f"runs of the twelve papers, each step shared with a worker, {STOPPED}",
        120, 110, partial(instants.tries, "numpy"),
    ),
    Part(
        "stops-torch", f"runs of the twelve papers in PyTorch, {STOPPED}",
        120, 90, partial(instants.tries, "torch"),
    ),
    Part(
        "metadata", "checkpoints of three papers on both sides that say one thing wrong of themselves",
        5_000, 200, metadata.tries,
    ),
    Part(
        "servers", "the servers of `read` and `step`: wrong bytes, hosts, paths, bodies, callers who leave",
        1_000, 70, servers.tries,
    ),
    Part(
        "downloads", "`data fetch` from a server that cuts, damages, sends elsewhere, drips, never ends",
        300, 20, downloads.tries,
    ),
    Part(
        "results", "results of a study, damaged in bytes or as JSON, then judged and drawn again, and compared",
        300, 180, results.tries,
    ),
    Part("expressions", "hostile expressions given to `step`", 500, 20, expressions.tries),
    Part(
        "pages", "hostile names, notes and sources in the site, the stepper and notebooks: text only",
        500, 10, pages.tries,
    ),
]  # fmt: skip
