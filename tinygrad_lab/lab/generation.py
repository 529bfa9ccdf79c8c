"""``tinygrad-lab generate``: a trained model of either side writes.

What is searched for and how text becomes tokens is the paper's own affair (``papers/<slug>/inference.py``); here the
checkpoint is opened, the model built on the side that is asked for, and its pieces of text printed as they come.
"""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lab import checkpoint
from tinygrad_lab.checkpoint import CheckpointError
from tinygrad_lab.documents import MOST, brief, document, shown
from tinygrad_lab.lab import console, overrides, registry
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.measuring.memory import resident_mb
from tinygrad_lab.lab.options import LARGEST_SEED
from tinygrad_lab.lab.sides import one_side
from tinygrad_lab.lab.training import CHECKPOINT, run_folder
from tinygrad_lab.paper import Paper
from tinygrad_lab.resuming import checked_training

Arrays = dict[str, np.ndarray]


def last_checkpoint(paper: Paper) -> Path:
    """Where ``tinygrad-lab train SLUG`` left the default variant, trained on either side.

    Raises:
        UsageError: there is none.
    """
    config = registry.configuration(paper, size="small")
    for side in ("numpy", "torch"):
        path = run_folder(paper.slug, config, "small", side) / CHECKPOINT
        if path.exists():
            return path
    raise UsageError(
        f"no trained {paper.slug} in runs/: run tinygrad-lab train {paper.slug} first, or pass --checkpoint"
    )


def open_run(path: Path) -> tuple[Arrays, dict[str, Any], dict[str, Any]]:
    """(weights, fields of the configuration, position) of a training checkpoint of either side.

    Raises:
        CheckpointError: the file cannot be read, or holds no training run.
    """
    tensors, metadata = checkpoint.load(path)
    try:
        if "training" in metadata:
            run = checked_training(metadata["training"])
            weights = {name: array for name, array in tensors.items() if name not in run["slots"]}
        elif "torch" in metadata:
            run = dict(document(metadata["torch"], "torch").fields)
            weights = {name.removeprefix("model."): a for name, a in tensors.items() if name.startswith("model.")}
        else:
            raise CheckpointError(f"{path} holds weights, not a training run: there is no configuration in it")
        about = document(run, "the training run")
        return weights, dict(about.section("config").fields), dict(about.section("position").fields)
    except ValueError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error


def restore_config(paper: Paper, saved: dict[str, Any], path: Path) -> Any:
    """The configuration a checkpoint was trained with.

    Raises:
        CheckpointError: it is of another paper, or of another version of this one.
    """
    default = registry.configuration(paper)
    known = {field.name: getattr(default, field.name) for field in fields(default)}
    if set(saved) != set(known):
        odd = ", ".join(shown(name) for name in sorted(set(saved) ^ set(known))[:5])
        raise CheckpointError(f"{path} is no run of this {paper.slug}: its configuration differs in {odd}")
    values = {name: tuple(v) if isinstance(v, list) else v for name, v in saved.items()}  # JSON has no tuples
    try:
        if values["variant"] not in [*paper.variants]:
            raise ValueError(f"variant must be one of {', '.join(paper.variants)}, got {shown(values['variant'])}")
        for name, value in values.items():
            _check_kind(name, value, known[name])
            if isinstance(value, int) and isinstance(known[name], float):
                values[name] = float(value)
        return type(default)(**values)
    except ValueError as error:
        raise CheckpointError(f"{path}: its configuration cannot be taken: {brief(error)}") from error


def _check_kind(name: str, value: Any, default: Any) -> None:
    """Raise ValueError unless a field is of the kind that it has by default."""
    numbers = (int, float) if isinstance(default, float) else (type(default),)
    if type(value) not in numbers:
        raise ValueError(f"{name} must be like {default!r}, got {shown(value)}")
    if isinstance(value, tuple):
        for item in value:
            _check_kind(name, item, default[0] if default else 0)
    most = LARGEST_SEED if name == "seed" else MOST
    if isinstance(value, int) and abs(value) > most:
        raise ValueError(f"{name} must be at most {most:,}, got {shown(value)}")
    if name == "seed" and value < 0:
        raise ValueError(f"seed must be from 0 up, got {value}")
    if isinstance(default, float) and not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")


@dataclass(frozen=True)
class Source:
    """A trained model that has not been given to a side yet.

    Attributes:
        name: where it comes from, for messages.
        tensors: its parameters, whole, or one at a time if they are too many to be in memory twice.
        prompts: what to show where nothing is asked for.
    """

    name: str
    config: Any
    vocabularies: dict[str, str]
    tensors: Arrays | Iterator[tuple[str, np.ndarray]]
    prompts: list[str]


def from_checkpoint(paper: Paper, path: Path | None) -> Source:
    """A training run's file, or without a path the last one's.

    Raises:
        UsageError: a paper whose models do not write, or no last run.
        CheckpointError: an unreadable checkpoint, or one of another paper.
    """
    writes = inference(paper)
    path = path or last_checkpoint(paper)
    weights, saved, position = open_run(path)
    config = restore_config(paper, saved, path)
    vocabularies = document(position, f"{path}: position").section("vocabularies")
    texts = {name: vocabularies.text(name) for name in vocabularies.fields}
    return Source(str(path), config, texts, weights, writes.prompts(config))


