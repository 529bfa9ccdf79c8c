"""``tinygrad-lab train``: the paper's own loop, with a progress bar, checkpoints and resume."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.progress import Progress

from tinygrad_lab.checkpoint import CheckpointError
from tinygrad_lab.fit import Look, Metrics, endless, fit
from tinygrad_lab.lab import console, registry
from tinygrad_lab.lab.allocator import keep_freed_memory
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.sides import one_side
from tinygrad_lab.paper import Paper
from tinygrad_lab.random import generator

CHECKPOINT = "last.safetensors"


class Training:
    """One run: where it stands, and how to go on."""

    def __init__(self, paper: Paper, side: str, config: Any, folder: Path) -> None:
        self.config = config
        self.path = folder / CHECKPOINT
        self.side = one_side(paper, side)
        self.data = registry.part(paper, "data")
        self.vocabularies = self.data.vocabularies(config) if hasattr(self.data, "vocabularies") else {}
        self.batches = self.data.training_batches(config, generator(config.seed))
        self.steps = config.epochs * len(self.batches)
        self.model = self.side.build(config, config.seed)
        self.optimizer, self.scheduler = self.side.optimizer(self.model, config, self.steps)
        self.step = 0
        self.seconds = 0.0
        self.history: list[dict[str, float]] = []  # one entry for each epoch

    # ---- checkpoints ------------------------------------------------------------------------------------------------
    def save(self) -> None:
        """Write the checkpoint; the old one stays whole until the new one is."""
        position = {
            "step": self.step,
            "seconds": self.seconds,
            "history": self.history,
            "batches": self.batches.state(),
            "vocabularies": self.vocabularies,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.side.save(self.path, self.model, self.optimizer, self.scheduler, position, asdict(self.config))

    def resume(self) -> None:
        """Go on from the checkpoint.

        Raises:
            UsageError: there is none, or it does not fit this configuration.
        """
        try:
            position = self.side.resume(self.path, self.model, self.optimizer, self.scheduler, asdict(self.config))
        except CheckpointError as error:
            raise UsageError(f"--resume: {error}") from error
        self.batches.restore(position["batches"])
        self.step, self.seconds, self.history = position["step"], position["seconds"], position["history"]

    # ---- running ------------------------------------------------------------------------------------
    def run(self) -> None:
        """Train to the end; a checkpoint after each epoch, and at the step where Ctrl-C came."""
        try:
            with console.progress() as bar:
                for look in fit(self._losses(bar), self.steps, len(self.batches), self._metrics, self.step):
                    self._note(look)
                    self.save()
        except KeyboardInterrupt:
            self.save()
            raise UsageError(
                f"stopped at step {self.step} of {self.steps}; saved {self.path}: --resume goes on"
            ) from None

    def _losses(self, bar: Progress) -> Iterator[float]:
        losses = self.side.train(self.model, self.optimizer, self.scheduler, endless(self.batches))
        for loss in console.ticking(losses, bar, "training", self.steps, self.step):
            self.step += 1
            yield loss

    def _metrics(self) -> Metrics:
        return self.side.evaluate(self.model, self.data.evaluation_batches(self.config, "test"))

    def _note(self, look: Look) -> None:
        self.seconds += look.seconds
        self.history.append({"training loss": sum(look.losses) / len(look.losses), **look.metrics})
        shown = "  ".join(f"{name} {value:.4f}" for name, value in self.history[-1].items())
        console.stderr.print(f"epoch {len(self.history)}/{self.config.epochs}  {shown}")


def run_folder(slug: str, config: Any, size: str, side: str) -> Path:
    """Where a run lives unless the user says otherwise."""
    return Path("runs") / f"{slug}-{config.variant}-{size}-{side}"


def start(paper: Paper, side: str, config: Any, folder: Path, resume: bool) -> Training:
    """A new run, or the one in ``folder`` taken up again; nothing saved is overwritten unasked.

    Raises:
        UsageError: an impossible configuration; a checkpoint in ``folder`` without ``resume``, or none with it.
    """
    keep_freed_memory()
    try:
        training = Training(paper, side, config, folder)
    except ValueError as error:
        raise UsageError(f"{paper.slug}: {error}") from error
    if resume:
        training.resume()
    elif training.path.exists():
        raise UsageError(f"{training.path} exists: pass --resume to go on, or --out for another folder")
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
