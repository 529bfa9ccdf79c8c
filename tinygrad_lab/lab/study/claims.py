"""``tinygrad-lab claims``: run a paper's experiments, judge its claims, write figures and the README's tables."""

import importlib
import shlex
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from tinygrad_lab import files, places
from tinygrad_lab.documents import brief
from tinygrad_lab.lab import console, registry
from tinygrad_lab.lab.allocator import keep_freed_memory
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.study.judge import holm
from tinygrad_lab.lab.study.pace import Pace
from tinygrad_lab.lab.study.workbench import Lab
from tinygrad_lab.paper import Paper
from tinygrad_lab.study import Claim, Finding, Summary, table

SENSELESS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # what wrong results lead to


def paper_folder(paper: Paper) -> Path:
    """The folder of the paper's sources."""
    return Path(importlib.import_module(places.module("papers", paper.slug)).__path__[0])


def workbench(paper: Paper, seeds: int | None, quick: bool, out: Path | None) -> Lab:
    """The Lab that writes into ``out``, or into the paper's own folder when that is part of a checkout.

    Raises:
        UsageError: not a checkout and no ``out``; a folder that cannot be written into.
    """
    asked = f" --out {shlex.quote(str(out))}" if out else ""
    if out is None and quick:
        out = Path("runs") / f"{paper.slug}-claims-quick"
    if out is None and not (paper_folder(paper).parent.parent / "pyproject.toml").exists():
        raise UsageError("claims writes beside the paper's sources, and this is not a checkout: pass --out FOLDER")
    folder = out or paper_folder(paper) / "study" / "results"
    try:
        files.try_folder(folder)
    except OSError as error:
        raise UsageError(f"--out: cannot write into {folder}: {error.strerror}") from error
    lab = Lab(paper, seeds, quick, folder)
    lab.command += asked
    return lab


def part(paper: Paper, name: str) -> Any:
    """A module of the paper's study: "experiment", "verdicts" or "figures"."""
    return registry.part(paper, f"study.{name}")


def judged(paper: Paper, lab: Lab) -> list[Claim]:
    """The paper's claims with their verdicts, after Holm's correction over all of them."""
    claims: list[Claim] = part(paper, "verdicts").claims(lab)
    findings = holm([claim.finding for claim in claims])
    return [replace(claim, finding=finding) for claim, finding in zip(claims, findings, strict=True)]


def blocks(paper: Paper, lab: Lab) -> dict[str, str]:
    """The README's generated blocks by marker name, from results already measured."""
    verdicts = part(paper, "verdicts")
    more = verdicts.tables(lab) if hasattr(verdicts, "tables") else {}
    return {"summary": summary_table(verdicts.summary(lab)), "claims": claims_table(judged(paper, lab)), **more}


def summary_table(summary: Summary) -> str:
    """The training summary in its fixed form, as Markdown."""
    return table(("", ""), [(field.name, getattr(summary, field.name)) for field in fields(summary)])


def claims_table(claims: Sequence[Claim]) -> str:
    """The verdicts as Markdown; a bar inside a cell is escaped, so that it does not end it."""
    columns = ("claim", "source", "what we ran", "NumPy", "PyTorch", "verdict")
    return table(columns, [[cell.replace("|", r"\|") for cell in _cells(claim)] for claim in claims])


def _cells(claim: Claim) -> tuple[str, ...]:
    said = "; ".join(words for words in _explained(claim) if words)
    verdict = f"**{claim.verdict}**" + (f": {said}" if said else "")
    return claim.statement, claim.source, claim.ran, claim.numpy, claim.torch, verdict


def _explained(claim: Claim) -> list[str]:
    """What the verdict rests on, who confirms it, why it is none, its p, and what is missing; each may be empty."""
    finding = claim.finding
    held_back = finding.held_back and f"no verdict, as {finding.held_back}"
    missing = finding.reservations and f"reservations: {'; '.join(finding.reservations)}"
    return [claim.why, finding.witness, held_back, _tested(finding), missing or ""]


