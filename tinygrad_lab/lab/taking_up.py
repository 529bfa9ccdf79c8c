"""What ``tinygrad-lab train`` trains: a new run, or one that lies in a folder, which has its options too."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tinygrad_lab.checkpoint import CheckpointError
from tinygrad_lab.documents import document
from tinygrad_lab.files import InUseError, alone, try_folder
from tinygrad_lab.lab import overrides
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.generation import open_run, restore_config
from tinygrad_lab.lab.training import CHECKPOINT, Training, run_folder, start, trainable
from tinygrad_lab.paper import SIZES, Paper

SIDES = ("numpy", "torch")
SIDE, SIZE = "numpy", "small"  # unless told otherwise


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for; None is what it leaves open.

    Attributes:
        fields: options that are fields of the configuration, not parsed yet.
    """

    side: str | None
    variant: str | None
    size: str | None
    fields: Sequence[str]


@contextmanager
def taken_up(paper: Paper, wishes: Wishes, out: Path | None, resume: bool, save_every: int) -> Iterator[Training]:
    """The run to train, in a folder that no other process uses while the block lasts.

    Raises:
        UsageError: options that make no sense or are not those of the saved run; a folder in use, or not to be written
            into; a checkpoint that must not be overwritten, or none to go on from.
    """
    side, size = wishes.side or SIDE, wishes.size or SIZE
    config = trainable(paper, wishes.variant, size)
    folder = out or run_folder(paper.slug, config, size, side)
    if not resume:
        config = overrides.apply(config, wishes.fields)
    with _to_ourselves(folder):
        if resume:
            yield _gone_on(paper, wishes, folder, save_every)
        else:
            yield start(paper, side, config, folder, False, size, save_every)


@contextmanager
def _to_ourselves(folder: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            try_folder(folder)
            stack.enter_context(alone(folder))
        except InUseError as error:
            raise UsageError(f"--out: {error}") from error
        except OSError as error:
            raise UsageError(f"--out: cannot write into {folder}: {error.strerror}") from error
        yield


def _gone_on(paper: Paper, wishes: Wishes, folder: Path, save_every: int) -> Training:
    path = folder / CHECKPOINT
    try:
        side, size, saved = _saved_run(paper, path)
    except CheckpointError as error:
        raise UsageError(f"--resume: {error}") from error
    config = overrides.apply(saved, wishes.fields)
    _agree({"side": wishes.side, "variant": wishes.variant, "size": wishes.size},
           {"side": side, "variant": saved.variant, "size": size}, path)  # fmt: skip
    names = [field.name for field in fields(config)]
    longer = getattr(config, "epochs", 0) > getattr(saved, "epochs", 0)
    asked = {name: getattr(config, name) for name in names if not (longer and name == "epochs")}
    _agree(asked, {name: getattr(saved, name) for name in names}, path)
    return start(paper, side, config, folder, True, size, save_every, saved)


def _saved_run(paper: Paper, path: Path) -> tuple[str, str, Any]:
    """Side, size and configuration of a checkpoint."""
    _, saved, position = open_run(path)
    fields = document(position, "position")
    try:
        for name, known in (("side", SIDES), ("size", SIZES)):
            if fields.text(name) not in known:
                raise fields.wrong(name, f"one of {', '.join(known)}")
    except ValueError as error:
        raise CheckpointError(f"{path} is of another version, or no run of ours: {error}") from error
    return position["side"], position["size"], restore_config(paper, saved, path)


def _agree(asked: dict[str, Any], saved: dict[str, Any], path: Path) -> None:
    differing = [
        f"--{name.replace('_', '-')} {saved[name]}, not {value}"
        for name, value in asked.items()
        if value is not None and value != saved[name]
    ]
    if differing:
        raise UsageError(f"--resume: {path} was trained with {'; '.join(differing)}; only more epochs can be asked for")
