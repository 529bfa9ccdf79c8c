"""The run: mutants in a fair order, two at a time, until the time is over."""

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tests.mutants.areas import AREAS, Area
from tests.mutants.mutant import Mutant
from tests.mutants.places import mutants_in
from tests.mutants.plan import Record
from tests.mutants.slot import Slot, Verdict

Job = tuple[Area, Mutant]
PAUSE = 0.02  # seconds between two looks at the children


def jobs_of(root: Path, areas: Sequence[Area] = AREAS) -> dict[str, list[Mutant]]:
    """All mutants of each area."""
    return {area.name: [m for file in area.source_files(root) for m in mutants_in(root, file)] for area in areas}


def in_fair_order(mutants: dict[str, list[Mutant]], seed: int, areas: Sequence[Area] = AREAS) -> list[Job]:
    """All mutants in an order of which every beginning has its share of each area."""
    named = {area.name: area for area in areas}
    placed = []
    for name, those in mutants.items():
        rng = random.Random(f"{seed} {name}")
        shuffled = rng.sample(those, len(those))
        placed += [((rank + rng.random()) / len(those), name, mutant) for rank, mutant in enumerate(shuffled)]
    return [(named[name], mutant) for _, name, mutant in sorted(placed, key=lambda item: item[:2])]


class Records:
    """What the tests of each area call, recorded when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, Record] = {}

    def of(self, area: Area, slot: Slot) -> Record:
        path = self.folder / f"{area.name}.json"
        if not path.exists():
            print(f"{area.name}: recording what its tests call", flush=True)
            slot.record(area, path)
        if area.name not in self._read:
            self._read[area.name] = json.loads(path.read_text(encoding="utf-8"))
        return self._read[area.name]


def run(
    jobs: Iterable[Job], slots: Sequence[Slot], record_of: Callable[[Area, Slot], Record], seconds: float
) -> Iterator[Verdict]:
    """Plant the mutants one after the other, each in a free slot; those half tried at the end have no verdict.

    The time in which calls are recorded does not count.
    """
    end = time.monotonic() + seconds
    waiting = iter(jobs)
    try:
        while time.monotonic() < end:
            for slot in slots:
                if slot.busy and (verdict := slot.verdict()):
                    yield verdict
                if not slot.busy and (job := next(waiting, None)):
                    start = time.monotonic()
                    record = record_of(job[0], slot)
                    end += time.monotonic() - start
                    slot.plant(*job, record)
            if not any(slot.busy for slot in slots):
                return
            time.sleep(PAUSE)
    finally:
        for slot in slots:
            slot.stop()
