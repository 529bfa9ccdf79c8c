"""A study's folder: raw results as JSON, a log, pictures; and numbers read back out of them."""

import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from tinygrad_lab import files
from tinygrad_lab.claim import Judge
from tinygrad_lab.lab import console
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.study import judge
from tinygrad_lab.lab.study.statistics import Interval, interval, paired_difference
from tinygrad_lab.study import Config, Record


class Results:
    """The files of one study.

    Attributes:
        slug: of the paper.
        quick: whether the numbers mean anything.
        folder: where the files are.
        command: what fills the folder.
        data: the paper's ``data`` module.
        judge: the tests that findings come from.
    """

    slug: str
    quick: bool
    folder: Path
    command: str
    data: Any
    judge: Judge = judge

    # ---- writing ------------------------------------------------------------------------------------
    def log(self, line: str) -> None:
        """Say a line on stderr and keep it in ``results/log.txt``."""
        console.stderr.print(line, soft_wrap=True, markup=False)
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "log.txt", "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n")

    def save(self, name: str, results: Record, config: Config) -> None:
        """Write ``results/<name>.json`` with what is needed to run it again: data, versions, machine, command."""
        text = json.dumps({"environment": self._environment(config), **results}, indent=1, allow_nan=False)
        self.folder.mkdir(parents=True, exist_ok=True)
        files.write(self.folder / f"{name}.json", text + "\n")

    def _environment(self, config: Config) -> Record:
        data = self.data.dataset(config, "train")
        return {
            "command": f"tinygrad-lab claims {self.slug}" + (" --quick" if self.quick else ""),
            "data": {"name": data.name, "items": len(data), "checksum": data.checksum},
            "versions": {"python": platform.python_version(), "numpy": np.__version__, "torch": version("torch")},
            "machine": f"{platform.machine()}, {platform.system()}, {os.cpu_count()} cores",
            "blas_threads": max((pool["num_threads"] for pool in threadpool_info()), default=1),
        }

    @contextmanager
    def figure(self, name: str, width: float = 8.0, height: float = 4.0) -> Iterator[Any]:
        """A matplotlib figure, saved as ``results/<name>.png`` when the block ends."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        picture = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(picture)
        yield picture
        self.folder.mkdir(parents=True, exist_ok=True)
        with files.written(self.folder / f"{name}.png") as path:
            picture.savefig(path, format="png", dpi=110, bbox_inches="tight", metadata={"Software": None})

    # ---- reading ------------------------------------------------------------------------------------
    def has(self, name: str) -> bool:
        """Whether these results have been measured."""
        return (self.folder / f"{name}.json").exists()

    def results(self, name: str) -> Record:
        """Read a results file back.

        Raises:
            UsageError: it has not been made, or is damaged.
        """
        path = self.folder / f"{name}.json"
        if not path.exists():
            raise UsageError(f"no results {path}: run {self.command} first")
        try:
            results: Record = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path} is damaged ({error}): run {self.command} again") from error
        return results

    def runs(self, name: str, side: str = "numpy", arm: str | None = None) -> list[Record]:
        """The records of the runs on a side that a results file has, of one arm where it has several."""
        runs = self.results(name)["runs"]
        return [run for run in (runs if arm is None else runs[arm]) if run["side"] == side]

    def values(self, name: str, *path: str, side: str = "numpy", arm: str | None = None) -> list[float]:
        """One number from each of those records: ``values("plain", "metrics", "error")``."""
        values: list[Any] = self.runs(name, side, arm)
        for key in path:
            values = [record[key] for record in values]
        return [float(value) for value in values]

    def spread(self, name: str, *path: str, side: str = "numpy", arm: str | None = None) -> Interval:
        """Mean and 95 % interval of such numbers."""
        return interval(self.values(name, *path, side=side, arm=arm))

    def interval(self, values: Sequence[float]) -> Interval:
        """Mean and 95 % interval over runs."""
        return interval(values)

    def paired_difference(self, first: Sequence[float], second: Sequence[float]) -> Interval:
        """Mean and 95 % interval of the difference, run by run."""
        return paired_difference(first, second)

    def run_time(self, name: str, arm: str | None = None, threads: bool = True, run: str = "run") -> str:
        """What a run, by whatever name, took on each side, in the words of a training summary; on how many threads."""
        numpy, torch = (self.spread(name, "seconds", side=side, arm=arm) for side in ("numpy", "torch"))
        count = self.results(name)["environment"]["blas_threads"]
        words = f"{numpy:.0f s} NumPy, {torch:.0f s} PyTorch a {run}"
        return words + f", {count} BLAS thread(s)" * threads
