"""What became of the claims, judged from the result files alone, by the protocol of ``docs/claims.md``.

Seeds are compared in pairs: the same seed gives both sides of a comparison the same batches.  Numbers of the paper are
quoted from memory where they say so.
"""

from collections.abc import Callable

from tinygrad_lab.study import Claim, Finding, Lab, Rates, Summary, out_of_reach

from .arms import ARMS, DEFAULT, WITNESSED, method
from .changes import LAYERS
from .costs import claims as cost_claims
from .directions import own_directions
from .findings import (
    DIRECTIONS,
    NAMES,
    base_loss,
    gain_of_full,
    loss,
    losses,
    percent,
    random_share,
    rate,
    spectrum_share,
    trained,
    trained_share,
)
from .pages import tables as tables
from .published_claims import claims as published_claims

# Nats that may be missing for "on par" and for "as good as", named before the runs: 5 % of the 0.316 that full
# fine-tuning gained over the base in the study before this one.
MARGIN = 0.016
SMALL_SHARE = 0.01  # of the parameters, at most, is what "a fraction" means here
LOW_RANK = 0.9  # share of a change's squared norm that must lie in the first directions for a low rank
SMALLEST, LARGEST = "r = 1", "r = 64"
LORA = tuple(arm for arm in ARMS if method(arm) == "lora")
Judged = Callable[[str], Finding]  # the finding of a claim from the runs of a side


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [
        *(_on_par(lab), _beats(lab, "head"), _beats(lab, "bias")),
        *(_both(lab, "q"), _both(lab, "v"), _four(lab), _rank(lab), _rank_one(lab)),
        *(_low_rank(lab), *own_directions(lab)),
        *cost_claims(lab),
        *published_claims(lab),
        _SCALE,
    ]


# ---- what claims are made of -----------------------------------------------------------------------------------------
def _claim(lab: Lab, arms: tuple[str, ...], judged: Judged, statement: str, source: str, why: str) -> Claim:
    """A claim on losses of arms, with the other side's verdict where it trained all of them."""
    witnessed = all(arm in WITNESSED for arm in arms)
    finding = judged("numpy").run_for(max(lab.spread("arms", "seconds", arm=arm).mean for arm in arms))
    finding = finding.confirmed_by(judged("torch")) if witnessed else finding
    return Claim(
        statement, source, ran=_recipe(lab, arms), numpy=_numbers(lab, arms, "numpy"),
        torch=_numbers(lab, arms, "torch") if witnessed else "-", finding=finding, why=why,
    )  # fmt: skip


def _better(lab: Lab, better: str, worse: str) -> Judged:
    """That the loss of an arm is below another's."""

    def judged(side: str) -> Finding:
        return _fair(lab, lab.judge.superiority(losses(lab, worse, side), losses(lab, better, side)), better, worse)

    return judged


def _as_good(lab: Lab, arm: str, other: str) -> Judged:
    """That the loss of an arm is not higher than another's by more than the margin."""

    def judged(side: str) -> Finding:
        ours, theirs = ([-loss for loss in losses(lab, name, side)] for name in (arm, other))
        return _fair(lab, lab.judge.not_worse(ours, theirs, MARGIN), arm, other)

    return judged


def _for_lora(lab: Lab, judged: Callable[[str], Judged], other: str) -> Judged:
    """The finding of LoRA as it is by default; refuted only if LoRA at its best is, since the claim is about LoRA.

    Args:
        judged: the finding of one of LoRA's arms, from the runs of a side.
        other: what it is compared with.
    """
    best = _best(lab, other)
    lost = judged(best)("numpy").verdict == "refuted"
    better = "" if lost else f"{NAMES[best]}, with {trained(lab, best):,} numbers, is not refuted"
    return lambda side: judged(DEFAULT)(side).allowing_for(ours=better)


def _best(lab: Lab, other: str) -> str:
    """The arm of LoRA with the lowest loss, of those that train no more numbers than the other side."""
    as_small = [arm for arm in LORA if trained(lab, arm) <= trained(lab, other)]
    return min(as_small, key=lambda arm: loss(lab, arm).mean, default=DEFAULT)


def _fair(lab: Lab, found: Finding, ours: str, theirs: str) -> Finding:
    """A finding about two arms, allowing for rates that were not bracketed."""
    return found.tuned(Rates("validation", lab.results("rates")["losses"]), ours, theirs)


