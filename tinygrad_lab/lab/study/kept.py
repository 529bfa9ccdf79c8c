"""Finished runs of a study, kept until all of it is done: a command that was stopped goes on where it was."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np

from tinygrad_lab import checkpoint, files
from tinygrad_lab.study import Arrays, Record, Settings

FOLDER = "kept"  # below the study's results
ROOT = Path(__file__).parents[3]


class Kept:
    """The folder of kept runs: one file each, written whole or not at all, with its losses and its trained weights.

    A run is found again by all that it depends on, the sources included: after a change nothing old is taken for new.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER

    def path(self, slug: str, config: Settings, about: Record, weights: Mapping[str, np.ndarray]) -> Path:
        """The file of a run: of a paper, of that configuration, and of everything else that is asked of it."""
        asked = [slug, sources(), asdict(config), about, {name: _digest(value) for name, value in weights.items()}]
        text = json.dumps(asked, default=str, sort_keys=True)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:20]}.safetensors"

    def write(self, path: Path, state: Arrays, record: Record) -> None:
        """Keep a run.

        Args:
            path: where ``path`` says.
            state: of the trained model.
            record: anything that JSON can hold.
        """
        checkpoint.save(_made(path.parent) / path.name, state, record)

    def read(self, path: Path) -> tuple[Arrays, Record] | None:
        """A run that was kept, or nothing where it was not, or is damaged."""
        if not path.exists():
            return None
        try:
            return checkpoint.load(path)
        except checkpoint.CheckpointError:
            return None

    def last_log(self, place: Path) -> str:
        """The log of the last study that was finished, which is kept too, as a new one is begun in its place."""
        copy = self.folder / "log.txt"
        if not copy.exists() and place.exists():
            files.write(_made(self.folder) / copy.name, place.read_text(encoding="utf-8"))
        return copy.read_text(encoding="utf-8") if copy.exists() else ""

    def clear(self) -> None:
        """Forget all runs: the study is done."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


@cache
def sources() -> str:
    """A digest of everything that a run's numbers depend on: the engine, the papers and their PyTorch sides."""
    found = hashlib.sha256()
    for package in ("tinygrad_lab", "papers", "reference"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name not in ("verdicts.py", "figures.py"):
                found.update(path.read_bytes())
    return found.hexdigest()
