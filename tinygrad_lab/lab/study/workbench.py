"""What a paper's study is given: both sides, data, progress, files for results, figures and statistics."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tinygrad_lab.fit import Look, Metrics, endless, fit
from tinygrad_lab.lab import console, registry
from tinygrad_lab.lab.listing import count_parameters
from tinygrad_lab.lab.sides import Side, one_side
from tinygrad_lab.lab.study.ahead import Reports, make_ahead
from tinygrad_lab.lab.study.kept import Kept
from tinygrad_lab.lab.study.pace import Pace
from tinygrad_lab.lab.study.results import Results
from tinygrad_lab.paper import Paper
from tinygrad_lab.random import generator
from tinygrad_lab.study import SWEEP_SEED, Arrays, Config, Record, Settings, best_rate
from tinygrad_lab.study import Lab as LabProtocol
from tinygrad_lab.study import Run as RunProtocol

T = TypeVar("T")
FURTHER = 4  # rates that a grid may grow by until its best is inside
RECORD = ("losses", "metrics", "train_metrics", "history", "seconds", "parameters")  # of a run that is kept


@dataclass
class Run:
    """One training run: what came out, and the trained model."""

    side: str
    seed: int
    config: Any
    losses: list[float] = field(repr=False)  # of every step
    metrics: Metrics  # on the test data, after the last step
    train_metrics: Metrics  # on the training data, in evaluation mode
    history: list[Metrics]  # what was seen at each look, where anything was looked at
    seconds: float  # of training alone
    parameters: int
    model: Any = field(repr=False)

    def record(self, *without: str) -> Record:
        """What goes into the results file: everything but the model, the loss curve thinned to 200 points.

        Args:
            without: further names to leave out.
        """
        kept = {k: v for k, v in self.__dict__.items() if k not in ("model", "losses", "config")}
        stride = max(1, len(self.losses) // 200)
        kept |= {"config": asdict(self.config), "losses": self.losses[::stride], "steps": len(self.losses)}
        return {name: value for name, value in kept.items() if name not in without}


@dataclass(frozen=True)
class Order:
    """What is asked of a run besides its configuration and its seed; ``Lab.train`` says what each part means."""

    title: str
    each_epoch: bool
    evaluate: Callable[[Any], Metrics] | None
    until: Callable[[Look], bool] | None
    watch: Callable[[Any], None] | None
    steps: int | None
    every: int | None
    weights: Arrays
    at_end: Sequence[str]

    def about(self) -> Record:
        """The same as plain data, but for the weights; functions by their names."""
        functions = {name: getattr(getattr(self, name), "__qualname__", None) for name in ("evaluate", "until")}
        return {"order": (self.title, self.each_epoch, self.steps, self.every, *self.at_end), **functions}


class Lab(Results):
    """The workbench for one paper's study; its contract is ``tinygrad_lab.study.Lab``."""

    def __init__(self, paper: Paper, seeds: int | None, quick: bool, folder: Path, models: str = "model") -> None:
        self.paper = paper
        self.models = models
        self.slug = paper.slug
        self.quick = quick
        self._seeds = seeds
        self.folder = folder
        self.command = f"tinygrad-lab claims {self.slug}" + " --quick" * quick
        self.data = registry.part(paper, "data")
        self.kept = Kept(folder)
        self.pace = Pace("")
        self.reports = Reports(self._tell)

    def seeds(self, default: int) -> list[int]:
        """The seeds to run: as many as the user asked for, else ``default``; two when quick."""
        return list(range(self._seeds or (2 if self.quick else default)))

    def beside(self, slug: str, models: str = "model") -> LabProtocol:
        """The bench of a paper whose models are a baseline here; what it logs and saves lies beside ours.

        Args:
            slug: of the paper.
            models: the module that builds them, "study.networks", say: a study's own, trained by the paper's loop.
        """
        bench = Lab(registry.find(slug), self._seeds, self.quick, self.folder, models)
        bench.pace, bench.reports = self.pace, self.reports
        return bench

    def part(self, name: str) -> Any:
        """The engine side's module of that name: "inference", say."""
        return registry.part(self.paper, name)

    def side(self, name: str) -> Side:
        """``"numpy"`` or ``"torch"``."""
        return one_side(self.paper, name, self.models)

    # ---- running ------------------------------------------------------------------------------------
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
    ) -> Run:
        """Train ``config`` with the paper's loop; both sides start from the same weights and see the same batches.

        Args:
            each_epoch: evaluate on the test data at each look, into ``history``.
            evaluate: what to find at each look instead, from the model.
            until: ends the run after a look at which it holds.
            watch: called with the model before the first step and at each look.
            steps: of the whole run, if not ``config.epochs`` epochs.
            every: steps between two looks, if not those of an epoch.
            weights: to start from, as far as they go.
            at_end: the splits evaluated after the last step.
        """
        title, bench = f"{label or self.slug} seed {seed} ({side})", self.side(side)
        order = Order(title, each_epoch, evaluate, until, watch, steps, every, weights or {}, at_end)
        path = self.kept.path(f"{self.slug}.{self.models}", config, {"seed": seed} | order.about(), order.weights)
        run = None if watch else self._made_before(path, bench, config, seed)
        if run is None:
            run = self._made(bench, config, seed, order)
            noise = bench.random_state() if side == "numpy" else None  # what is drawn after training goes on from there
            record = {name: getattr(run, name) for name in RECORD} | {"noise": noise}
            self.kept.write(path, bench.state(run.model), record)
        self.reports.made(title, _shown(run.metrics or (run.history or [{}])[-1]), run.seconds)
        return run

    def prepared(self, config: Settings, seed: int, label: str, make: Callable[[], Arrays]) -> Arrays:
        """Arrays that take long to make, those that runs start from, say; they are kept as runs are.

        Args:
            config: what they are made for.
            seed: that they are drawn with.
            label: says, with both, which arrays they are.
            make: makes them.
        """
        title = f"{label} seed {seed}"
        path = self.kept.path(f"{self.slug}.{self.models}", config, {"prepared": title}, {})
        found = self.kept.read(path)
        if found is None:
            begin = time.perf_counter()
            found = make(), {"seconds": time.perf_counter() - begin}
            self.kept.write(path, *found)
        arrays, record = found
        self.reports.made(title, f"{len(arrays)} arrays", record["seconds"])
        return arrays

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Make calls, each of which trains, and return what they return; they run side by side, one on each core.

        Each must be one run of ``train`` without ``watch`` or of ``prepared``, or several of these one after the other,
        of this bench or of one beside it, and what is computed from it: processes of their own make and keep them,
        then the calls are made here, and find them.
        """
        self.pace.side_by_side(len(calls))
        make_ahead(calls, self.reports)
        return [call() for call in calls]

    def _tell(self, title: str, shown: str, seconds: float) -> None:
        self.log(f"{title}: {shown}, {seconds:.0f} s")
        console.stderr.print(self.pace.after(title, seconds), markup=False)

    def _made_before(self, path: Path, bench: Side, config: Config, seed: int) -> Run | None:
        """A run that was made before the command was stopped, with its model as it was after the last step."""
        found = self.kept.read(path)
        if found is None:
            return None
        state, record = found
        model = bench.build(config, seed)
        bench.load(model, state)
        if noise := record.pop("noise"):
            bench.restore_random_state(noise)
        return Run(bench.name, seed, config, model=model, **record)

    def _made(self, bench: Side, config: Config, seed: int, order: Order) -> Run:
        model = self._initial(bench, config, seed, order.weights)
        look_at = order.evaluate or (self._on_test(bench, config) if order.each_epoch else None)
        looks: list[Look] = []
        if order.watch:
            order.watch(model)
        for look in self._fit(bench, model, config, seed, order, look_at):
            looks.append(look)
            if order.watch:
                order.watch(model)
        run = _run(bench.name, seed, config, model, looks, [look.metrics for look in looks] if look_at else [])
        if "test" in order.at_end:
            given = order.each_epoch and not order.evaluate
            run.metrics = run.history[-1] if given else self.evaluate(run, "test")
        if "train" in order.at_end:
            run.train_metrics = self.evaluate(run, "train")
        return run

    def _initial(self, bench: Side, config: Config, seed: int, weights: Arrays) -> Any:
        """A model with the engine's initial weights, or with the given ones, as far as they go."""
        model = bench.build(config, seed)
        if weights or bench.name != "numpy":
            engine = self.side("numpy")
            bench.load(model, engine.state(engine.build(config, seed)) | weights)
        return model

    def _on_test(self, bench: Side, config: Config) -> Callable[[Any], Metrics]:
        return lambda model: bench.evaluate(model, self.data.evaluation_batches(config, "test"))

    def _fit(
        self,
        bench: Side,
        model: Any,
        config: Config,
        seed: int,
        order: Order,
        look_at: Callable[[Any], Metrics] | None,
    ) -> Iterator[Look]:
        batches = self.data.training_batches(config, generator(seed))
        steps, every = order.steps or config.epochs * len(batches), order.every or len(batches)
        optimizer, scheduler = bench.optimizer(model, config, steps)
        evaluate = (lambda: look_at(model)) if look_at else dict
        with console.progress() as bar:
            losses = console.ticking(
                bench.train(model, optimizer, scheduler, endless(batches)), bar, order.title, steps
            )
            yield from fit(losses, steps, every, evaluate, until=order.until)

    def steps(self, config: Config, side: str = "numpy", seed: int = 0) -> Iterator[float]:
        """Losses of the paper's loop on its training batches, epoch after epoch without end, to time its steps."""
        bench = self.side(side)
        model = bench.build(config, seed)
        batches = self.data.training_batches(config, generator(seed))
        optimizer, scheduler = bench.optimizer(model, config, config.epochs * len(batches))
        return bench.train(model, optimizer, scheduler, endless(batches))

    def evaluate(self, run: RunProtocol, split: str) -> Metrics:
        """The paper's own metrics of a run's model on a split."""
        return self.side(run.side).evaluate(run.model, self.data.evaluation_batches(run.config, split))

    def sweep(
        self,
        configs: Mapping[float, Config],
        label: str,
        score: Callable[[RunProtocol], float],
        seed: int = SWEEP_SEED,
        weights: Arrays | None = None,
    ) -> dict[str, float]:
        """The score of one run with every learning rate, by rate; all start from the weights, as far as they go."""

        def run(rate: float) -> float:
            return score(self.train(configs[rate], seed, label=f"{label}, {rate:g}", weights=weights, at_end=()))

        scores = self.together([partial(run, rate) for rate in configs])
        return dict(zip((f"{rate:g}" for rate in configs), scores, strict=True))

    def bracket(
        self,
        config_of: Callable[[float], Config],
        rates: Sequence[float],
        label: str,
        score: Callable[[RunProtocol], float],
        largest: bool = False,
        seed: int = SWEEP_SEED,
        weights: Arrays | None = None,
    ) -> dict[str, float]:
        """Sweep rates, and then further ones as long as the best is at an end of them; scores by rate, in order.

        Args:
            rates: from the lowest to the highest, at least two; the first two and the last two say how far the next is.
            largest: whether the best score is the largest.
            weights: to start from, as far as they go.
        """
        return self.widened(
            lambda tried: self.sweep({rate: config_of(rate) for rate in tried}, label, score, seed, weights),
            rates,
            largest,
        )

    def widened(
        self, scores_of: Callable[[Sequence[float]], dict[str, float]], rates: Sequence[float], largest: bool = False
    ) -> dict[str, float]:
        """Scores of rates, and then of further ones as long as the best is at an end of them; by rate, in order.

        Args:
            scores_of: makes a run with each of some rates, and returns their scores, as ``sweep`` does.
            rates, largest: see ``bracket``.
        """
        scores = scores_of(rates)
        for _ in range(0 if self.quick else FURTHER):
            tried = sorted(map(float, scores))
            further = beyond(tried, tried.index(best_rate(scores, largest)))
            if further is None:
                break
            scores |= scores_of([further])
        return {rate: scores[rate] for rate in sorted(scores, key=float)}

    def on_engine(self, run: RunProtocol) -> Any:
        """A run's model on the engine, whichever side trained it."""
        if run.side == "numpy":
            return run.model
        engine = self.side("numpy")
        model = engine.build(run.config, run.seed)
        engine.load(model, self.side(run.side).state(run.model))
        return model

    def sample(
        self, model: Any, config: Config, prompt: str, options: Any, vocabularies: Mapping[str, str] | None = None
    ) -> str:
        """What an engine's model writes after a prompt, the prompt included."""

        def search(tokens: list[int], options: Any) -> Any:
            return self.side("numpy").search(model, config, tokens, options)

        written = self.part("inference").generate(search, config, prompt, options, dict(vocabularies or {}))
        return "".join(written)


def beyond(rates: Sequence[float], best: int) -> float | None:
    """The next rate past that end of a grid which is its best; nothing where the best is inside."""
    if best == 0:
        return float(f"{rates[0] ** 2 / rates[1]:.2g}")
    if best == len(rates) - 1:
        return float(f"{rates[-1] ** 2 / rates[-2]:.2g}")
    return None


def _run(side: str, seed: int, config: Config, model: Any, looks: list[Look], history: list[Metrics]) -> Run:
    losses = [loss for look in looks for loss in look.losses]
    seconds = sum(look.seconds for look in looks)
    return Run(side, seed, config, losses, {}, {}, history, seconds, count_parameters(model), model)


def _shown(metrics: Metrics) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
