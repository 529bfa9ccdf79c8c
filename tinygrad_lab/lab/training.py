"""``tinygrad-lab train``: the paper's own loop, with a progress bar, checkpoints and resume.

What is saved is always the state between two steps, the losses of the epoch so far included.  So a run that was stopped
at whatever instant, and is taken up again, ends as if it had never been: same weights, same history, same schedule.
"""

import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from tinygrad_lab.checkpoint import CheckpointError
from tinygrad_lab.data import DataError
from tinygrad_lab.documents import brief
from tinygrad_lab.fit import Metrics, endless, fit
from tinygrad_lab.lab import console, registry
from tinygrad_lab.lab.allocator import keep_freed_memory
from tinygrad_lab.lab.errors import StoppedError, UsageError
from tinygrad_lab.lab.position import HOPELESS, Position, check_pace, place
from tinygrad_lab.lab.sides import one_side
from tinygrad_lab.paper import Paper
from tinygrad_lab.random import generator
from tinygrad_lab.stopping import Asked, StopRequest, kept_back

CHECKPOINT = "last.safetensors"
SAVE_EVERY = 60  # seconds between two checkpoints, unless told otherwise


class Training:
    """One run: where it stands, and how to go on.

    Args:
        paper: what is trained.
        side: "numpy" or "torch".
        config: its configuration.
        folder: of the checkpoint.
        size: what the configuration is called.
        save_every: seconds between two checkpoints; there is one after each epoch besides.
    """

    def __init__(
        self, paper: Paper, side: str, config: Any, folder: Path, size: str = "", save_every: int = SAVE_EVERY
    ) -> None:
        self.config = config
        self.path = folder / CHECKPOINT
        self.size = size
        self.side = one_side(paper, side)
        self.data = registry.part(paper, "data")
        self.vocabularies = self.data.vocabularies(config) if hasattr(self.data, "vocabularies") else {}
        self.batches = self.data.training_batches(config, generator(config.seed))
        self.steps = config.epochs * len(self.batches)
        self.model = self.side.build(config, config.seed)
        self.optimizer, self.scheduler = self.side.optimizer(self.model, config, self.steps)
        self.step = 0
        self.seconds = 0.0  # of all steps
        self.losses: list[float] = []  # of the epoch that has no entry in the history yet
        self.history: list[dict[str, float]] = []  # one entry for each epoch
        self._save_every = save_every
        self._saved, self._saved_step = time.monotonic(), 0
        self._asked = Asked()

    # ---- checkpoints ------------------------------------------------------------------------------------------------
    def save(self) -> None:
        """Write the checkpoint; the old one stays whole until the new one is.

        Raises:
            CheckpointError: it cannot be written.
            StoppedError: there is a weight that is no number.
        """
        self._check_weights()
        position = {
            "step": self.step,
            "seconds": self.seconds,
            "losses": self.losses,
            "history": self.history,
            "batches": self.batches.state(),
            "vocabularies": self.vocabularies,
            "side": self.side.name,
            "size": self.size,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.side.save(self.path, self.model, self.optimizer, self.scheduler, position, asdict(self.config))
        except CheckpointError as error:
            raise CheckpointError(f"{error}; {self._how_to_go_on()}") from error
        self._saved, self._saved_step = time.monotonic(), self.step

    def resume(self, saved: Any = None) -> None:
        """Go on from the checkpoint.

        Args:
            saved: the configuration that it was written with, if it had fewer epochs; the learning rate is then, from
                here on, that of a run which was to be so long from the beginning.

        Raises:
            UsageError: there is none, or it does not fit this configuration.
        """
        config = self.config if saved is None else saved
        position = self._read_position(config)
        self.batches.restore(place(self.batches, position.step))
        self.step, self.seconds = position.step, position.seconds
        self.losses, self.history = position.losses, position.history
        self._saved_step = self.step
        if config != self.config:
            self._reschedule()

    def _read_position(self, config: Any) -> Position:
        """Load the checkpoint, if every part of it is of one run with this configuration."""
        found: list[Position] = []

        def check(position: Any, optimizer: Mapping[str, Any], scheduler: Mapping[str, Any]) -> None:
            found.append(Position.of(position, self.steps, self.batches))
            saved = {"optimizer": optimizer, "scheduler": scheduler}
            own = self._schedule_after(found[-1].step, config)
            check_pace(found[-1].step, saved, {name: part.state_dict() for name, part in own.items()})

        try:
            self.side.resume(self.path, self.model, self.optimizer, self.scheduler, asdict(config), check)
        except CheckpointError as error:
            raise UsageError(f"--resume: {error}") from error
        return found[-1]

    def _reschedule(self) -> None:
        """Put the schedule where it would be if the run had been this long from the beginning."""
        moved = self._schedule_after(self.step, self.config)
        self.scheduler.load_state_dict(moved["scheduler"].state_dict())
        for own, other in zip(self.optimizer.param_groups, moved["optimizer"].param_groups, strict=True):
            own["lr"] = other["lr"]

    def _schedule_after(self, step: int, config: Any) -> dict[str, Any]:
        """A new optimiser and schedule, which has made so many steps of a run with this configuration."""
        optimizer, scheduler = self.side.optimizer(self.model, config, config.epochs * len(self.batches))
        with warnings.catch_warnings(action="ignore"):  # torch misses the steps of the optimiser
            for _ in range(step):
                scheduler.step()
        return {"optimizer": optimizer, "scheduler": scheduler}

    # ---- running ------------------------------------------------------------------------------------
    def run(self) -> None:
        """Train to the end; a checkpoint after each epoch, now and then between, and where a signal has stopped it.

        Raises:
            StoppedError: by Ctrl-C or SIGTERM, between two steps or in an evaluation; or a loss was no number.
        """
        size, items = self.batches.batch_size, self.batches.items
        if size > items:
            console.stderr.print(f"a batch of {size:,} is more than there is: each has all {items:,} items")
        try:
            # NumPy would warn of every overflow, PyTorch of none: where they lead to, the run says by itself
            with warnings.catch_warnings(action="ignore", category=RuntimeWarning), kept_back() as self._asked:
                self._until_asked_to_stop()
        except KeyboardInterrupt:  # in the middle of something: nothing of that is kept
            raise StoppedError(f"stopped at once, after {self._place()}; {self._how_to_go_on()}", 130) from None

    def _until_asked_to_stop(self) -> None:
        if not self.path.exists():
            self.save()  # so that there is something to go on from, and what cannot be written is found out now
        try:
            with console.progress() as bar:
                self._train(bar)
        except StopRequest as request:
            self.save()
            raise StoppedError(f"stopped at {self._place()}; {self._how_to_go_on()}", request.code) from None

    def _train(self, bar: Progress) -> None:
        every = len(self.batches)
        if self.losses and self.step % every == 0:  # stopped when only the evaluation was missing
            self._finish_epoch(self._metrics())
        for look in fit(self._losses(bar), self.steps, every, self._metrics, self.step):
            self._finish_epoch(look.metrics)

    def _losses(self, bar: Progress) -> Iterator[float]:
        losses = self._until_overflow(
            self.side.train(self.model, self.optimizer, self.scheduler, endless(self.batches))
        )
        begin = time.perf_counter()
        for loss in console.ticking(losses, bar, "training", self.steps, self.step):
            self._count(loss, time.perf_counter() - begin)
            yield loss
            begin = time.perf_counter()

    def _until_overflow(self, losses: Iterator[float]) -> Iterator[float]:
        """Yield the same losses; a step that is longer than PyTorch's numbers go ends the run."""
        try:
            yield from losses
        except (RuntimeError, OverflowError) as error:
            if "overflow" not in str(error):
                raise
            raise self._failed(f"step {self.step + 1} of {self.steps} overflows") from error

    def _count(self, loss: float, seconds: float) -> None:
        """Count a step that was made; between two is the time to save, and to stop."""
        if not abs(loss) < HOPELESS:
            raise self._failed(f"the loss of step {self.step + 1} of {self.steps} is {loss:.3g}")
        self.step += 1
        self.seconds += max(0.0, seconds)  # a clock can be set back, and no file of ours may say so
        self.losses.append(loss)
        self._asked.look()
        if time.monotonic() - self._saved >= self._save_every:
            self.save()

    def _metrics(self) -> Metrics:
        """Evaluate; whoever stops that finds everything as it was before."""
        random_state = self.side.random_state()
        batches = self.data.evaluation_batches(self.config, "test")
        try:
            return self.side.evaluate(self.model, self._asked.between(batches))
        except StopRequest:
            self.side.restore_random_state(random_state)
            raise

    def _finish_epoch(self, metrics: Metrics) -> None:
        self.history.append({"training loss": sum(self.losses) / len(self.losses), **metrics})
        self.losses = []
        shown = "  ".join(f"{name} {value:.4f}" for name, value in self.history[-1].items())
        console.stderr.print(f"epoch {len(self.history)}/{self.config.epochs}  {shown}")
        self.save()

    # ---- words --------------------------------------------------------------------------------------
    def _check_weights(self) -> None:
        """A step can spoil the weights although its loss was a number: such a state is not worth keeping."""
        for name, value in self.model.state_dict().items():
            if not _finite(np.asarray(value)):
                raise self._failed(f"step {self.step} of {self.steps} has spoiled {name}")

    def _place(self) -> str:
        return f"step {self.step} of {self.steps}"

    def _failed(self, how: str) -> StoppedError:
        return StoppedError(
            f"{how}; {self.path} is of step {self._saved_step}, before that: "
            f"a learning rate below {self.config.learning_rate:g}, in another --out, may help",
            1,
        )

    def _how_to_go_on(self) -> str:
        return f"saved {self.path} at step {self._saved_step}: --resume goes on"


def _finite(array: np.ndarray) -> bool:
    with np.errstate(all="ignore"):
        return array.dtype.kind != "f" or bool(np.isfinite(array.sum()) or np.isfinite(array).all())


def run_folder(slug: str, config: Any, size: str, side: str) -> Path:
    """Where a run lives unless the user says otherwise."""
    return Path("runs") / f"{slug}-{config.variant}-{size}-{side}"


UNFIT = (ValueError, TypeError, RuntimeError, MemoryError, OverflowError, CheckpointError, DataError)
ROOM = ("vocab", "max_length", "max_positions")  # in the names of fields that data must find room in


def trainable(paper: Paper, variant: str | None, size: str) -> Any:
    """A configuration with at least the room for real data that ``small`` has: ``tiny`` was made for parity."""
    config, small = (registry.configuration(paper, variant, name) for name in (size, "small"))
    sizes = {name: value for name, value in asdict(config).items() if any(part in name for part in ROOM)}
    return replace(config, **{name: max(value, getattr(small, name)) for name, value in sizes.items()})


def start(
    paper: Paper,
    side: str,
    config: Any,
    folder: Path,
    resume: bool,
    size: str = "",
    save_every: int = SAVE_EVERY,
    saved: Any = None,
) -> Training:
    """Begin a new run, or take up the one in ``folder``; nothing saved is overwritten unasked.

    Args:
        resume: go on from the checkpoint, which was written with the configuration ``saved`` or this one.

    Raises:
        UsageError: an impossible configuration; a checkpoint in ``folder`` without ``resume``, or none with it.
    """
    path = folder / CHECKPOINT
    if path.exists() and not resume:
        raise UsageError(f"{path} exists: pass --resume to go on, or --out for another folder")
    keep_freed_memory()
    try:
        training = Training(paper, side, config, folder, size, save_every)
    except UNFIT as error:
        if resume:
            raise UsageError(f"--resume: {path}: its configuration makes no run: {brief(error)}") from error
        if not isinstance(error, ValueError):
            raise
        raise UsageError(f"{paper.slug}: {error}") from error
    if resume:
        training.resume(saved)
    return training


def report(training: Training) -> dict[str, Any]:
    """The final summary as JSON."""
    return {
        "side": training.side.name,
        "steps": training.step,
        "seconds": training.seconds,
        "checkpoint": str(training.path),
        "config": asdict(training.config),
        "history": training.history,
    }


def print_report(training: Training) -> None:
    """The final summary as a table."""
    last = training.history[-1] if training.history else {}
    rows = [("steps", f"{training.step:,}"), ("time", f"{training.seconds:.1f} s"), ("checkpoint", str(training.path))]
    rows += [(name, f"{value:.4f}") for name, value in last.items()]
    console.print_table(f"Trained on the {training.side.name} side", ("what", "value"), rows)
