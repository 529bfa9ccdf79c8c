"""What a short training of every paper comes to, as sums: ``python -m tests.lab.sums`` prints them as JSON."""

import hashlib
import importlib
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tinygrad_lab import places
from tinygrad_lab.fit import endless
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.training import Training, trainable

STEPS = 3
PAIRS = 24  # of dates, where 15,000 would take seconds to be read

Sums = dict[str, dict[str, str]]  # by "slug side", then by what was summed


def everything(folder: Path, resumed: bool = False) -> Sums:
    """The sums of all papers on both sides, and of the batches that the reference's own programs make.

    Args:
        folder: for checkpoints.
        resumed: after the first step each run is saved, and another one goes on from there.
    """
    cases = [(slug, side) for slug in registry.discover() for side in ("numpy", "torch")]
    trained = {f"{slug} {side}": _trained(folder / slug / side, slug, side, resumed) for slug, side in cases}
    return trained | {f"{slug} alone": _alone(slug) for slug in registry.discover()}


def _trained(folder: Path, slug: str, side: str, resumed: bool) -> dict[str, str]:
    run, batches = _run(folder, slug, side), []
    if resumed:
        batches += _train(run, 1)
        run.save()
        run = _run(folder, slug, side)
        run.resume()
    batches += _train(run, STEPS - run.step)
    parts = {"vocabularies": run.vocabularies, "losses": dict(enumerate(run.losses))}
    parts |= {"weights": run.side.state(run.model), "batches": dict(enumerate(batches))}
    return {name: _sum(part) for name, part in parts.items()}


def _run(folder: Path, slug: str, side: str) -> Training:
    return Training(registry.find(slug), side, _configuration(slug), folder)


def _configuration(slug: str) -> Any:
    config = trainable(registry.find(slug), None, "tiny")
    return replace(config, train_items=PAIRS) if hasattr(config, "train_items") else config


def _train(run: Training, steps: int) -> list[str]:
    """Make so many steps; returns the sums of their batches."""
    seen: list[str] = []

    def watched() -> Iterator[dict[str, Any]]:
        for batch in endless(run.batches):
            seen.append(_sum(batch))
            yield batch

    for loss in islice(run.side.train(run.model, run.optimizer, run.scheduler, watched()), steps):
        run.losses.append(loss)
        run.step += 1
    return seen


def _alone(slug: str) -> dict[str, str]:
    """The first batches of ``python -m reference.SLUG.train``, which has data of its own."""
    program = importlib.import_module(places.module("reference", f"{slug}.train"))
    config = _configuration(slug)
    torch.manual_seed(config.seed)
    text = [program.tokenise(program.topics(), config)] if hasattr(program, "tokenise") else []
    batches = islice(program.training_batches(*text, config), STEPS)
    return {"batches": _sum({str(number): _sum(batch) for number, batch in enumerate(batches)})}


def _sum(values: Mapping[Any, Any]) -> str:
    """A short checksum of names and values, to the bit."""
    found = hashlib.sha256()
    for name, value in values.items():
        array = np.asarray(value)
        found.update(f"{name} {array.dtype} {array.shape} ".encode())
        found.update(array.tobytes())
    return found.hexdigest()[:16]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        json.dump(everything(Path(folder)), sys.stdout)
