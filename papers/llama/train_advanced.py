"""Training LLaMA on the engine when it takes long: what ``train.py`` leaves out, and no more.

Gradient accumulation, activation checkpointing, evaluation on the way, the best and the last checkpoint, and a resume
that equals the run that was never stopped.

    python -m papers.llama.train_advanced --out FOLDER --accumulate 2
    python -m papers.llama.train_advanced --out FOLDER --resume

Ctrl-C and SIGTERM stop between two steps, a second Ctrl-C at once; the run can be gone on with in either case.

Several processes, mixed precision and compilation are for the other side: ``reference/llama/train_advanced.py``.
"""

import argparse
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lab import nn
from tinygrad_lab.arguments import Parser, add_configuration, add_fields, configuration, given
from tinygrad_lab.checkpoint import CheckpointError, load, load_training, save_training
from tinygrad_lab.data.batches import as_tensors
from tinygrad_lab.files import InUseError, alone
from tinygrad_lab.fit import endless
from tinygrad_lab.random import generator
from tinygrad_lab.stopping import Asked, StopRequest, kept_back

from . import data
from .config import VARIANTS, LlamaConfig
from .model import Llama, build, loss
from .train import configure_optimizer, evaluate

LAST, BEST = "last.safetensors", "best.safetensors"


@dataclass(frozen=True)
class Recipe:
    """What can be changed without changing the model, its data or (but for rounding) its losses.

    Raises:
        ValueError: a number below 1.
    """

    accumulate: int = 1  # parts into which a batch is cut, one after the other in memory
    recompute: bool = False  # activation checkpointing: the inside of a block is computed again in the backward pass
    evaluate_every: int = 250  # steps between evaluations, each with a checkpoint
    save_every: int = 60  # seconds between checkpoints besides

    def __post_init__(self) -> None:
        if self.save_every < 0:
            raise ValueError(f"save_every must be at least 0, got {self.save_every}")
        for name in ("accumulate", "evaluate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


def recompute_blocks(model: Llama) -> None:
    """Keep what goes into each block, and not what happens in it."""
    for block in model.model.layers:
        block.forward = partial(nn.utils.recompute, block.forward)  # type: ignore[method-assign]


class Run:
    """A training run: where it stands, and how to go on.

    Args:
        config: the model and its recipe of train.py.
        recipe: the rest.

    Raises:
        ValueError: a batch that cannot be cut into equal parts.
    """

    def __init__(self, config: LlamaConfig, recipe: Recipe) -> None:
        if config.batch_size % recipe.accumulate:
            raise ValueError(f"batch_size must be a multiple of {recipe.accumulate} parts, got {config.batch_size}")
        self.config, self.recipe = config, recipe
        self.batches = data.training_batches(config, generator(config.seed))
        self.steps = config.epochs * len(self.batches)
        self.model = build(config, generator(config.seed))
        if recipe.recompute:
            recompute_blocks(self.model)
        self.optimizer, self.scheduler = configure_optimizer(self.model, config, self.steps)
        self.step = 0
        self.losses: list[float] = []  # of every step
        self.history: list[dict[str, Any]] = []  # of every evaluation
        self.best = float("inf")
        self.size = ""  # what the configuration is called
        self._stream = endless(self.batches)
        self._saved = time.monotonic()
        self._asked = Asked()

    def train_step(self) -> float:
        """One step on the whole batch, in parts; its loss."""
        self.model.train()
        self.optimizer.zero_grad()
        total = 0.0
        for part in as_tensors(cut(next(self._stream), self.recipe.accumulate)):
            value = loss(self.model, part)
            value.backward()
            total += value.item()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        self.scheduler.step()
        self.step += 1
        return total

    def evaluate(self) -> dict[str, float]:
        """On all of the held-out text."""
        batches = self._asked.between(data.evaluation_batches(self.config, "test"))
        return evaluate(self.model, as_tensors(batches))

    def go_on(self, folder: Path) -> None:
        """Train to the end; now and then evaluate, and write the last checkpoint and, if it is, the best.

        Raises:
            StopRequest: Ctrl-C or SIGTERM; everything is saved.
            FloatingPointError: a loss or a weight is no number; the last good checkpoint is there.
        """
        if not (folder / LAST).exists():
            self.save(folder, (LAST,))
        with kept_back() as self._asked:
            try:
                self._train(folder)
            except StopRequest:
                self.save(folder, (LAST,))
                raise

    def _train(self, folder: Path) -> None:
        while not self._finished():
            if self._to_be_evaluated():
                self._evaluate(folder)
                continue
            value = self.train_step()
            if not math.isfinite(value):
                raise FloatingPointError(f"the loss of step {self.step} of {self.steps} is {value}")
            self.losses.append(value)
            self._asked.look()
            if time.monotonic() - self._saved >= self.recipe.save_every:
                self.save(folder, (LAST,))

    def _finished(self) -> bool:
        return self.step == self.steps and not self._to_be_evaluated()

    def _to_be_evaluated(self) -> bool:
        seen = self.history[-1]["step"] if self.history else 0
        return self.step != seen and (self.step % self.recipe.evaluate_every == 0 or self.step == self.steps)

    def _evaluate(self, folder: Path) -> None:
        metrics = self.evaluate()
        self.history.append({"step": self.step, "training loss": self.losses[-1], **metrics})
        better = metrics["loss"] < self.best
        self.best = min(self.best, metrics["loss"])
        self.save(folder, (BEST, LAST) if better else (LAST,))  # after a kill between the two, both come again
        report(self.history[-1])

    def save(self, folder: Path, names: Sequence[str]) -> None:
        """Write everything that going on takes.

        Raises:
            CheckpointError: it cannot be written.
            FloatingPointError: a weight is no number.
        """
        for name, value in self.model.state_dict().items():
            if not np.isfinite(value).all():
                raise FloatingPointError(f"step {self.step} of {self.steps} has spoiled {name}")
        position = {
            "step": self.step, "best": self.best, "losses": self.losses, "history": self.history,
            "recipe": asdict(self.recipe), "size": self.size,
            "batches": self.batches.state(), "vocabularies": data.vocabularies(self.config), "text": self._checksum(),
        }  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            save_training(
                folder / name, self.model, self.optimizer, self.scheduler, {}, position, asdict(self.config)
            )  # fmt: skip
        self._saved = time.monotonic()

    def resume(self, folder: Path, epochs: int = 0) -> None:
        """Stand where the last checkpoint was written.

        Args:
            folder: of the checkpoint.
            epochs: of the run that wrote it, if they were fewer; the learning rate is from here on that of a run which
                had as many from the beginning as this one.

        Raises:
            CheckpointError: there is none, or it is of another configuration or another text.
        """
        longer = 0 < epochs < self.config.epochs
        saved = asdict(replace(self.config, epochs=epochs) if longer else self.config)
        position = load_training(folder / LAST, self.model, self.optimizer, self.scheduler, {}, saved)
        if position["text"] != self._checksum():
            raise CheckpointError(f"{folder / LAST} is of another text than {self.config.dataset!r} is here")
        self.batches.restore(position["batches"])
        self._stream = endless(self.batches)
        self.step, self.best, self.losses, self.history = (position[k] for k in ("step", "best", "losses", "history"))

    def _checksum(self) -> str:
        return data.dataset(self.config, "train").checksum


def cut(batch: dict[str, Any], parts: int) -> Iterator[dict[str, Any]]:
    """The parts of a batch; each carries the count of the whole, so that their losses add up."""
    for part in range(parts):
        yield {n: value[part::parts] if isinstance(value, np.ndarray) else value for n, value in batch.items()}


def report(entry: dict[str, Any]) -> None:
    """One line on stdout."""
    print("  ".join(f"{name} {value:.4f}" if name != "step" else f"step {value}" for name, value in entry.items()))


# ---- the command line ------------------------------------------------------------------------------------------------


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Options for every field of the configuration and of the recipe."""
    parser = Parser(prog=f"{__package__}.train_advanced", description="Train LLaMA on the engine.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoints")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    add_configuration(parser, VARIANTS)
    parser.set_defaults(variant=None, size=None)  # so that it is known what was asked for
    add_fields(parser, Recipe)
    return parser.parse(arguments)


def start(options: argparse.Namespace) -> Run:
    """A new run, or the one in ``--out`` taken up again; what is there is not overwritten unasked.

    Raises:
        ValueError: options that make no sense; a checkpoint that must not be overwritten.
        CheckpointError: a checkpoint that cannot be read or is of another configuration.
    """
    if options.resume:
        return _taken_up(options)
    options.variant, options.size = options.variant or next(iter(VARIANTS)), options.size or "small"
    run = Run(configuration(options, VARIANTS), Recipe(**given(options, Recipe)))
    if (options.out / LAST).exists():
        raise ValueError(f"{options.out / LAST} exists: pass --resume to go on, or another --out")
    run.size = options.size
    return run


def _taken_up(options: argparse.Namespace) -> Run:
    """What is not asked for is as it was; what is asked for must be, but for the recipe and for more epochs."""
    path = options.out / LAST
    try:
        training = load(path)[1]["training"]
        fields: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in training["config"].items()}
        saved, position = LlamaConfig(**fields), training["position"]
        recipe = replace(Recipe(**position["recipe"]), **given(options, Recipe))
        size = position["size"]
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is no run of this version: {error}") from error
    for name, asked, was in (("variant", options.variant, saved.variant), ("size", options.size, size)):
        if asked not in (None, was):
            raise ValueError(f"{path} is of another configuration: {name} was {was!r}, is {asked!r}")
    run = Run(replace(saved, **given(options, LlamaConfig)), recipe)
    run.resume(options.out, saved.epochs)
    run.size = size
    return run


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        with alone(options.out):
            start(options).go_on(options.out)
    except (ValueError, CheckpointError, InUseError, OSError) as error:
        raise SystemExit(f"train_advanced: {error}") from error
    except FloatingPointError as error:
        raise SystemExit(f"train_advanced: {error}; {options.out / LAST} is of before that") from error
    except (StopRequest, KeyboardInterrupt) as request:
        print(f"train_advanced: stopped; --out {options.out} --resume goes on", file=sys.stderr)
        raise SystemExit(getattr(request, "code", 130)) from None


if __name__ == "__main__":
    main()
