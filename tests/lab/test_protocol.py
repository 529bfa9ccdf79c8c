"""Every row of every README is one that the protocol of docs/claims.md allows; the rules are written here once more."""

import math
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import Any, get_args

import pytest

from tinygrad_lab.claim import Kind, Verdict
from tinygrad_lab.lab import registry
from tinygrad_lab.lab.study import changes, claims

Row = dict[str, Any]
PAPERS = registry.discover()
KEYS = {
    "kind", "verdict", "estimate", "low", "high", "margin", "seeds", "p", "adjusted_p", "rates", "held_back",
    "reservations", "parts", "witness",
}  # fmt: skip
LACKS = ("data:", "compute:", "hardware:")


@cache
def rows(slug: str) -> list[Row]:
    """What ``tinygrad-lab claims <slug> --redraw --json`` writes."""
    paper = PAPERS[slug]
    return claims.as_json(claims.judged(paper, claims.workbench(paper, None, False, None)))


def broken(row: Row) -> Iterator[str]:
    """The rules that a row breaks, in words."""
    finding = row["finding"]
    if row["verdict"] != finding["verdict"] or row["verdict"] not in get_args(Verdict):
        yield "its verdict is not that of its finding"
    if row["verdict"] == "out of reach here" and not (finding["kind"] == "not run" and row["why"].startswith(LACKS)):
        yield "out of reach without what is lacking"
    if row["verdict"] in ("reproduced", "refuted"):
        yield from broken_by_a_verdict(finding)


def broken_by_a_verdict(finding: Row) -> Iterator[str]:
    if finding["kind"] == "not run" or finding["held_back"]:
        yield "a verdict on what was not run or is held back"
    if not allowed(finding):
        yield f"{finding['verdict']} against its interval"
    for p in ("p", "adjusted_p"):
        if finding["low"] is not None and not finding[p] < 0.05:
            yield f"{p} is not below 0.05"
    if finding["rates"] == "test" and "the rates were chosen on test data" not in finding["reservations"]:
        yield "rates chosen on test data, and nothing said"
    if finding["witness"] and not finding["witness"].endswith("the same verdict"):
        yield "a verdict that other seeds do not confirm"
    if (finding["seeds"] or 5) < 3 and not finding["reservations"]:
        yield "fewer than three seeds, and nothing said"


def allowed(finding: Row) -> bool:
    """Whether the interval lies on the verdict's side of what is asked."""
    kind, low, high, margin = (finding[name] for name in ("kind", "low", "high", "margin"))
    good = finding["verdict"] == "reproduced"
    if kind == "all of":
        decided = [part for part in finding["parts"] if part["verdict"] == finding["verdict"]]
        return (len(decided) == len(finding["parts"]) if good else bool(decided)) and all(map(allowed, decided))
    if kind == "counted":
        return low is None and finding["p"] is None
    if kind == "timed":
        return margin == 1.25
    if low is None or not low <= finding["estimate"] <= high:
        return False
    edges = {
        "superiority": (0.0, math.inf), "more trials": (0.0, math.inf), "share of trials": (0.5, math.inf),
        "equivalence": (-(margin or 0), margin), "not worse": (-(margin or 0), math.inf),
    }  # fmt: skip
    if kind not in edges:  # against a number: which one, the row does not say
        return kind == "against a number"
    above, below = edges[kind]
    return above < low and high < below if good else high < above or low > below


@pytest.mark.parametrize("slug", list(PAPERS))
def test_no_row_breaks_a_rule(slug: str) -> None:
    assert {row["statement"]: found for row in rows(slug) if (found := list(broken(row)))} == {}


@pytest.mark.parametrize("slug", list(PAPERS))
def test_the_readme_has_these_rows_and_verdicts(slug: str) -> None:
    readme = (claims.paper_folder(PAPERS[slug]) / "README.md").read_text(encoding="utf-8")
    table = readme.split("<!-- claims -->")[1].split("<!-- /claims -->")[0].strip().splitlines()[2:]
    assert len(table) == len(rows(slug))
    for line, row in zip(table, rows(slug), strict=True):
        assert line.startswith(f"| {row['statement']} |")
        assert f"| **{row['verdict']}**" in line


@pytest.mark.parametrize("slug", list(PAPERS))
def test_the_json_says_what_each_row_rests_on(slug: str) -> None:
    findings = [row["finding"] for row in rows(slug)]
    assert all(set(finding) == KEYS and finding["kind"] in get_args(Kind) for finding in findings)
    assert [f for f in findings if f["p"] is not None and (f["seeds"] is None or f["low"] is None)] == []


@pytest.mark.parametrize("slug", list(PAPERS))
def test_p_is_adjusted_over_all_rows_of_a_paper(slug: str) -> None:
    tested = sorted((row["finding"] for row in rows(slug) if row["finding"]["p"] is not None), key=lambda f: f["p"])
    steps = [min(1.0, (len(tested) - rank) * finding["p"]) for rank, finding in enumerate(tested)]
    assert [finding["adjusted_p"] for finding in tested] == pytest.approx(list(accumulate(steps, max)))


GOOD: Row = {
    "kind": "superiority", "verdict": "reproduced", "estimate": 1.0, "low": 0.5, "high": 1.5, "margin": None,
    "seeds": 5, "p": 0.001, "adjusted_p": 0.01, "rates": "validation", "held_back": "", "reservations": (), "parts": (),
    "witness": "",
}  # fmt: skip


@pytest.mark.parametrize(("changes", "rule"), [
    ({"low": -0.1}, "against its interval"), ({"verdict": "refuted"}, "against its interval"),
    ({"adjusted_p": 0.06}, "adjusted_p is not below"), ({"p": 0.06}, "p is not below"),
    ({"held_back": "unfair"}, "held back"), ({"witness": "PyTorch: refuted"}, "do not confirm"),
    ({"rates": "test"}, "test data"), ({"seeds": 2}, "fewer than three"),
    ({"kind": "equivalence", "margin": 1.2}, "against its interval"),
    ({"low": None, "p": None}, "against its interval"),
    ({"kind": "not worse", "low": -0.6, "margin": 0.5}, "against its interval"),
    ({"kind": "share of trials", "low": 0.4}, "against its interval"), ({"kind": "not run"}, "was not run"),
    ({"kind": "all of", "parts": ({**GOOD, "verdict": "inconclusive"},)}, "against its interval"),
    ({"verdict": "out of reach here"}, "without what is lacking"), ({"verdict": "not reproduced"}, "not that of"),
])  # fmt: skip
def test_a_row_that_the_protocol_does_not_allow_is_seen(changes: Row, rule: str) -> None:
    finding = GOOD | changes
    assert list(broken({"verdict": "reproduced", "why": "so", "finding": GOOD})) == []
    assert any(rule in said for said in broken({"verdict": finding["verdict"], "why": "so", "finding": finding}))


def test_the_table_of_changes_is_what_the_results_say() -> None:
    page = changes.PAGE.read_text(encoding="utf-8")
    assert claims.fill(page, {"changes": changes.block()}) == page


def test_every_row_of_now_was_there_before_under_this_name_or_another() -> None:
    kept = [row for row in changes.before() if "withdrawn" not in row]
    named = {(row["paper"], row.get("now", row["statement"])) for row in kept}
    assert named == {(slug, row["statement"]) for slug in PAPERS for row in rows(slug)}
