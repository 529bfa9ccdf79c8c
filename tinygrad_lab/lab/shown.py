"""The weights with which the stepper shows a paper: trained in seconds, kept beside the paper, made anew by a command.

    python -m tinygrad_lab.lab.shown [SLUG ...]      trains them and writes papers/<slug>/study/shown.safetensors

Every variant of a paper has its own, "variant/parameter" in the file.  They are trained in double precision, so that
another processor's rounding does not show in the half precision in which they are kept.
"""

import sys
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tinygrad_lab import checkpoint, places
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.sides import Arrays, NumpySide
from tinygrad_lab.paper import Paper
from tinygrad_lab.random import generator
from tinygrad_lab.shown import Item

TRAINED_IN, KEPT_IN = "float64", np.float16
SEED = 0


@dataclass(frozen=True)
class Shown:
    """A variant of a paper as it is shown."""

    config: Any
    item: Item
    weights: Arrays


def shown(paper: Paper, variant: str | None = None) -> Shown | None:
    """What the stepper shows of a variant; None of a paper that has nothing prepared."""
    if not registry.has_part(paper, "study.shown") or not path(paper).is_file():
        return None
    config = configuration(paper, variant)
    prefix = f"{variant or paper.default_variant}/"
    kept, _ = checkpoint.load(path(paper))
    weights = {n.removeprefix(prefix): a.astype(np.float32) for n, a in kept.items() if n.startswith(prefix)}
    return Shown(config, registry.part(paper, "study.shown").item(config), weights) if weights else None


def configuration(paper: Paper, variant: str | None) -> Any:
    """The configuration of a variant as it is shown."""
    return registry.part(paper, "study.shown").configuration(registry.configuration(paper, variant))


def path(paper: Paper) -> Path:
    """Where a paper's weights are kept."""
    return places.file(f"papers/{paper.slug}/study/shown.safetensors")


def trained(paper: Paper, variant: str | None = None) -> Arrays:
    """Train a variant and return its weights, in the precision in which they are kept."""
    part, config = registry.part(paper, "study.shown"), configuration(paper, variant)
    if not hasattr(part, "base"):
        state = _fit(paper, config, part.STEPS)
    else:  # what is adapted is trained first
        with TemporaryDirectory() as folder:
            file = f"{folder}/base.safetensors"
            checkpoint.save(file, _fit(paper, part.base(config), part.BASE_STEPS))
            state = _fit(paper, replace(config, base=file), part.STEPS)
    return {name: array.astype(KEPT_IN) for name, array in state.items()}


def _fit(paper: Paper, config: Any, steps: int) -> Arrays:
    side = NumpySide(paper)
    model = side.build(config, SEED, TRAINED_IN)
    optimizer, scheduler = side.optimizer(model, config, steps)
    batches = islice(registry.part(paper, "study.shown").batches(config, generator(SEED)), steps)
    losses = list(side.train(model, optimizer, scheduler, batches, TRAINED_IN))
    print(f"{paper.slug} {config.variant}: {losses[0]:.3f} -> {np.mean(losses[-20:]):.3f}", file=sys.stderr)
    return side.state(model)


def keep(slug: str, variant: str | None = None, folder: str | None = None) -> None:
    """Train a paper's variants, or one of them, and write their weights beside the paper or into another folder."""
    paper = registry.find(slug)
    if registry.has_part(paper, "study.shown"):
        variants = [variant] if variant else paper.variants
        states = {f"{v}/{name}": array for v in variants for name, array in trained(paper, v).items()}
        checkpoint.save(Path(folder) / path(paper).name if folder else path(paper), states)


if __name__ == "__main__":
    for each in sys.argv[1:] or registry.discover():
        keep(each)
