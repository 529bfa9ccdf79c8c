"""The table of all claims' verdicts before the protocol and after it, written into ``docs/claims.md``.

python -m tinygrad_lab.lab.study.changes
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

from tinygrad_lab import files
from tinygrad_lab.claim import AGAIN
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.study import claims
from tinygrad_lab.study import Claim, Finding, Verdict, table

DOCS = Path(__file__).parents[3] / "docs"
PAGE, BEFORE = DOCS / "claims.md", DOCS / "claims_before.json"
OPEN = (
    "the interval decides, but a side was not at its best, or Holm's correction or other seeds hold the verdict back",
    "the interval does not decide",
    "there is one run, which has no interval",
    "it was not run",
)
# paper, statement, verdict; where it was changed, the statement now; where needed, a note, or why it was withdrawn
Row = dict[str, str]


def before() -> list[Row]:
    """Every row as it was."""
    rows: list[Row] = json.loads(BEFORE.read_text(encoding="utf-8"))
    return rows


def after() -> dict[str, dict[str, Claim]]:
    """Every claim as it is judged now, by paper and statement."""
    found = {}
    for slug, paper in registry.discover().items():
        lab = claims.workbench(paper, None, False, None)
        found[slug] = {claim.statement: claim for claim in claims.judged(paper, lab)}
    return found


def reason(claim: Claim) -> str:
    """Say in a few words what the verdict rests on."""
    finding = claim.finding
    if finding.kind == "not run":
        return claim.why if claim.verdict == "inconclusive" else claim.why.partition(";")[0]
    if claim.verdict in ("reproduced", "refuted"):
        return _decided(finding)
    if finding.held_back:
        return finding.held_back
    return "one run has no interval" if finding.p is None and finding.seeds else _undecided(finding)


def _decided(finding: Finding) -> str:
    if finding.adjusted_p is None:
        return claims.named(finding)
    return f"{claims.named(finding)}, p {claims.short(finding.adjusted_p)} after Holm"


def _undecided(finding: Finding) -> str:
    if finding.kind == "timed" or finding.p is None:
        return "too close to its bound for another processor"
    return f"{claims.named(finding)}: the interval decides nothing"


def rows(now: dict[str, dict[str, Claim]]) -> Iterator[tuple[str, ...]]:
    """Paper, statement, verdict before and after, and the reason."""
    for row in before():
        cells = (row["paper"], row["statement"], row["verdict"], *_became(row, now))
        yield tuple(cell.replace("|", r"\|") for cell in cells)


def _became(row: Row, now: dict[str, dict[str, Claim]]) -> tuple[str, str]:
    """What the verdict is now, and why."""
    if "withdrawn" in row:
        return "withdrawn", row["withdrawn"]
    claim = now[row["paper"]][row.get("now", row["statement"])]
    return claim.verdict, "; ".join(filter(None, (row.get("note", ""), reason(claim))))


def papers(now: dict[str, dict[str, Claim]]) -> Iterator[tuple[object, ...]]:
    """Of each paper: rows, those with a verdict, what rates were chosen on, seeds, and what PyTorch says.

    Of PyTorch first the rows with a verdict that it confirms, then how many rows it ran again came out alike there: two
    that are inconclusive are alike, and confirm nothing.
    """
    for slug, found in now.items():
        findings = [claim.finding for claim in found.values()]
        decided = [finding for finding in findings if finding.verdict in ("reproduced", "refuted")]
        rates = dict.fromkeys(f.rates for f in findings if f.rates != "none to choose" and f.p is not None)
        seeds = [finding.seeds for finding in findings if finding.p is not None and finding.seeds]
        witnessed = [finding for finding in findings if finding.witness]
        alike = f"{_alike(witnessed)} of {len(witnessed)}" if witnessed else "-"
        yield (
            slug, len(findings), len(decided), ", ".join(rates) or "-", min(seeds, default="-"), _alike(decided), alike
        )  # fmt: skip


def _alike(findings: Iterable[Finding]) -> int:
    """How many have the same verdict on PyTorch's runs."""
    return sum(finding.witness.endswith(AGAIN) for finding in findings)


def block() -> str:
    """All tables: how many rows came out how, each paper, and every row."""
    now = after()
    then = Counter(row["verdict"] for row in before())
    counts = Counter(claim.verdict for found in now.values() for claim in found.values())
    verdicts = dict.fromkeys((*get_args(Verdict), *then))
    counted = [(verdict, then[verdict] or "-", counts[verdict] or "-") for verdict in verdicts]
    listed = table(("paper", "claim", "before", "after", "what it rests on"), rows(now))
    open_rows = Counter(_why_open(claim.finding) for found in now.values() for claim in found.values())
    why = table(("inconclusive, as", "rows"), [(name, open_rows[name]) for name in OPEN if open_rows[name]], right=1)
    columns = (
        "paper", "rows", "decided", "rates chosen on", "fewest seeds", "decided and confirmed by PyTorch",
        "rows run again by PyTorch: the same verdict",
    )  # fmt: skip
    counts_table = table(("verdict", "before", "after"), counted, right=2)
    return "\n\n".join((counts_table, why, table(columns, papers(now)), listed))


def _why_open(finding: Finding) -> str:
    """Which of ``OPEN`` it is that leaves a finding without a verdict; nothing for one that has a verdict."""
    if finding.verdict != "inconclusive":
        return ""
    if finding.kind == "not run":
        return OPEN[3]
    if finding.held_back:
        return OPEN[0]
    return OPEN[2] if finding.p is None and finding.seeds == 1 else OPEN[1]


def write() -> None:
    """Write the tables between their markers."""
    files.write(PAGE, claims.fill(PAGE.read_text(encoding="utf-8"), {"changes": block()}))


if __name__ == "__main__":
    write()