def _recipe(lab: Lab, arms: tuple[str, ...]) -> str:
    """What was run of some arms."""
    base, run = lab.runs("base")[0], lab.runs("arms", arm=arms[0])[0]
    rates = ", ".join(f"{rate(lab, arm):g} ({arm})" for arm in arms)
    return (
        f"a decoder of {base['parameters']:,} parameters, {base['steps']:,} steps on the source text, then "
        f"{run['steps']:,} on the target text; learning rates {rates}; {len(losses(lab, arms[0]))} seeds"
    )


def _numbers(lab: Lab, arms: tuple[str, ...], side: str) -> str:
    return "; ".join(f"{arm}: {loss(lab, arm, side):.3f}" for arm in arms) + " nats"


def _gap(lab: Lab, one: str, other: str) -> str:
    """The difference of two losses, in words."""
    found = lab.paired_difference(losses(lab, one), losses(lab, other))
    return f"{one} less {other}: {found:.3f nats}"


# ---- quality ---------------------------------------------------------------------------------------------------------
def _on_par(lab: Lab) -> Claim:
    as_good, share = _for_lora(lab, lambda arm: _as_good(lab, arm, "full"), "full"), trained_share(lab, DEFAULT)
    gap = lab.paired_difference(losses(lab, DEFAULT), losses(lab, "full")).mean
    return _claim(
        lab, (DEFAULT, "full"),
        lambda side: lab.judge.all_of(as_good(side), lab.judge.counted(share < SMALL_SHARE)),
        "LoRA performs on par with full fine-tuning, with a fraction of the parameters trained "
        "(GPT-2 M: 0.1 %, RoBERTa-base: 0.24 %)",
        "tables 2 and 3",
        f"{_gap(lab, DEFAULT, 'full')}, {percent(gap / gain_of_full(lab))} of what full fine-tuning gains on the "
        f"base's {base_loss(lab):.3f}; {MARGIN} are allowed, and {percent(SMALL_SHARE)} of the parameters, of which "
        f"LoRA trains {percent(share)}; {_at_its_best(lab, 'full')}",
    )  # fmt: skip


def _beats(lab: Lab, other: str) -> Claim:
    source = {"bias": "table 2 (BitFit)", "head": "not in the paper: the simplest way to adapt"}[other]
    return _claim(
        lab, (other, DEFAULT), _for_lora(lab, lambda arm: _better(lab, arm, other), other),
        f"LoRA adapts better than training the {NAMES[other].removesuffix(' only')} alone", source,
        f"{_gap(lab, other, DEFAULT)}; {trained(lab, other):,} and {trained(lab, DEFAULT):,} numbers are trained; "
        f"{_at_its_best(lab, other)}",
    )  # fmt: skip


def _at_its_best(lab: Lab, other: str) -> str:
    """How far LoRA comes with no more numbers than the other side, in words."""
    best = _best(lab, other)
    named = NAMES[best].removeprefix("LoRA, ")
    return f"of LoRA's arms with no more numbers the best is {named}, {_gap(lab, other, best)}"


# ---- which matrices, which rank --------------------------------------------------------------------------------------
def _both(lab: Lab, single: str) -> Claim:
    """Table 5: two matrices at r = 4 beat one at r = 8."""
    name, papers = {"q": ("queries", "q 70.4 and 91.0"), "v": ("values", "v 73.0 and 91.0")}[single]
    return _claim(
        lab, (single, DEFAULT), _better(lab, DEFAULT, single),
        f"with the same number of parameters it is better to adapt queries and values than {name} alone",
        f"table 5 ({papers}, q and v 73.7 and 91.3, WikiSQL and MNLI)",
        f"{_gap(lab, single, DEFAULT)}; {trained(lab, DEFAULT):,} numbers are trained either way",
    )  # fmt: skip


def _four(lab: Lab) -> Claim:
    four = "q, k, v, o"
    return _claim(
        lab, (four, DEFAULT), _as_good(lab, four, DEFAULT),
        "all four attention matrices at half the rank are as good as queries and values, or better",
        "table 5 (73.7 and 91.3 against 73.7 and 91.7)",
        f"{_gap(lab, four, DEFAULT)}; {MARGIN} are allowed; the two matrices of the MLP, not in the paper's table: "
        f"{loss(lab, 'MLP'):.3f}",
    )  # fmt: skip


def _rank(lab: Lab) -> Claim:
    return _claim(
        lab, (DEFAULT, LARGEST), _as_good(lab, DEFAULT, LARGEST),
        "a very small rank suffices: more rank brings nothing (r = 4: 73.7, r = 64: 73.5)",
        "table 6 (from memory)", _between_ranks(lab, DEFAULT),
    )  # fmt: skip