def _tested(finding: Finding) -> str:
    """The test, its p and the one after Holm's correction; nothing where there was no test."""
    if finding.p is None or finding.adjusted_p is None:
        return ""
    shares = f" {finding.low:.2f} to {finding.high:.2f}" if finding.kind in ("share of trials", "more trials") else ""
    return f"{named(finding)}{shares}, p {short(finding.p)}, {short(finding.adjusted_p)} after Holm"


def named(finding: Finding) -> str:
    """The test of a finding; where it has parts, how many."""
    return f"{len(finding.parts)} parts" if finding.parts else finding.kind


def short(p: float) -> str:
    """A p with two digits."""
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"


def fill(text: str, generated: dict[str, str]) -> str:
    """Put each block between its markers, ``<!-- name -->`` and ``<!-- /name -->``.

    Raises:
        UsageError: a marker is missing.
    """
    for name, block in generated.items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if start not in text or end not in text:
            raise UsageError(f"README.md has no markers {start} ... {end}")
        text = text[: text.index(start) + len(start)] + "\n" + block + "\n" + text[text.index(end) :]
    return text


def measure(paper: Paper, lab: Lab) -> None:
    """Run the experiments; runs that a stopped command has finished are taken over, and forgotten when all is done."""
    keep_freed_memory()
    lab.pace = Pace(lab.kept.last_log(paper_folder(paper) / "study" / "results" / "log.txt"))
    (lab.folder / "log.txt").unlink(missing_ok=True)
    part(paper, "experiment").measure(lab)
    lab.kept.clear()


def run(paper: Paper, lab: Lab, redraw: bool) -> list[Claim]:
    """Measure (unless ``redraw``), draw, judge, and rewrite the README when the results are the paper's own.

    Raises:
        UsageError: nothing to redraw, results that nobody can make sense of, or none that a claim can be judged by.
    """
    if redraw and not any(lab.folder.glob("*.json")):
        raise UsageError(f"{lab.folder} holds no results: run {lab.command} first")
    if not redraw:
        importlib.import_module(places.module("reference"))  # without PyTorch it ends here, at once
        measure(paper, lab)
    try:
        return _some(paper, lab, _drawn(paper, lab))
    except SENSELESS as error:
        if not redraw or isinstance(error, UsageError):  # what we have just measured makes sense
            raise
        raise UsageError(
            f"{lab.folder} holds results that are damaged or of another version ({type(error).__name__}: "
            f"{brief(error)}): run {lab.command} again"
        ) from error


def _some(paper: Paper, lab: Lab, claims: list[Claim]) -> list[Claim]:
    """The claims, of which there is at least one where the data are there."""
    if not claims:
        raise UsageError(
            f"no claim of {paper.slug} can be judged without its data, which tinygrad-lab data lists; "
            f"what could be run is in {lab.folder}"
        )
    return claims


def _drawn(paper: Paper, lab: Lab) -> list[Claim]:
    """Figures and verdicts from results that are there; the README, too, when they are the paper's own."""
    part(paper, "figures").figures(lab)
    readme = paper_folder(paper) / "README.md"
    if lab.folder == readme.parent / "study" / "results":
        files.write(readme, fill(readme.read_text(encoding="utf-8"), blocks(paper, lab)))
    return judged(paper, lab)


def print_claims(paper: Paper, claims: Sequence[Claim]) -> None:
    """The verdicts on the terminal."""
    rows = [(claim.statement, claim.numpy, claim.torch, claim.verdict) for claim in claims]
    console.print_table(
        f"Claims of {paper.slug} ({paper.year})", ("claim", "NumPy", "PyTorch", "verdict"), rows, prose=True
    )


def as_json(claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """The verdicts as plain data, with the finding that each rests on."""
    return [asdict(claim) | {"verdict": claim.verdict} for claim in claims]
