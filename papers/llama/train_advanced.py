"""Training LLaMA on the engine when it takes long: what ``train.py`` leaves out, and no more.

Gradient accumulation, activation checkpointing, evaluation on the way, the best and the last checkpoint, and a resume
that equals the run that was never stopped.

    python -m papers.llama.train_advanced --out FOLDER --accumulate 2

Several processes, mixed precision and compilation are for the other side: ``reference/llama/train_advanced.py``.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from papers.llama import data
from papers.llama.config import VARIANTS, LlamaConfig
from papers.llama.model import Llama, build, loss
from papers.llama.train import configure_optimizer, evaluate
from tinygrad_lab import nn
from tinygrad_lab.arguments import Parser, add_configuration, add_fields, configuration, given
from tinygrad_lab.checkpoint import CheckpointError, load_training, save_training
from tinygrad_lab.data.batches import as_tensors
from tinygrad_lab.fit import endless, fit
from tinygrad_lab.random import generator

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

    def __post_init__(self) -> None:
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
        self._stream = endless(self.batches)

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
        return evaluate(self.model, as_tensors(data.evaluation_batches(self.config, "test")))

    def go_on(self, folder: Path) -> None:
        """Train to the end; now and then evaluate, and write the last checkpoint and, if it is, the best."""
        every = self.recipe.evaluate_every
        for look in fit(self._steps(), self.steps, every, self.evaluate, self.step):
            self.history.append({"step": look.step, "training loss": look.losses[-1], **look.metrics})
            better = look.metrics["loss"] < self.best
            self.best = min(self.best, look.metrics["loss"])
            self.save(folder, (LAST, BEST) if better else (LAST,))
            report(self.history[-1])

    def _steps(self) -> Iterator[float]:
        while True:
            self.losses.append(self.train_step())
            yield self.losses[-1]

    def save(self, folder: Path, names: Sequence[str]) -> None:
        """Write everything that going on takes."""
        position = {
            "step": self.step, "best": self.best, "losses": self.losses, "history": self.history,
            "batches": self.batches.state(), "vocabularies": data.vocabularies(self.config), "text": self._checksum(),
        }  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            save_training(
                folder / name, self.model, self.optimizer, self.scheduler, {}, position, asdict(self.config)
            )  # fmt: skip

    def resume(self, folder: Path) -> None:
        """Stand where the last checkpoint was written.

        Raises:
            CheckpointError: there is none, or it is of another configuration or another text.
        """
        position = load_training(
            folder / LAST, self.model, self.optimizer, self.scheduler, {}, asdict(self.config)
        )  # fmt: skip
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
    parser = Parser(prog="papers.llama.train_advanced", description="Train LLaMA on the engine.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoints")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    add_configuration(parser, VARIANTS)
    add_fields(parser, Recipe)
    return parser.parse(arguments)


def start(options: argparse.Namespace) -> Run:
    """A new run, or the one in ``--out`` taken up again; what is there is not overwritten unasked.

    Raises:
        ValueError: options that make no sense; a checkpoint that must not be overwritten.
        CheckpointError: a checkpoint that cannot be read or is of another configuration.
    """
    run = Run(configuration(options, VARIANTS), Recipe(**given(options, Recipe)))
    if options.resume:
        run.resume(options.out)
    elif (options.out / LAST).exists():
        raise ValueError(f"{options.out / LAST} exists: pass --resume to go on, or another --out")
    return run


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        run = start(options)
    except (ValueError, CheckpointError) as error:
        raise SystemExit(f"train_advanced: {error}") from error
    run.go_on(options.out)


if __name__ == "__main__":
    main()
