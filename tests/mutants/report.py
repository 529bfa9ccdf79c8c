"""The section on mutants of docs/reliability.md: shares by area, and every survivor with the judgement on it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.mutants.mutant import Mutant
from tests.mutants.verdicts import Verdict, judged, verdicts

BEGIN, END = "<!-- mutants: begin -->", "<!-- mutants: end -->"
HEAD = (
    "| area | mutants | tried | caught | timed out | survived | of these equivalent | caught of the others |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
)
SHOWN = 110  # characters of a line that the list of survivors shows


def write_report(root: Path, mutants: Mapping[str, Sequence[Mutant]]) -> None:
    """Write the section between its markers."""
    path = root / "docs" / "reliability.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    section = "\n".join(_section(mutants))
    path.write_text(f"{before}{BEGIN}\n\n{section}\n\n{END}{after}", encoding="utf-8")


def _section(mutants: Mapping[str, Sequence[Mutant]]) -> Iterable[str]:
    known = verdicts()
    yield from HEAD
    for area, those in mutants.items():
        yield _row(area, those, known)
    yield _row("all", [mutant for those in mutants.values() for mutant in those], known)
    yield from _at_first_sight(known.values())
    everything = {mutant.name: mutant for those in mutants.values() for mutant in those}
    survived = [mutant for name, mutant in sorted(everything.items()) if _is(known.get(name), "survived")]
    for title, kind in (("Open", "open"), ("Not judged yet", ""), ("Equivalent", "equivalent")):
        yield from _list(title, [mutant for mutant in survived if judged().get(mutant.name, ("", ""))[0] == kind])


def _row(area: str, mutants: Sequence[Mutant], known: Mapping[str, Verdict]) -> str:
    tried = [known[mutant.name] for mutant in mutants if mutant.name in known]
    caught, late, survived = (sum(_is(v, kind) for v in tried) for kind in ("caught", "timed out", "survived"))
    same = sum(_is(v, "survived") and judged().get(v.mutant, ("",))[0] == "equivalent" for v in tried)
    differ = len(tried) - same
    found = caught + late
    share = f"{found} of {differ}, {100 * found / differ:.1f} %" if differ else ""
    return f"| {area} | {len(mutants)} | {len(tried)} | {caught} | {late} | {survived} | {same} | {share} |"


def _at_first_sight(known: Iterable[Verdict]) -> Iterable[str]:
    """Of each run the share that was caught before any test was written for it: an estimate for mutants not tried."""
    same = {name for name, (kind, _) in judged().items() if kind == "equivalent"}
    differ = [verdict for verdict in known if verdict.mutant not in same]
    for seed in sorted({verdict.seed for verdict in differ if verdict.seed is not None}):
        firsts = [verdict.first for verdict in differ if verdict.seed == seed]
        caught = len(firsts) - firsts.count("survived")
        share = 100 * caught / len(firsts)
        yield from (
            "",
            f"Seed {seed}: of {len(firsts)} that differ {caught} were caught at first sight, {share:.1f} %.",
        )


def _is(verdict: Verdict | None, kind: str) -> bool:
    return verdict is not None and verdict.verdict == kind


def _list(title: str, mutants: Sequence[Mutant]) -> Iterable[str]:
    if mutants:
        yield from ("", f"**{title}**", "")
    for mutant in mutants:
        reason = judged().get(mutant.name, ("", "nobody has looked at it"))[1]
        yield f"- `{mutant.file}:{mutant.line}`: `{_cut(mutant.before)}` → `{_cut(mutant.after)}`: {reason}"


def _cut(line: str) -> str:
    return (line if len(line) <= SHOWN else f"{line[:SHOWN]}…").replace("`", "'")
