"""What earlier commands stored about a paper: verdicts of its claims, and how fast its training step is."""

import json
from collections import Counter
from pathlib import Path
from typing import get_args

from tinygrad_lab.lab import registry
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.study import claims
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.paper import Paper
from tinygrad_lab.places import HOME
from tinygrad_lab.study import Verdict

REPORT = HOME / "docs" / "performance" / "steps.json"  # written by make performance, with each paper's bench.json


def verdicts(paper: Paper) -> dict[str, int]:
    """How many claims came out how; nothing for a paper whose experiments have not been run."""
    folder = claims.paper_folder(paper) / "study" / "results"
    if not any(folder.glob("*.json")) or not registry.has_part(paper, "study.verdicts"):
        return {}
    lab = Lab(paper, None, False, folder)
    try:
        counts = Counter(claim.verdict for claim in claims.judged(paper, lab))
    except UsageError:  # not all of them have been
        return {}
    return {verdict: counts[verdict] for verdict in get_args(Verdict) if counts[verdict]}


def speed(paper: Paper) -> float | None:
    """NumPy's time over PyTorch's for a training step of the default variant; None where nobody stored one.

    It is read from ``papers/<slug>/study/results/bench.json``, which ``tinygrad-lab bench <slug> --json`` writes.
    """
    file = claims.paper_folder(paper) / "study" / "results" / "bench.json"
    if not file.exists():
        return None
    rows = json.loads(file.read_text(encoding="utf-8"))
    return next((row["ratio"] for row in rows if row.get("variant") == paper.default_variant), None)


def where_timed(report: Path = REPORT) -> str:
    """When and on what machine the speeds were measured, as a sentence goes on; not where nobody wrote that down."""
    if not report.exists():
        return "once, at size small with two threads"
    stored = json.loads(report.read_text(encoding="utf-8"))
    machine = stored["machine"]
    about = f"{machine['processor']}, {machine['cores']} cores, {machine['instructions'][0]}"
    versions = f"NumPy {machine['numpy']['version']}, PyTorch {machine['torch']['version'].partition('+')[0]}"
    return f"on {stored['made']}, at size small, on {about}, with {versions}"
