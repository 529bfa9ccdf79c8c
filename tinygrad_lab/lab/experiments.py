"""What a paper's experiment.py is given: both sides, data, progress, files for results, figures and statistics.

An experiment has three parts.  ``measure(lab)`` runs and saves raw results; ``claims(lab)`` and ``summary(lab)`` read
those files and judge; ``figures(lab)`` draws from them; ``tables(lab)``, where there is one, returns further blocks for
the README by marker name.  So tables and pictures can be made again, and checked, without running anything.
"""

import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from tinygrad_lab.lab import console, registry
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.listing import count_parameters
from tinygrad_lab.lab.sides import Side, one_side
from tinygrad_lab.lab.statistics import Interval, interval, paired_difference
from tinygrad_lab.paper import Claim, Paper, Summary
from tinygrad_lab.random import generator

__all__ = ["Claim", "Interval", "Lab", "Run", "Summary"]


@dataclass
class Run:
    """One training run: what came out, and the trained model."""

    side: str
    seed: int
    config: Any
    losses: list[float] = field(repr=False)  # of every step
    metrics: dict[str, float]  # on the test data, after the last step
    train_metrics: dict[str, float]  # on the training data, in evaluation mode
    history: list[dict[str, float]]  # test metrics after each epoch, where asked for
    seconds: float  # of training alone
    parameters: int
    model: Any = field(repr=False)

    def record(self) -> dict[str, Any]:
        """What goes into the results file: everything but the model, the loss curve thinned to 200 points."""
        kept = {k: v for k, v in self.__dict__.items() if k not in ("model", "losses", "config")}
        stride = max(1, len(self.losses) // 200)
        return kept | {"config": asdict(self.config), "losses": self.losses[::stride], "steps": len(self.losses)}


class Lab:
    """The workbench for one paper's experiments.

    Attributes:
        quick: run everything at a token size, to see that it works; verdicts mean nothing then.
        folder: where results and figures go.
    """

    def __init__(self, paper: Paper, seeds: int | None, quick: bool, folder: Path) -> None:
        self.paper = paper
        self.quick = quick
        self._seeds = seeds
        self.folder = folder
        self.data = registry.part(paper, "data")

    def seeds(self, default: int) -> list[int]:
        """The seeds to run: as many as the user asked for, else ``default``; two when quick."""
        return list(range(self._seeds or (2 if self.quick else default)))

    def beside(self, slug: str) -> "Lab":
        """The bench of another paper, whose models are a baseline here; what it logs and saves lies beside ours."""
        return Lab(registry.find(slug), self._seeds, self.quick, self.folder)

    def part(self, name: str) -> Any:
        """The engine side's module of that name: "inference", say."""
        return registry.part(self.paper, name)

    # ---- running ----------------------------------------------------------------------------------------------------
    def side(self, name: str) -> Side:
        """``"numpy"`` or ``"torch"``."""
        return one_side(self.paper, name)

    def train(
        self,
        config: Any,
        seed: int,
        side: str = "numpy",
        label: str = "",
        each_epoch: bool = False,
        watch: Callable[[Any], None] | None = None,
    ) -> Run:
        """Train ``config`` for its ``epochs`` with the paper's loop; both sides start from the same weights and see
        the same batches.

        Args:
            each_epoch: evaluate on the test data after each epoch, into ``history``.
            watch: called with the model before the first epoch and after each.
        """
        bench = self.side(side)
        model = bench.build(config, seed)
        if side == "torch":
            engine = self.side("numpy")
            bench.load(model, engine.state(engine.build(config, seed)))
        batches = self.data.training_batches(config, generator(seed))
        steps = config.epochs * len(batches)
        optimizer, scheduler = bench.optimizer(model, config, steps)
        losses: list[float] = []
        history: list[dict[str, float]] = []
        seconds = 0.0
        if watch:
            watch(model)
        with console.progress() as bar:
            task = bar.add_task(f"{label or self.paper.slug} seed {seed} ({side})", total=steps)
            for _ in range(config.epochs):
                start = time.perf_counter()
                for loss in bench.train(model, optimizer, scheduler, batches):
                    losses.append(loss)
                    bar.advance(task)
                seconds += time.perf_counter() - start
                if watch:
                    watch(model)
                if each_epoch:
                    history.append(bench.evaluate(model, self.data.evaluation_batches(config, "test")))
        metrics = history[-1] if each_epoch else bench.evaluate(model, self.data.evaluation_batches(config, "test"))
        train_metrics = bench.evaluate(model, self.data.evaluation_batches(config, "train"))
        self.log(f"{label or self.paper.slug} seed {seed} ({side}): {_shown(metrics)}, {seconds:.0f} s")
        return Run(side, seed, config, losses, metrics, train_metrics, history, seconds, count_parameters(model), model)

    def steps(self, config: Any, side: str = "numpy", seed: int = 0) -> Iterator[float]:
        """Losses of the paper's loop on its training batches, epoch after epoch without end, to time its steps."""
        bench = self.side(side)
        model = bench.build(config, seed)
        batches = self.data.training_batches(config, generator(seed))
        optimizer, scheduler = bench.optimizer(model, config, config.epochs * len(batches))
        while True:
            yield from bench.train(model, optimizer, scheduler, batches)

    # ---- results ----------------------------------------------------------------------------------------------------
    def log(self, line: str) -> None:
        """Say a line on stderr and keep it in ``results/log.txt``."""
        console.stderr.print(line, soft_wrap=True, markup=False)
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "log.txt", "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n")

    def save(self, name: str, results: dict[str, Any], config: Any) -> None:
        """Write ``results/<name>.json`` with what is needed to run it again: data, versions, machine, command."""
        data = self.data.dataset(config, "train")
        environment = {
            "command": f"tinygrad-lab claims {self.paper.slug}" + (" --quick" if self.quick else ""),
            "data": {"name": data.name, "items": len(data), "checksum": data.checksum},
            "versions": {"python": platform.python_version(), "numpy": np.__version__, "torch": version("torch")},
            "machine": f"{platform.machine()}, {platform.system()}, {os.cpu_count()} cores",
            "blas_threads": max((pool["num_threads"] for pool in threadpool_info()), default=1),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"environment": environment, **results}, indent=1, allow_nan=False)
        (self.folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")

    def has(self, name: str) -> bool:
        """Whether these results have been measured."""
        return (self.folder / f"{name}.json").exists()

    def results(self, name: str) -> dict[str, Any]:
        """Read a results file back.

        Raises:
            UsageError: it has not been made.
        """
        path = self.folder / f"{name}.json"
        if not path.exists():
            raise UsageError(f"no results {path}: run tinygrad-lab claims {self.paper.slug} first")
        return json.loads(path.read_text(encoding="utf-8"))

    @contextmanager
    def figure(self, name: str, width: float = 8.0, height: float = 4.0) -> Iterator[Any]:
        """A matplotlib figure, saved as ``results/<name>.png`` when the block ends."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        picture = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(picture)
        yield picture
        self.folder.mkdir(parents=True, exist_ok=True)
        picture.savefig(self.folder / f"{name}.png", dpi=110, bbox_inches="tight", metadata={"Software": None})

    # ---- statistics -------------------------------------------------------------------------------------------------
    def interval(self, values: Sequence[float]) -> Interval:
        """Mean and 95 % interval over runs."""
        return interval(values)

    def paired_difference(self, first: Sequence[float], second: Sequence[float]) -> Interval:
        """Mean and 95 % interval of the difference, run by run."""
        return paired_difference(first, second)


def _shown(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
