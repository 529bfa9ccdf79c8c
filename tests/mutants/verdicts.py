"""The verdicts so far, one a line in a file that grows, and the judgements on those that survived."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from tests.mutants.slot import Verdict

HERE = Path(__file__).parent
VERDICTS = HERE / "verdicts.jsonl"
JUDGED = HERE / "judged.toml"


def verdicts() -> dict[str, Verdict]:
    """The last verdict on each mutant; a line that a kill has cut short is none."""
    found = {}
    if VERDICTS.exists():
        for line in VERDICTS.read_text(encoding="utf-8").splitlines():
            if line.endswith("}"):
                verdict = Verdict(**json.loads(line))
                found[verdict.mutant] = verdict
    return found


def add(verdict: Verdict, seed: int) -> None:
    """Append a verdict; the first one on a mutant stays beside it."""
    known = verdicts().get(verdict.mutant, replace(verdict, first=verdict.verdict, seed=seed))
    verdict = replace(verdict, first=known.first, seed=known.seed)
    with VERDICTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(verdict), ensure_ascii=False) + "\n")


def tidy(names: Iterable[str]) -> None:
    """Leave the last verdict on each mutant that there still is."""
    left = verdicts()
    lines = [json.dumps(asdict(left[name]), ensure_ascii=False) for name in names if name in left]
    VERDICTS.write_text("".join(f"{line}\n" for line in sorted(lines)), encoding="utf-8")


def judged() -> Mapping[str, tuple[str, str]]:
    """For each mutant that somebody looked at: ``equivalent`` or ``open``, and the reason."""
    content = tomllib.loads(JUDGED.read_text(encoding="utf-8"))
    return {name: (kind, reason) for kind, group in content.items() for name, reason in _each(group)}


def _each(group: list[dict[str, object]]) -> Iterable[tuple[str, str]]:
    for entry in group:
        for name in entry["mutants"]:
            yield name, str(entry["reason"])
