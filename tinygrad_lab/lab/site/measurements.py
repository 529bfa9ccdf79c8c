"""How far both sides agree, as the pages say it: measured while they are built, or read from what was measured before.

Where PyTorch is not installed nothing can be compared, and the pages show what ``make readme`` measured last: they say
when and where, and of each paper whether its sources, or the engine's, are still those that were measured.
"""

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tinygrad_lab import files
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.agreement import Row
from tinygrad_lab.lab.site import alignment, evidence
from tinygrad_lab.lab.site.evidence import Evidence, Found
from tinygrad_lab.lab.site.library import twin_files
from tinygrad_lab.paper import Paper
from tinygrad_lab.places import HOME, SIDES, file

FILE = Path(__file__).parent / "measured.json"
NOTHING: dict[str, Any] = {"variants": {}, "blocks": {}, "sources": ""}  # of a paper that was not measured


class StoredEvidence:
    """What was written down of one paper; it answers as ``Evidence`` does."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.found = found

    def of_variant(self, variant: str) -> Found:
        known: Found = self.found["variants"].get(variant, {})
        return known

    def of_block(self, file: str, name: str) -> Found:
        known: Found = self.found["blocks"].get(f"{file}.{name}", {})
        return known


PaperEvidence = Evidence | StoredEvidence  # what is known of one paper's agreement


class Fresh:
    """Rows of a run that was made for the pages."""

    summary = "runs made for these pages"

    def __init__(self, rows: Sequence[Row], steps: int) -> None:
        self.rows, self.steps = rows, steps

    def of(self, paper: Paper) -> PaperEvidence:
        """What is known of a paper."""
        return evidence.gather(paper, self.rows)

    def origin(self, _: Paper) -> str:
        """Where its digits are from, as a sentence goes on."""
        return f"in a run made for this page: the tiny model, {self.steps} training steps"


class Stored:
    """What the last run of ``make readme`` wrote down.

    Args:
        stored: the contents of the file; by default of the project's.
    """

    def __init__(self, stored: dict[str, Any] | None = None) -> None:
        self.stored = json.loads(FILE.read_text(encoding="utf-8")) if stored is None else stored
        self.engine = fingerprint_of_engine(HOME)
        self.summary = f"measurements of {self.stored['made']}, made on {self.stored['where']}"

    def of(self, paper: Paper) -> PaperEvidence:
        return StoredEvidence(self.stored["papers"].get(paper.slug, NOTHING))

    def origin(self, paper: Paper) -> str:
        told = (
            f"measured on {self.stored['made']} ({self.stored['where']}): the tiny model, {self.stored['steps']} "
            "training steps"
        )
        return told if self.is_current(paper) else f"{told}. The sources have changed since then"

    def is_current(self, paper: Paper) -> bool:
        """Whether what was measured is what the page shows."""
        found = self.stored["papers"].get(paper.slug, NOTHING)
        return bool(found["sources"] == fingerprint(HOME, paper.slug) and self.stored["engine"] == self.engine)


Measurements = Fresh | Stored  # where the pages have their agreement from


def current(rows: Sequence[Row] | None, steps: int) -> Measurements:
    """The rows of a run as the pages need them; what was stored where there was no run."""
    return Stored() if rows is None else Fresh(rows, steps)


# ---- writing --------------------------------------------------------------------------------------------------------
def write(rows: Sequence[Row], steps: int) -> None:
    """Store a run's agreement for those who build the pages without PyTorch."""
    text = json.dumps(contents(rows, steps), indent=1, ensure_ascii=False)
    files.write(FILE, f"{text}\n")


def contents(rows: Sequence[Row], steps: int) -> dict[str, Any]:
    """What is stored: of every variant and block the worst digits, and of what sources they are."""
    return {
        "made": datetime.now(UTC).date().isoformat(),
        "where": f"{platform.machine()}, {platform.system()}, {os.cpu_count()} cores, "
        f"NumPy {version('numpy')}, PyTorch {version('torch').partition('+')[0]}",
        "steps": steps,
        "engine": fingerprint_of_engine(HOME),
        "papers": {paper.slug: _of_paper(paper, rows) for paper in registry.discover().values()},
    }


def _of_paper(paper: Paper, rows: Sequence[Row]) -> dict[str, Any]:
    gathered = evidence.gather(paper, rows)
    blocks = {
        f"{Path(name).stem}.{block.name}": gathered.of_block(Path(name).stem, block.name)
        for name in twin_files(HOME, paper.slug)
        for block in alignment.align(*(_text(side, paper.slug, name) for side in SIDES))
    }
    return {
        "sources": fingerprint(HOME, paper.slug),
        "variants": {variant: gathered.of_variant(variant) for variant in paper.variants},
        "blocks": {name: found for name, found in blocks.items() if found},
    }


def _text(side: str, slug: str, name: str) -> str:
    return (HOME / side / slug / name).read_text(encoding="utf-8")


# ---- what was measured ----------------------------------------------------------------------------------------------
def fingerprint(root: Path, slug: str) -> str:
    """A paper's sources on both sides, without its study, as a short sum."""
    folders = [root / side / slug for side in SIDES]
    return _sum([path for folder in folders for path in folder.rglob("*.py") if "study" not in path.parts])


def fingerprint_of_engine(root: Path) -> str:
    """The engine's sources, without the lab's and the papers', as a short sum."""
    folder, others = file("tinygrad_lab", root), ("lab", *SIDES)
    return _sum([path for path in folder.rglob("*.py") if path.relative_to(folder).parts[0] not in others])


def _sum(paths: Sequence[Path]) -> str:
    found = hashlib.sha256()
    for path in sorted(paths):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]
