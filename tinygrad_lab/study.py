"""What the study of a paper is given, and what it gives back.

A study is three modules in ``papers/<slug>/study/``, and whatever probes they need:

    experiment.py   measure(lab): run, and save raw results
    verdicts.py     claims(lab), summary(lab): judge those results; tables(lab): further blocks of the README, by marker
    figures.py      figures(lab): draw them

The second and the third read files alone, so tables and pictures can be made again, and checked, without running
anything.  ``Lab`` is the workbench that ``tinygrad-lab claims`` hands to all of them; papers never import it.
"""

import runpy
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np

from tinygrad_lab.claim import Claim as Claim
from tinygrad_lab.claim import Course as Course
from tinygrad_lab.claim import Finding as Finding
from tinygrad_lab.claim import Judge
from tinygrad_lab.claim import Rates as Rates
from tinygrad_lab.claim import Verdict as Verdict
from tinygrad_lab.claim import not_run as not_run
from tinygrad_lab.claim import out_of_reach as out_of_reach
from tinygrad_lab.fit import Look, Metrics
from tinygrad_lab.paper import Paper

T = TypeVar("T")
Record = dict[str, Any]  # what a results file keeps of a run
Arrays = dict[str, np.ndarray]
EIGHTHS = 8  # of a budget: training losses are means over these where they are looked at
SWEEP_SEED = 100  # learning rates are chosen with a seed that no comparison uses


@dataclass(frozen=True)
class Summary:
    """A training run in the form in which every paper's README states it."""

    data: str
    model: str
    loss: str
    optimiser: str
    schedule: str
    metric: str
    expected: str
    numpy: str
    torch: str
    command: str
    time: str


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], right: int = 0) -> str:
    """A table in Markdown.

    Args:
        columns: their titles.
        rows: cells, put in as they are.
        right: columns at the right end whose cells are aligned there, as numbers are.
    """
    ruler = ["---"] * (len(columns) - right) + ["---:"] * right
    head, *body = [[f" {cell} " if str(cell) else " " for cell in row] for row in (columns, *rows)]
    return "\n".join("|" + "|".join(row) + "|" for row in (head, ruler, *body))


def gallery(told: Mapping[str, tuple[str, str]]) -> str:
    """Show the study's pictures in Markdown, each with its title and below it the sentence that says what to see."""
    return "\n\n".join(f"![{title}](study/results/{name}.png)\n\n{said}" for name, (title, said) in told.items())


def steps_of(run: Record) -> list[float]:
    """The steps whose losses a run's record keeps."""
    kept = len(run["losses"])
    return [run["steps"] * i / kept for i in range(kept)]


def draw_both_sides(axes: Any, runs: Iterable[Record]) -> None:
    """Draw the training losses of the runs with seed 0: solid the engine's, dashed those of PyTorch."""
    for run in runs:
        if run["seed"] == 0:
            style = "-" if run["side"] == "numpy" else "--"
            axes.plot(steps_of(run), run["losses"], style, label=run["side"], linewidth=1)