def from_weights(paper: Paper, name: str) -> Source:
    """A published model, as the paper's ``pretrained`` module knows it: by name or by path.

    Raises:
        UsageError: a paper without such a module, an unknown name, a broken file, a missing package.
    """
    inference(paper)
    if not registry.has_part(paper, "weights.pretrained"):
        raise UsageError(f"{paper.slug} knows no published weights")
    module = registry.part(paper, "weights.pretrained")
    try:
        published = module.pretrained(name)
    except (ValueError, ImportError) as error:
        raise UsageError(f"--weights: {error}") from error
    return Source(name, published.config, published.vocabularies, published.tensors, module.PROMPTS)


def inference(paper: Paper) -> Any:
    """The paper's module that writes.

    Raises:
        UsageError: it has none.
    """
    if not registry.generates(paper):
        able = ", ".join(slug for slug, other in registry.discover().items() if registry.generates(other))
        raise UsageError(f"{paper.slug} has nothing to generate; papers that have: {able}")
    return registry.part(paper, "inference")


class Writer:
    """A trained model and the options to search or sample with.

    Args:
        side: "numpy" or "torch"; a model of either side serves both.
        source: the model.
        arguments: command line options that change the paper's ``OPTIONS``.

    Raises:
        UsageError: a wrong option, or published weights that do not fit together.
        CheckpointError: a checkpoint whose tensors do not fit its configuration.
    """

    def __init__(self, paper: Paper, side: str, source: Source, arguments: Sequence[str]) -> None:
        self.inference = inference(paper)
        self.options = overrides.apply(self.inference.OPTIONS, arguments)
        self.source, self.pace = source, Pace()
        self.side = one_side(paper, side)
        self.model = self.side.build(source.config)
        self._load()

    def _load(self) -> None:
        """Put the tensors into the model's own memory."""
        tensors, name = self.source.tensors, self.source.name
        try:
            if isinstance(tensors, dict):
                self.side.load(self.model, tensors)
            else:
                for key, array in tensors:
                    self.side.load(self.model, {key: array}, strict=False)
        except (KeyError, ValueError, RuntimeError) as error:  # torch's mismatches are RuntimeErrors
            if isinstance(tensors, dict):
                raise CheckpointError(f"{name} does not fit its own configuration: {error}") from error
            raise UsageError(f"--weights {name}: {error}") from error

    def check(self, prompts: Iterable[str]) -> None:
        """See to it that all of them can be taken, before the first is.

        Raises:
            UsageError: a prompt the model cannot take.
        """
        source = self.source
        try:
            for prompt in prompts:
                for _ in self.inference.generate(self._taken, source.config, prompt, self.options, source.vocabularies):
                    pass
        except ValueError as error:
            raise UsageError(f"generate: {error}") from error

    def _taken(self, tokens: list[int], _options: Any) -> Iterable[int]:
        """Check tokens in the place of a search: nothing is written, and no time spent."""
        if not tokens:
            raise ValueError("the prompt must have at least one token, got none")
        if hasattr(self.inference, "check"):
            self.inference.check(tokens, self.source.config)
        return iter(())

    def write(self, prompt: str, echo: bool) -> str:
        """All that the model writes for ``prompt``; printed piece by piece with ``echo``.

        Raises:
            UsageError: a prompt the model cannot take.
        """
        pieces = []
        config, vocabularies = self.source.config, self.source.vocabularies
        try:
            for piece in self.inference.generate(self._search, config, prompt, self.options, vocabularies):
                pieces.append(piece)
                if echo:
                    console.stdout.print(piece, end="", markup=False, soft_wrap=True)
        except ValueError as error:
            raise UsageError(f"generate: {error}") from error
        if echo:
            console.stdout.print()
        return "".join(pieces)

    def _search(self, tokens: list[int], options: Any) -> Iterable[int]:
        return self.pace.watched(len(tokens), self.side.search(self.model, self.source.config, tokens, options))


class Pace:
    """How fast tokens come: the first of a text, for which the prompt has to be read, and those after it."""

    def __init__(self) -> None:
        self.read = self.first = self.later = 0
        self.first_seconds = self.later_seconds = 0.0

    def watched(self, read: int, tokens: Iterable[int]) -> Iterator[int]:
        """Yield the same tokens, timed; what happens between two of them elsewhere does not count."""
        self.read += read
        stream, number = iter(tokens), 0
        while True:
            start = time.perf_counter()
            token = next(stream, None)
            seconds = time.perf_counter() - start
            if token is None:
                return
            if number == 0:
                self.first, self.first_seconds = self.first + 1, self.first_seconds + seconds
            else:
                self.later, self.later_seconds = self.later + 1, self.later_seconds + seconds
            number += 1
            yield token

    def as_json(self) -> dict[str, float | int]:
        """Tokens read and written, seconds to the first, tokens per second after it, megabytes at the most."""
        return {
            "read": self.read,
            "written": self.first + self.later,
            "first_seconds": self.first_seconds / max(1, self.first),
            "tokens_per_second": self.later / self.later_seconds if self.later else 0.0,
            "peak_mb": resident_mb(peak=True),
        }

    def print(self) -> None:
        """Print the same as a line on stderr."""
        numbers = self.as_json()
        console.stderr.print(
            f"{numbers['read']} tokens read, {numbers['written']} written: "
            f"the first after {numbers['first_seconds']:.2f} s, "
            f"then {numbers['tokens_per_second']:.1f} a second; peak memory {numbers['peak_mb']:,.0f} MB",
            soft_wrap=True,
        )
