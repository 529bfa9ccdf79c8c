"""The table of all papers in docs/claims.md: what it counts."""

from dataclasses import replace

from tinygrad_lab.claim import Claim, Finding, Verdict
from tinygrad_lab.lab.study import changes


def row(name: str, verdict: Verdict, elsewhere: Verdict | None = None, held_back: str = "") -> Claim:
    """A claim with that verdict, and with PyTorch's where it was run there too."""
    finding = Finding("superiority", verdict, 1.0, 0.5, 1.5, seeds=5, p=0.01, adjusted_p=0.02, rates="validation")
    if elsewhere:
        finding = finding.confirmed_by(replace(finding, verdict=elsewhere))
    return Claim(name, "table 1", "ran", "1.0", finding.hold_back(held_back) if held_back else finding)


def test_two_that_are_inconclusive_are_alike_and_confirm_nothing() -> None:
    rows = [
        row("confirmed", "reproduced", "reproduced"),
        row("confirmed, too", "refuted", "refuted"),
        row("without a witness", "reproduced"),
        row("neither can tell", "inconclusive", "inconclusive"),
        row("not confirmed", "reproduced", "inconclusive"),
        row("alike, and then held back", "reproduced", "reproduced", "Holm"),
    ]
    found = list(changes.papers({"paper": {claim.statement: claim for claim in rows}, "alone": {"one": rows[2]}}))
    assert found == [("paper", 6, 3, "validation", 5, 2, "4 of 5"), ("alone", 1, 1, "validation", 5, 0, "-")]
