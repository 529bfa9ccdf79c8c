"""``tinygrad-lab generate``: a trained model of either side writes.

What is searched for and how text becomes tokens is the paper's own affair (``papers/<slug>/inference.py``); here the
checkpoint is opened, the model built on the side that is asked for, and its pieces of text printed as they come.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lab import checkpoint
from tinygrad_lab.checkpoint import CheckpointError
from tinygrad_lab.lab import console, overrides, registry
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.sides import one_side
from tinygrad_lab.lab.training import CHECKPOINT, run_folder
from tinygrad_lab.paper import Paper

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
    if "training" in metadata:
        run = metadata["training"]
        weights = {name: array for name, array in tensors.items() if name not in run["slots"]}
    elif "torch" in metadata:
        run = metadata["torch"]
        weights = {name.removeprefix("model."): a for name, a in tensors.items() if name.startswith("model.")}
    else:
        raise CheckpointError(f"{path} holds weights, not a training run: there is no configuration in it")
    return weights, run["config"], run["position"]


def restore_config(paper: Paper, saved: dict[str, Any], path: Path) -> Any:
    """The configuration a checkpoint was trained with.

    Raises:
        CheckpointError: it is of another paper, or of another version of this one.
    """
    default = registry.configuration(paper)
    known = {field.name: getattr(default, field.name) for field in fields(default)}
    if set(saved) != set(known):
        odd = ", ".join(sorted(set(saved) ^ set(known)))
        raise CheckpointError(f"{path} is no run of this {paper.slug}: its configuration differs in {odd}")
    values = {name: tuple(v) if isinstance(known[name], tuple) else v for name, v in saved.items()}  # JSON has lists
    return type(default)(**values)


class Writer:
    """A trained model and the options to search or sample with.

    Args:
        side: "numpy" or "torch"; a checkpoint of either side serves both.
        path: the checkpoint.
        arguments: command line options that change the paper's ``OPTIONS``.

    Raises:
        UsageError: a paper whose models do not write, or a wrong option.
        CheckpointError: an unreadable checkpoint, or one that does not fit.
    """

    def __init__(self, paper: Paper, side: str, path: Path, arguments: Sequence[str]) -> None:
        if not registry.generates(paper):
            able = ", ".join(slug for slug, other in registry.discover().items() if registry.generates(other))
            raise UsageError(f"{paper.slug} has nothing to generate; papers that have: {able}")
        self.inference = registry.part(paper, "inference")
        self.options = overrides.apply(self.inference.OPTIONS, arguments)
        weights, saved, position = open_run(path)
        self.config = restore_config(paper, saved, path)
        self.vocabularies: dict[str, str] = position["vocabularies"]
        self.side = one_side(paper, side)
        self.model = self.side.build(self.config)
        try:
            self.side.load(self.model, weights)
        except (KeyError, ValueError, RuntimeError) as error:  # torch's mismatches are RuntimeErrors
            raise CheckpointError(f"{path} does not fit its own configuration: {error}") from error

    def prompts(self) -> list[str]:
        """What the paper shows where nothing is asked for."""
        return self.inference.prompts(self.config)

    def write(self, prompt: str, echo: bool) -> str:
        """All that the model writes for ``prompt``; printed piece by piece with ``echo``.

        Raises:
            UsageError: a prompt the model cannot take.
        """
        pieces = []
        try:
            for piece in self.inference.generate(self._search, self.config, prompt, self.options, self.vocabularies):
                pieces.append(piece)
                if echo:
                    console.stdout.print(piece, end="", markup=False, soft_wrap=True)
        except ValueError as error:
            raise UsageError(f"generate: {error}") from error
        if echo:
            console.stdout.print()
        return "".join(pieces)

    def _search(self, tokens: list[int], options: Any) -> Iterable[int]:
        return self.side.search(self.model, self.config, tokens, options)
