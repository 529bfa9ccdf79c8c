"""What became of the claims, judged from the result files alone, by the protocol of ``docs/claims.md``.

Seeds are compared in pairs: the same seed gives both sides of a comparison the same batches.  Numbers of the paper are
quoted from memory where they say so.
"""

from collections.abc import Callable

from tinygrad_lab.study import Claim, Finding, Lab, Rates, Summary, not_run, out_of_reach

from .changes import LAYERS
from .costs import claims as cost_claims
from .experiment import COMPARED, DEFAULT, WITNESSED
from .findings import (
    DIRECTIONS,
    NAMES,
    base_loss,
    gain_of_full,
    loss,
    losses,
    overlap,
    percent,
    random_share,
    rate,
    spectrum_share,
    trained,
    trained_share,
)
from .pages import tables as tables

# Nats that may be missing for "on par" and for "as good as", named before the runs: 5 % of the 0.316 that full
# fine-tuning gained over the base in the study before this one.
MARGIN = 0.016
SMALL_SHARE = 0.01  # of the parameters, at most, is what "a fraction" means here
LOW_RANK = 0.9  # share of a change's squared norm that must lie in the first directions for a low rank
SHARED = 0.5  # similarity above which the paper says that a direction is shared
SMALLEST, LARGEST = "r = 1", "r = 64"
Judged = Callable[[str], Finding]  # the finding of a claim from the runs of a side


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [
        *(_on_par(lab), _beats(lab, "head"), _beats(lab, "bias")),
        *(_both(lab, "q"), _both(lab, "v"), _four(lab), _rank(lab), _rank_one(lab)),
        *(_low_rank(lab), _shared_direction(lab), _more_than_chance(lab)),
        *cost_claims(lab),
        _published(lab),
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
    as_good, share = _as_good(lab, DEFAULT, "full"), trained_share(lab, DEFAULT)
    gap = lab.paired_difference(losses(lab, DEFAULT), losses(lab, "full")).mean
    return _claim(
        lab, (DEFAULT, "full"),
        lambda side: lab.judge.all_of(as_good(side), lab.judge.counted(share < SMALL_SHARE)),
        "LoRA performs on par with full fine-tuning, with a fraction of the parameters trained "
        "(GPT-2 M: 0.1 %, RoBERTa-base: 0.24 %)",
        "tables 2 and 3",
        f"{_gap(lab, DEFAULT, 'full')}, {percent(gap / gain_of_full(lab))} of what full fine-tuning gains on the "
        f"base's {base_loss(lab):.3f}; {MARGIN} are allowed, and {percent(SMALL_SHARE)} of the parameters, of which "
        f"LoRA trains {percent(share)}",
    )  # fmt: skip


def _beats(lab: Lab, other: str) -> Claim:
    source = {"bias": "table 2 (BitFit)", "head": "not in the paper: the simplest way to adapt"}[other]
    return _claim(
        lab, (other, DEFAULT), _better(lab, DEFAULT, other),
        f"LoRA adapts better than training the {NAMES[other].removesuffix(' only')} alone", source,
        f"{_gap(lab, other, DEFAULT)}; {trained(lab, other):,} and {trained(lab, DEFAULT):,} numbers are trained",
    )  # fmt: skip


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


def _shared_direction(lab: Lab) -> Claim:
    found = {name: overlap(lab, "trained", name, 1) for name in LAYERS}
    parts = [lab.judge.superiority(values, [SHARED] * len(values)) for values in found.values()]
    return _overlap_claim(
        lab, 1, lab.judge.all_of(*parts),
        "adapters of r = 8 and r = 64 share their first direction: a similarity above 0.5",
        f"more than {SHARED} are asked for, for queries and for values",
    )  # fmt: skip


def _more_than_chance(lab: Lab) -> Claim:
    pairs = [[overlap(lab, kind, name, DIRECTIONS) for kind in ("trained", "random")] for name in LAYERS]
    parts = [lab.judge.superiority(*pair) for pair in pairs]
    return _overlap_claim(
        lab, DIRECTIONS, lab.judge.all_of(*parts),
        "adapters of r = 8 and r = 64 have more of their first 8 directions in common than random matrices have",
        "more than chance is asked for, for queries and for values",
    )  # fmt: skip


def _overlap_claim(lab: Lab, directions: int, finding: Finding, statement: str, why: str) -> Claim:
    """A claim on the similarity of the first directions at both ranks."""
    shown = "; ".join(
        f"{name[0]}: {lab.interval(overlap(lab, 'trained', name, directions)):.2f}, by chance "
        f"{lab.interval(overlap(lab, 'random', name, directions)).mean:.2f}"
        for name in LAYERS
    )
    many = "first direction" if directions == 1 else f"first {directions} directions"
    return Claim(
        statement, "section 7.2, figure 3 (from memory)",
        ran=f"right singular vectors of A, {many} of both ranks, mean over blocks; the same base, other seeds, rates "
        f"{' and '.join(f'{rate(lab, arm):g} ({arm})' for arm in COMPARED)}",
        numpy=shown, finding=finding.run_for(lab.spread("arms", "seconds", arm=COMPARED[-1]).mean), why=why,
    )  # fmt: skip


# ---- what was not run ------------------------------------------------------------------------------------------------
PUBLISHED = "on a published model LoRA with r = 1, 2, 4, 8 and 64 is on par with full fine-tuning"
PUBLISHED_ARMS, PUBLISHED_RUNS = 6, 3 + 5  # ranks and all weights; a grid of three rates, then five seeds


def _published(lab: Lab) -> Claim:
    """Not run; the estimate is what a run of the one experiment on that model took."""
    why = "left out for the time that it takes, and its weights come in a package of their own"
    if lab.has("smollm2"):
        found = lab.results("smollm2")
        hours = PUBLISHED_ARMS * PUBLISHED_RUNS * found["seconds"] / 3600
        why += (
            f": {found['recipe']['steps']} steps of SmolLM2-135M took {found['seconds']:.0f} s with LoRA; three rates "
            f"and five seeds for all weights and for each rank are {hours:.1f} hours, or more, on one core"
        )
    return not_run(PUBLISHED, "tables 2, 3 and 6", why)


_SCALE = out_of_reach(
    "no loss of quality on GPT-3 with 175 billion parameters (WikiSQL, MNLI, SAMSum)",
    source="table 4",
    lacks="compute",
    estimate="175 billion parameters are 350 GB of weights, which are not published either",
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
