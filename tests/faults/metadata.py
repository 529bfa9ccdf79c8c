"""What a run's file says of itself, with one thing wrong: the run is the same all the same, or refused in one line."""

import copy
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from tests.faults.alike import alike
from tests.faults.damage import NOWHERE, places
from tests.faults.instants import CASES
from tests.faults.part import REFUSED, RIGHT, Outcome
from tests.faults.short import configuration
from tinygrad_lab import checkpoint
from tinygrad_lab.checkpoint import CheckpointError
from tinygrad_lab.complaints import one_line
from tinygrad_lab.data import DataError
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.errors import StoppedError, UsageError
from tinygrad_lab.lab.taking_up import Wishes, taken_up
from tinygrad_lab.lab.training import Training
from tinygrad_lab.stopping import StopRequest

LONGEST = 300  # characters of a refusal, without the folder's name
NAMES = ("config", "weight", "optimizer", "position")  # what does not fit a field that is a possible one
STEPS = 3  # of the epoch in hand


def nested(levels: int) -> Any:
    """A list in a list in a list."""
    return [nested(levels - 1)] if levels else []


WRONG: dict[str, Any] = {
    "removed": NOWHERE, "null": None, "text": "x", "true": True, "negative": -1, "huge": 10**30,
    "NaN": float("nan"), "infinite": float("inf"), "empty": [], "object": {}, "deep": nested(60), "shallow": nested(5),
}  # fmt: skip


class Victim:
    """A run of a paper that has ended one epoch and begun the next, and what its file says."""

    def __init__(self, slug: str, side: str, folder: Path) -> None:
        self.paper, self.folder = registry.find(slug), folder
        run = Training(self.paper, side, configuration(slug), folder, "tiny")
        _begin(run)
        self.path = run.path
        self.tensors, self.about = checkpoint.load(self.path)
        self.whole = self.taken_up()

    def taken_up(self) -> dict[str, Any]:
        """Everything that decides how the run goes on, from the file."""
        with taken_up(self.paper, Wishes(None, None, None, ()), self.folder, True, 60) as run:
            return {
                "config": run.config, "step": run.step, "losses": run.losses, "history": run.history,
                "batches": run.batches.state(), "scheduler": run.scheduler.state_dict(), "size": run.size,
                "optimizer": run.optimizer.state_dict(), "weights": run.side.state(run.model),
                "random": run.side.random_state(), "side": run.side.name,
            }  # fmt: skip

    def wrongs(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        """Each place in the metadata, with each kind of wrong."""
        return ((place, kind) for place in places(self.about) if not _free(place) for kind in WRONG)

    def judged(self, place: tuple[Any, ...], kind: str) -> str:
        """What becomes of the run: "refused", "the same", or what is bad about it."""
        about = copy.deepcopy(self.about)
        inside = about
        for key in place[:-1]:
            inside = inside[key]
        if WRONG[kind] is NOWHERE:
            del inside[place[-1]]
        else:
            inside[place[-1]] = WRONG[kind]
        checkpoint.save(self.path, self.tensors, about)
        try:
            return "the same" if alike(self.taken_up(), self.whole) else "another run"
        except (UsageError, CheckpointError, DataError) as error:
            return self._words(str(error), place)
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    def _words(self, message: str, place: tuple[Any, ...]) -> str:
        """Whether a refusal is one line that names the file and something on the way to the place."""
        if one_line(message) != message or len(message.replace(str(self.folder), "")) > LONGEST:
            return f"not one short line: {message}"
        rest = message.replace(str(self.path), "")
        keys = NAMES if "config" in place else [key for key in place[1:] or place if isinstance(key, str)]
        named = rest != message and any(key in rest for key in (*keys, str(place[-1])))
        return "refused" if named or len(place) == 1 else f"names nothing: {message}"


def _free(place: tuple[Any, ...]) -> bool:
    """Whether nothing else says what must stand there: a metric of an epoch that has ended, another variant's field."""
    metric = "history" in place and isinstance(place[-1], str) and place[-1] not in ("history", "training loss")
    return metric or "channels" in place


def _begin(run: Training) -> None:
    """Run until the second epoch has made some steps; the run saves where it is stopped."""
    count = run._count

    def counted(loss: float, seconds: float) -> None:
        count(loss, seconds)
        if run.step == len(run.batches) + STEPS:
            raise StopRequest(130)

    with mock.patch.object(run, "_count", counted), suppress(StoppedError):
        run.run()


def tries(draw: Random) -> Iterator[Outcome]:
    """A wrong place of every run, and again, until each place has been wrong in each way."""
    with tempfile.TemporaryDirectory() as place:
        victims = {
            (slug, side): Victim(slug, side, Path(place) / f"{slug}-{side}")
            for slug in CASES for side in ("numpy", "torch")
        }  # fmt: skip
        wrongs = {run: draw.sample(every := [*victim.wrongs()], len(every)) for run, victim in victims.items()}
        for row in zip_longest(*wrongs.values()):
            for run, wrong in zip(victims, row, strict=True):
                if wrong is not None:
                    yield _outcome(victims[run].judged(*wrong), f"{run} {wrong}")


def _outcome(verdict: str, about: str) -> Outcome:
    kinds = {"refused": REFUSED, "the same": RIGHT}
    return Outcome(kinds.get(verdict, "bad"), f"{about}: {verdict[:400]}")
