"""``tinygrad-lab claims``: run a paper's experiments, judge its claims, write figures and the README's tables."""

import importlib
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from tinygrad_lab.lab import console, registry
from tinygrad_lab.lab.allocator import keep_freed_memory
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.experiments import Lab
from tinygrad_lab.paper import Claim, Paper, Summary


def paper_folder(paper: Paper) -> Path:
    """The folder of the paper's sources."""
    return Path(importlib.import_module(f"papers.{paper.slug}").__path__[0])


def workbench(paper: Paper, seeds: int | None, quick: bool, out: Path | None) -> Lab:
    """The Lab that writes into ``out``, or into the paper's own folder when that is part of a checkout.

    Raises:
        UsageError: not a checkout and no ``out``.
    """
    if out is None and quick:
        out = Path("runs") / f"{paper.slug}-claims-quick"
    if out is None and not (paper_folder(paper).parent.parent / "pyproject.toml").exists():
        raise UsageError("claims writes beside the paper's sources, and this is not a checkout: pass --out FOLDER")
    return Lab(paper, seeds, quick, out or paper_folder(paper) / "study" / "results")


def experiment(paper: Paper) -> Any:
    """The paper's experiment module."""
    return registry.part(paper, "study.experiment")


def blocks(paper: Paper, lab: Lab) -> dict[str, str]:
    """The README's generated blocks by marker name, from results already measured."""
    module = experiment(paper)
    more = module.tables(lab) if hasattr(module, "tables") else {}
    return {"summary": summary_table(module.summary(lab)), "claims": claims_table(module.claims(lab)), **more}


def summary_table(summary: Summary) -> str:
    """The training summary in its fixed form, as Markdown."""
    lines = ["| | |", "|---|---|"]
    return "\n".join([*lines, *(f"| {field.name} | {getattr(summary, field.name)} |" for field in fields(summary))])


def claims_table(claims: Sequence[Claim]) -> str:
    """The verdicts as Markdown."""
    lines = ["| claim | source | what we ran | NumPy | PyTorch | verdict |", "|---|---|---|---|---|---|"]
    for claim in claims:
        verdict = f"**{claim.verdict}**" + (f": {claim.why}" if claim.why else "")
        cells = (claim.statement, claim.source, claim.ran, claim.numpy, claim.torch, verdict)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


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


def run(paper: Paper, lab: Lab, redraw: bool) -> list[Claim]:
    """Measure (unless ``redraw``), draw, judge, and rewrite the README when the results are the paper's own."""
    module = experiment(paper)
    if not redraw:
        keep_freed_memory()
        (lab.folder / "log.txt").unlink(missing_ok=True)
        module.measure(lab)
    module.figures(lab)
    readme = paper_folder(paper) / "README.md"
    if lab.folder == readme.parent / "study" / "results":
        readme.write_text(fill(readme.read_text(encoding="utf-8"), blocks(paper, lab)), encoding="utf-8")
    return module.claims(lab)


def print_claims(paper: Paper, claims: Sequence[Claim]) -> None:
    """The verdicts on the terminal."""
    rows = [(claim.statement, claim.numpy, claim.torch, claim.verdict) for claim in claims]
    console.print_table(
        f"Claims of {paper.slug} ({paper.year})", ("claim", "NumPy", "PyTorch", "verdict"), rows, prose=True
    )


def as_json(claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """The verdicts as plain data."""
    return [asdict(claim) for claim in claims]