def _rank_one(lab: Lab) -> Claim:
    return _claim(
        lab, (SMALLEST, LARGEST), _as_good(lab, SMALLEST, LARGEST),
        "even r = 1 suffices for queries and values (r = 1: 73.4, r = 64: 73.5)",
        "table 6 (from memory)", _between_ranks(lab, SMALLEST),
    )  # fmt: skip


def _between_ranks(lab: Lab, small: str) -> str:
    gap = lab.paired_difference(losses(lab, small), losses(lab, LARGEST)).mean
    return (
        f"{_gap(lab, small, LARGEST)}, {percent(gap / gain_of_full(lab))} of what full fine-tuning gains; "
        f"{MARGIN} are allowed"
    )


# ---- what adaptation changes -----------------------------------------------------------------------------------------
def _low_rank(lab: Lab) -> Claim:
    spectra = lab.results("changes")["spectra"]
    shares = {name: [spectrum_share(run, name) for run in spectra] for name in LAYERS}
    shown = "; ".join(f"{name[0]}: {lab.interval([100 * s for s in found]):.1f %}" for name, found in shares.items())
    width = lab.runs("arms", arm="full")[0]["config"]["width"]
    found = [lab.judge.superiority(found, [LOW_RANK] * len(found)) for found in shares.values()]
    return Claim(
        statement="the change that adaptation makes to a weight has a low intrinsic rank",
        source="section 4.1 (the hypothesis; what counts as low is ours)",
        ran="singular values of W - W0 after full fine-tuning, mean over blocks",
        numpy=f"share of the squared norm in the first {DIRECTIONS} of {width} directions: {shown}",
        finding=lab.judge.all_of(*found).run_for(lab.spread("arms", "seconds", arm="full").mean),
        why=f"{percent(LOW_RANK)} are asked for; a random matrix has about {percent(random_share(width))} there",
    )


# ---- what was not run ------------------------------------------------------------------------------------------------
# WikiSQL by the paper's recipe for GPT-3 (from memory): examples, tokens of each, passes.  For a weight and a token
# LoRA makes two operations forwards and two backwards; two more, for the weight's own gradient, it saves.
_WEIGHTS, _TOKENS, _PASSES = 175e9, 56_355 * 384, 2
_OPERATIONS = 4 * _WEIGHTS * _TOKENS * _PASSES
_SCALE = out_of_reach(
    "no loss of quality on GPT-3 with 175 billion parameters (WikiSQL, MNLI, SAMSum)",
    source="table 4",
    lacks="compute",
    estimate=f"WikiSQL alone, {_PASSES} passes over {_TOKENS / 1e6:.0f} million tokens, is "
    f"{_OPERATIONS / 1e19:.0f} × 10^19 operations, {_OPERATIONS / 1e11 / 3.15e7:.0f} years at 10^11 a second, with "
    f"{2 * _WEIGHTS / 1e9:.0f} GB of weights in 16 bits; they are not published either",
)


# ---- the training summary --------------------------------------------------------------------------------------------
def summary(lab: Lab) -> Summary:
    """LoRA on the target text."""
    base, data = (lab.results(name)["environment"]["data"] for name in ("base", "arms"))
    run = lab.runs("arms", arm=DEFAULT)[0]
    config = run["config"]
    return Summary(
        data=f"pretrained on {base['name']}, adapted to {data['name']}, {data['items']:,} characters",
        model=f"decoder, {config['layers']} layers of width {config['width']}, {run['parameters']:,} parameters; "
        f"r = {config['rank']} on {config['targets']}, {run['trained']:,} trained",
        loss="cross-entropy of the next character, mean over the batch",
        optimiser=f"AdamW, learning rate {config['learning_rate']:g}, weight decay {config['weight_decay']:g}, "
        f"batch {config['batch_size']} x {config['context']}",
        schedule=f"a line up over {percent(config['warmup'])} of {run['steps']:,} steps, then a line down to 0",
        metric="nats a character of the held-out text",
        expected=f"from the base model's {base_loss(lab):.2f} to about {loss(lab, DEFAULT).mean:.2f}; full "
        f"fine-tuning comes to {loss(lab, 'full').mean:.2f}",
        numpy=f"{loss(lab, DEFAULT):.3f}",
        torch=f"{loss(lab, DEFAULT, 'torch'):.3f}, under other seeds",
        command="tinygrad-lab claims lora (all), tinygrad-lab train lora --size small (one run)",
        time=lab.run_time("arms", arm=DEFAULT, threads=False) + ", two of them side by side, each on one core",
    )
