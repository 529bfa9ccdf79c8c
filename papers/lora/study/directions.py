"""The claims about directions that adapters of two ranks share (figure 3): in our decoder, and in a published model."""

from dataclasses import replace

from tinygrad_lab.study import Claim, Finding, Lab

from .arms import COMPARED
from .changes import LAYERS
from .findings import DIRECTIONS, overlap, rate

SHARE = f"adapters of {' and '.join(COMPARED)} share their first direction: a similarity above 0.5"
COMMON = (
    f"adapters of {' and '.join(COMPARED)} have more of their first {DIRECTIONS} directions in common than random "
    "matrices have"
)
SOURCE = "section 7.2, figure 3 (from memory)"
PLACE = "on a published model "  # how the rows of that model begin
SHARED = 0.5  # similarity above which the paper says that a direction is shared


def own_directions(lab: Lab) -> list[Claim]:
    """Both rows, of the study's own decoder."""
    return [_shared(lab, "changes", "arms", ""), _more_than_chance(lab, "changes", "arms", "")]


def published_directions(lab: Lab, few: str) -> list[Claim]:
    """Both rows, of the published model; few updates may be why adapters have little in common."""
    rows = [build(lab, "published", "published", PLACE) for build in (_shared, _more_than_chance)]
    return [replace(row, finding=row.finding.allowing_for(ours=few)) for row in rows]


def _shared(lab: Lab, changes: str, runs: str, where: str) -> Claim:
    found = {name: overlap(lab, "trained", name, 1, changes) for name in LAYERS}
    parts = [lab.judge.superiority(values, [SHARED] * len(values)) for values in found.values()]
    return _claim(
        lab, changes, runs, 1, lab.judge.all_of(*parts), f"{where}{SHARE}",
        f"more than {SHARED} are asked for, for queries and for values",
    )  # fmt: skip


def _more_than_chance(lab: Lab, changes: str, runs: str, where: str) -> Claim:
    pairs = [[overlap(lab, kind, name, DIRECTIONS, changes) for kind in ("trained", "random")] for name in LAYERS]
    parts = [lab.judge.superiority(*pair) for pair in pairs]
    return _claim(
        lab, changes, runs, DIRECTIONS, lab.judge.all_of(*parts), f"{where}{COMMON}",
        "more than chance is asked for, for queries and for values",
    )  # fmt: skip


def _claim(lab: Lab, changes: str, runs: str, directions: int, finding: Finding, statement: str, why: str) -> Claim:
    """A claim on the similarity of the first directions at both ranks; from which files of results."""
    shown = "; ".join(
        f"{name[0]}: {lab.interval(overlap(lab, 'trained', name, directions, changes)):.2f}, by chance "
        f"{lab.interval(overlap(lab, 'random', name, directions, changes)).mean:.2f}"
        for name in LAYERS
    )
    many = "first direction" if directions == 1 else f"first {directions} directions"
    return Claim(
        statement, SOURCE,
        ran=f"right singular vectors of A, {many} of both ranks, mean over blocks; the same base, other seeds, rates "
        f"{' and '.join(f'{rate(lab, arm, runs):g} ({arm})' for arm in COMPARED)}",
        numpy=shown, finding=finding.run_for(lab.spread(runs, "seconds", arm=COMPARED[-1]).mean), why=why,
    )  # fmt: skip
