"""Training LLaMA in PyTorch when it takes long: what ``train.py`` leaves out, and no more.

Gradient accumulation, activation checkpointing, mixed precision, torch.compile, several processes, evaluation on the
way, the best and the last checkpoint, and a resume that equals the run that was never stopped.

    python -m reference.llama.train_advanced --text FILE --out FOLDER
    torchrun --nproc-per-node 2 -m reference.llama.train_advanced --text FILE --out FOLDER --parallel fsdp
    python -m reference.llama.train_advanced --out FOLDER --resume

Ctrl-C and SIGTERM stop between two steps, a second Ctrl-C at once; the run can be gone on with in either case.
A batch does not depend on who works on it: two processes make the same steps as one that accumulates two parts.
"""

import argparse
import hashlib
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from ..arguments import add_attributes, attributes, change
from . import parallel, saving
from .config import SIZES, LlamaBatch, LongRun, long_run
from .data import Tokens, evaluation_batches, read_text, tokenise, training_batch
from .model import Llama, build, loss
from .stopping import Asked, InUseError, StopRequest, alone, kept_back
from .train import configure_optimizer, evaluate

LAST, BEST = "last.safetensors", "best.safetensors"
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Recipe:
    """What can be changed without changing the model, its data or (but for rounding) its losses.

    Raises:
        ValueError: an unknown precision or kind of parallelism, or a number below 1.
    """

    accumulate: int = 1  # parts into which every process cuts its share of a batch, one after the other in memory
    recompute: bool = False  # activation checkpointing: the inside of a block is computed again in the backward pass
    evaluate_every: int = 250  # steps between evaluations, each with a checkpoint
    save_every: int = 60  # seconds between checkpoints besides
    precision: str = "float32"  # of the products in forward and backward; weights and moments are float32 in any case
    compile: str = ""  # a backend of torch.compile, "inductor" say; nothing for eager mode
    parallel: str = "ddp"  # of several processes; or "fsdp"

    def __post_init__(self) -> None:
        if self.save_every < 0:
            raise ValueError(f"save_every must be at least 0, got {self.save_every}")
        for name, known in (("precision", PRECISIONS), ("parallel", parallel.KINDS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        for name in ("accumulate", "evaluate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


def recompute_blocks(model: Llama) -> None:
    """Keep what goes into each block, and not what happens in it."""
    for block in model.model.layers:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)


class Run:
    """A training run: where it stands, and how to go on.

    Args:
        config: the model and its recipe of train.py.
        recipe: the rest.
        tokens: of the text.
        device: of this process.
    """

    def __init__(self, config: LongRun, recipe: Recipe, tokens: Tokens, device: torch.device) -> None:
        self.config, self.recipe, self.tokens, self.device = config, recipe, tokens, device
        self.steps = config.epochs * -(-config.windows // config.batch_size)
        torch.manual_seed(config.seed)
        model = build(config)
        if recipe.recompute:
            recompute_blocks(model)
        if recipe.precision == "bfloat16":
            model.register_forward_hook(lambda _model, _args, logits: logits.float())  # the loss is not rounded
        if recipe.compile:
            model.compile(backend=recipe.compile)
        self.model = parallel.share(model, list(model.model.layers), recipe.parallel, device)
        self.optimizer, self.scheduler = configure_optimizer(self.model, config, self.steps)  # type: ignore[arg-type]
        self.step = 0
        self.losses: list[float] = []  # of every step
        self.history: list[dict[str, Any]] = []  # of every evaluation
        self.best = float("inf")
        self.origin: dict[str, Any] = {}  # what else the command line was given
        self._saved = time.monotonic()
        self._asked = Asked()

    def train_step(self) -> float:
        """One step on the whole batch, in parts; its loss."""
        self.model.train()
        self.optimizer.zero_grad()
        parts, total = self.recipe.accumulate, torch.zeros((), device=self.device)
        for part in range(parts):
            batch = self._part(part * parallel.ranks() + parallel.rank(), parts * parallel.ranks())
            with parallel.exchange(self.model, now=part == parts - 1):
                with self._autocast():
                    value = loss(self.model, batch)  # type: ignore[arg-type]
                (value * parallel.ranks()).backward()  # processes average, and parts of one batch have to be added up
            total += value.detach()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimizer.step()
        self.scheduler.step()
        self.step += 1
        return parallel.summed(total)

    def evaluate(self) -> dict[str, float]:
        """On all of the held-out text; every process does all of it, so that all know the result."""
        batches = self._until_asked(evaluation_batches(self.tokens, self.config))
        with self._autocast():
            return evaluate(self.model, (self._on_device(batch) for batch in batches))  # type: ignore[arg-type]

    def go_on(self, folder: Path) -> None:
        """Train to the end; now and then evaluate, and write the last checkpoint and, if it is, the best.

        Raises:
            StopRequest: Ctrl-C or SIGTERM; everything is saved.
            FloatingPointError: a loss or a weight is no number; the last good checkpoint is there.
        """
        if parallel.largest(not (folder / LAST).exists()):
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
            self._look()
            if parallel.largest(time.monotonic() - self._saved >= self.recipe.save_every):
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

    def _look(self) -> None:
        """Stop if any of the processes was asked to: all of them then do, at the same place."""
        if code := parallel.largest(self._asked.code):
            raise StopRequest(code)

    def _until_asked(self, batches: Iterable[LlamaBatch]) -> Iterator[LlamaBatch]:
        for batch in batches:
            self._look()
            yield batch

    def save(self, folder: Path, names: Sequence[str]) -> None:
        """Write everything that going on takes, from the first process.

        Raises:
            OSError: it cannot be written.
            FloatingPointError: a weight is no number.
        """
        tensors, groups = saving.gather(self.model, self.optimizer)
        if spoiled := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
            raise FloatingPointError(f"step {self.step} of {self.steps} has spoiled {spoiled[0]}")
        if parallel.rank() == 0:
            about = {
                "config": self.identity(), "step": self.step, "best": self.best, "losses": self.losses,
                "history": self.history, "groups": groups, "scheduler": self.scheduler.state_dict(),
                "pieces": self.tokens.pieces, "recipe": asdict(self.recipe), "origin": self.origin,
            }  # fmt: skip
            folder.mkdir(parents=True, exist_ok=True)
            for name in names:
                saving.save(folder / name, tensors, about)
        self._saved = time.monotonic()

    def resume(self, folder: Path) -> None:
        """Stand where the last checkpoint was written.

        More epochs may be asked for than it was written with; the learning rate is then, from here on, that of a run
        which had so many from the beginning.

        Raises:
            ValueError: there is none, or it is of another configuration.
        """
        tensors, about = saving.load(folder / LAST)
        epochs = about["config"].get("epochs", 0)
        given = self.identity() | ({"epochs": epochs} if epochs < self.config.epochs else {})
        saving.check_same(folder / LAST, about["config"], given)
        saving.scatter(self.model, self.optimizer, tensors, about["groups"])
        self.scheduler.load_state_dict(about["scheduler"])
        self.step, self.best, self.losses, self.history = (about[k] for k in ("step", "best", "losses", "history"))

    def identity(self) -> dict[str, Any]:
        """What must be the same for a run to be the same one: the configuration, the text, the precision."""
        text = hashlib.sha256(self.tokens.train.numpy().tobytes()).hexdigest()
        return attributes(self.config) | {"text": text, "precision": self.recipe.precision}

    def _part(self, number: int, parts: int) -> LlamaBatch:
        return self._on_device(training_batch(self.tokens.train, self.config, self.step, number, parts))

    def _on_device(self, batch: LlamaBatch) -> LlamaBatch:
        return {**batch, "tokens": batch["tokens"].to(self.device), "target": batch["target"].to(self.device)}

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bfloat16")


def report(entry: dict[str, Any]) -> None:
    """One line on stdout, from the first process."""
    if parallel.rank() == 0:
        print("  ".join(f"{name} {value:.4f}" if name != "step" else f"step {value}" for name, value in entry.items()))


# ---- the command line ------------------------------------------------------------------------------------------------


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Options for every field of the configuration and of the recipe."""
    parser = argparse.ArgumentParser(prog=f"{__package__}.train_advanced", description="Train LLaMA in PyTorch.")
    parser.add_argument("--text", type=Path, help="a text file; without one, the configuration's data set")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoints")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in --out")
    parser.add_argument("--size", choices=SIZES)
    add_attributes(parser, LongRun())
    for field in fields(Recipe):
        flag = f"--{field.name.replace('_', '-')}"
        if isinstance(field.default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction)
        else:
            parser.add_argument(flag, type=type(field.default))
    return parser.parse_args(arguments)


def given(options: argparse.Namespace, of: type[Recipe]) -> dict[str, Any]:
    """The options that were given and are fields of ``of``."""
    values = {field.name: getattr(options, field.name) for field in fields(of)}
    return {name: value for name, value in values.items() if value is not None}


def start(options: argparse.Namespace, device: torch.device) -> Run:
    """A new run, or the one in ``--out`` taken up again; what is there is not overwritten unasked.

    Raises:
        ValueError: options that make no sense or do not fit the checkpoint; a checkpoint that must not be overwritten.
        OSError: the text cannot be read.
    """
    if options.resume:
        return _taken_up(options, device)
    origin = {"size": options.size or "small", "text": options.text and str(options.text.absolute())}
    config = long_run(options.variant or "llama", origin["size"])
    change(config, vars(options))
    run = Run(config, Recipe(**given(options, Recipe)), _read(config, options.text), device)
    if (options.out / LAST).exists():
        raise ValueError(f"{options.out / LAST} exists: pass --resume to go on, or another --out")
    run.origin = origin
    return run


def _taken_up(options: argparse.Namespace, device: torch.device) -> Run:
    """What is not asked for is as it was; what is asked for must be, but for the recipe and for more epochs."""
    path = options.out / LAST
    about = saving.read_about(path)
    try:
        origin, config = about["origin"], long_run(about["config"]["variant"], about["origin"]["size"])
        change(config, {**about["config"], **{name: v for name, v in vars(options).items() if v is not None}})
        recipe = replace(Recipe(**about["recipe"]), **given(options, Recipe))
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is no run of this version: {error}") from error
    if options.size not in (None, origin["size"]):
        raise ValueError(f"{path} is of another configuration: size was {origin['size']!r}, is {options.size!r}")
    run = Run(config, recipe, _read(config, options.text or (origin["text"] and Path(origin["text"]))), device)
    run.resume(options.out)
    run.origin = origin
    return run


def _read(config: LongRun, text: Path | None) -> Tokens:
    return tokenise(read_text(config.dataset, text), config)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        with parallel.processes() as device, alone(options.out) if parallel.rank() == 0 else nullcontext():
            start(options, device).go_on(options.out)
    except (ValueError, InUseError, OSError) as error:
        raise SystemExit(f"train_advanced: {error}") from error
    except FloatingPointError as error:
        raise SystemExit(f"train_advanced: {error}; {options.out / LAST} is of before that") from error
    except (StopRequest, KeyboardInterrupt) as request:
        if os.environ.get("RANK", "0") == "0":  # the processes have parted already
            print(f"train_advanced: stopped; --out {options.out} --resume goes on", file=sys.stderr)
        raise SystemExit(getattr(request, "code", 130)) from None


if __name__ == "__main__":
    main()