@runtime_checkable
class Settings(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


@runtime_checkable
class Config(Settings, Protocol):
    """What every paper's configuration has."""

    @property
    def epochs(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def seed(self) -> int: ...


@runtime_checkable
class Interval(Protocol):
    """A mean over runs and its 95 % interval; ``f"{errors:.2f %}"`` is "0.92 ± 0.13 %"."""

    @property
    def mean(self) -> float: ...
    @property
    def half_width(self) -> float: ...
    @property
    def count(self) -> int: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    def __format__(self, spec: str) -> str: ...


@runtime_checkable
class Side(Protocol):
    """One implementation of the paper, arrays in and arrays out: "numpy" or "torch"."""

    @property
    def name(self) -> str: ...
    def build(self, config: Any, seed: int = 0, dtype: str = "float32") -> Any: ...
    def tensor(self, array: np.ndarray, requires_grad: bool = False) -> Any: ...
    def array(self, tensor: Any) -> np.ndarray: ...
    def batch(self, batch: Record, dtype: str = "float32", requires_grad: bool = False) -> Record: ...
    def state(self, model: Any) -> Arrays: ...
    def load(self, model: Any, state: Arrays, strict: bool = True) -> None: ...
    def optimizer(self, model: Any, config: Any, steps: int) -> tuple[Any, Any]: ...
    def train(self, model: Any, optimizer: Any, scheduler: Any, batches: Iterable[Record]) -> Iterator[float]: ...
    def evaluate(self, model: Any, batches: Iterable[Record]) -> Metrics: ...
    def search(self, model: Any, config: Any, tokens: list[int], options: Any) -> Iterable[int]: ...


@runtime_checkable
class Run(Protocol):
    """A training run that was made: what came out, and the trained model."""

    @property
    def side(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def config(self) -> Any: ...
    @property
    def losses(self) -> list[float]: ...  # of every step
    @property
    def metrics(self) -> Metrics: ...  # on the test data, after the last step
    @property
    def train_metrics(self) -> Metrics: ...  # on the training data, in evaluation mode
    @property
    def history(self) -> list[Metrics]: ...  # what was seen at each look
    @property
    def seconds(self) -> float: ...  # of training alone
    @property
    def parameters(self) -> int: ...
    @property
    def model(self) -> Any: ...
    def record(self, *without: str) -> Record: ...


@runtime_checkable
class Lab(Protocol):
    """The workbench of one paper's study: both sides, data, progress, and files for results and figures.

    What each method does, and what its arguments are, stands where it is written out: ``tinygrad_lab/lab/study``,
    running in workbench.py, files and statistics in results.py.

    Attributes:
        paper: whose study it is.
        quick: run everything at a token size, to see that it works; verdicts mean nothing then.
        folder: where results and figures go.
        data: the paper's ``data`` module.
        judge: the tests that findings come from.
    """

    paper: Paper
    quick: bool
    folder: Path
    data: Any

    @property
    def judge(self) -> Judge: ...

    def seeds(self, default: int) -> list[int]: ...
    def beside(self, slug: str, models: str = "model") -> "Lab": ...
    def part(self, name: str) -> Any: ...
    def side(self, name: str) -> Side: ...

    def train(
        self,
        config: Config,
        seed: int,
        side: str = "numpy",
        label: str = "",
        *,
        each_epoch: bool = False,
        evaluate: Callable[[Any], Metrics] | None = None,
        until: Callable[[Look], bool] | None = None,
        watch: Callable[[Any], None] | None = None,
        steps: int | None = None,
        every: int | None = None,
        weights: Arrays | None = None,
        at_end: Sequence[str] = ("test", "train"),
    ) -> Run: ...

    def prepared(self, config: Settings, seed: int, label: str, make: Callable[[], Arrays]) -> Arrays: ...
    def together(self, calls: Sequence[Callable[[], T]]) -> list[T]: ...
    def steps(self, config: Config, side: str = "numpy", seed: int = 0) -> Iterator[float]: ...
    def evaluate(self, run: Run, split: str) -> Metrics: ...
    def sweep(
        self,
        configs: Mapping[float, Config],
        label: str,
        score: Callable[[Run], float],
        seed: int = SWEEP_SEED,
        weights: Arrays | None = None,
    ) -> dict[str, float]: ...
    def bracket(
        self,
        config_of: Callable[[float], Config],
        rates: Sequence[float],
        label: str,
        score: Callable[[Run], float],
        largest: bool = False,
        seed: int = SWEEP_SEED,
        weights: Arrays | None = None,
    ) -> dict[str, float]: ...
    def widened(
        self, scores_of: Callable[[Sequence[float]], dict[str, float]], rates: Sequence[float], largest: bool = False
    ) -> dict[str, float]: ...
    def on_engine(self, run: Run) -> Any: ...
    def sample(
        self, model: Any, config: Config, prompt: str, options: Any, vocabularies: Mapping[str, str] = ...
    ) -> str: ...

    def log(self, line: str) -> None: ...
    def save(self, name: str, results: Record, config: Config) -> None: ...
    def has(self, name: str) -> bool: ...
    def results(self, name: str) -> Record: ...
    def runs(self, name: str, side: str = "numpy", arm: str | None = None) -> list[Record]: ...
    def values(self, name: str, *path: str, side: str = "numpy", arm: str | None = None) -> list[float]: ...
    def spread(self, name: str, *path: str, side: str = "numpy", arm: str | None = None) -> Interval: ...
    def interval(self, values: Sequence[float]) -> Interval: ...
    def paired_difference(self, first: Sequence[float], second: Sequence[float]) -> Interval: ...
    def run_time(self, name: str, arm: str | None = None, threads: bool = True, run: str = "run") -> str: ...
    def figure(self, name: str, width: float = 8.0, height: float = 4.0) -> AbstractContextManager[Any]: ...


def passes(config: Record) -> str:
    """Say how often a run went over its training data."""
    return "one pass" if config["epochs"] == 1 else f"{config['epochs']} passes"


def curve(run: Record) -> tuple[np.ndarray, np.ndarray]:
    """Update numbers and losses of a run, already thinned, as means over up to five neighbours."""
    width = min(5, len(run["losses"]))
    losses = np.convolve(run["losses"], np.ones(width) / width, mode="valid")
    return np.linspace(0, run["steps"], len(losses)), losses


def of_training(arm: str, runs: Sequence[Record], sign: int = 1) -> Course:
    """An arm's course by its training losses, where nothing else was looked at: means over eighths and over runs."""
    looks = [[float(part.mean()) for part in np.array_split(run["losses"], EIGHTHS)] for run in runs]
    return Course(arm, [float(look) for look in sign * np.mean(looks, axis=0)])


def best_rate(scores: Mapping[str, float], largest: bool = False) -> float:
    """The learning rate with the smallest score of a sweep, or with the largest."""
    return float((max if largest else min)(scores, key=scores.__getitem__))


def as_command(slug: str) -> None:
    """Be ``tinygrad-lab claims <slug>``: what ``python -m papers.<slug>.study.experiment`` does."""
    sys.argv = ["tinygrad-lab", "claims", slug, *sys.argv[1:]]
    runpy.run_module("tinygrad_lab", run_name="__main__")
