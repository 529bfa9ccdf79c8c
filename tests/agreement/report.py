"""What came out, as a document: totals, then a line for every operation."""

import platform
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import torch

from tests.agreement.case import Judged, Verdict

BAD = Verdict.UNCLEAR, Verdict.WRONG, Verdict.CRASH
HEAD = """# How far the engine has torch's surface

`make agreement` (`python -m tests.agreement`) wrote this page, with torch {torch}, NumPy {numpy} and Python {python}.

torch tests itself with samples: arguments for every operator, layer and optimiser, and arguments that it must refuse.
Here every sample of a name that we share with torch is given to both sides: functions, methods (also those that work
in place), `nn.functional`, layers, optimisers; float64 and float32, contiguous and not, forward and gradient; int64,
uint8 and booleans, forward. *Agree*: outputs, gradients and what became of the arguments have the same values, shapes
and dtypes; or torch refuses, and so do we. *Refused*: torch computes something, and we say in one line which operation
does not take which argument. The engine holds what the papers and their neighbours need, so there are such lines. What
our dtypes cannot represent (complex, bfloat16, sparse, `out=`, memory formats) is counted apart.
"""


def rate(judged: Iterable[Judged]) -> float:
    """Return the share of the samples that can be represented in which both sides agree."""
    count = counts(judged)
    return count[Verdict.AGREE] / max(1, sum(n for verdict, n in count.items() if verdict is not Verdict.APART))


def counts(judged: Iterable[Judged]) -> Counter[Verdict]:
    return Counter(one.verdict for one in judged)


def as_markdown(sections: Mapping[str, list[Judged]]) -> str:
    """Return the whole page."""
    everything = [one for judged in sections.values() for one in judged]
    versions = {"torch": torch.__version__.partition("+")[0], "numpy": np.__version__}
    page = [HEAD.format(**versions, python=".".join(platform.python_version_tuple()[:2]))]
    page += [_totals(sections), f"Of what can be represented, {rate(everything):.1%} agree.\n"]
    if bad := [one for one in everything if one.verdict in BAD]:
        page += ["## To be mended\n", *(f"- `{o.name}`, {o.label}: {o.verdict.value}: {o.why}" for o in bad), ""]
    for title, judged in sections.items():
        page += [f"## {title}\n", _table(judged)]
    return "\n".join(page)


def _totals(sections: Mapping[str, list[Judged]]) -> str:
    verdicts = list(Verdict)
    lines = ["| | samples | " + " | ".join(v.value for v in verdicts) + " |", "|---|" + "---:|" * (len(verdicts) + 1)]
    for title, judged in {**sections, "**together**": [one for part in sections.values() for one in part]}.items():
        count = counts(judged)
        lines.append(f"| {title} | {len(judged):,} | " + " | ".join(f"{count[v]:,}" for v in verdicts) + " |")
    return "\n".join([*lines, ""])


def _table(judged: list[Judged]) -> str:
    by_name: dict[str, list[Judged]] = {}
    for one in judged:
        by_name.setdefault(one.name, []).append(one)
    lines = ["| operation | samples | agree | of which torch refuses | refused, and why | apart |"]
    lines.append("|---|---:|---:|---:|---|---:|")
    for name in sorted(by_name, key=str.lower):
        mine = by_name[name]
        count = counts(mine)
        both = sum(one.refused_by_torch and one.verdict is Verdict.AGREE for one in mine)
        numbers = len(mine), count[Verdict.AGREE], both
        cells = [f"`{name}`", *map(str, numbers), _reasons(mine), str(count[Verdict.APART] or "")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _reasons(judged: list[Judged]) -> str:
    """The reasons of refusals, most frequent first, with how often."""
    why = Counter(one.why for one in judged if one.verdict is Verdict.REFUSED)
    return "; ".join(f"{times} × {text.replace('|', 'or').replace('*', '∗')}" for text, times in why.most_common())
