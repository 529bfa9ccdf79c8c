"""What became of the claims, judged from the result files alone, by the protocol of ``docs/claims.md``.

Seeds are compared in pairs: the same seed gives both sides of a comparison the same training pairs in the same order.
Margins stand here, and stood here before the runs that are judged were made.
"""

from collections.abc import Callable
from math import exp

from tinygrad_lab.study import Claim, Finding, Lab, Summary, out_of_reach, passes

from .experiment import WITNESSED
from .measured import fair, gap, nats, rates, seconds, share, written
from .pages import tables as tables

EQUAL = 5.0  # points of exact match within which two kinds of positions count as nearly identical
OVER_FITTED = 5.0  # points of accuracy by which training is ahead of test where there is over-fitting to speak of
LEFT = 0.5  # of what a model with positions gets right: one without that gets less does not translate

PAIRS = {"dates": "dates", "cmudict": "words of CMUdict"}
Judged = Callable[[str], Finding]  # the finding of a claim from the runs of a side


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim whose results are there."""
    words = [words_claim(lab)] if lab.has("words") else []
    return [against_luong(lab), *words, cost(lab), *table_3(lab), dropout(lab), warm_up(lab), TRANSLATION]


def table_3(lab: Lab) -> list[Claim]:
    """The rows of table 3 that the dates stand in for."""
    return [heads(lab), key_size(lab), no_positions(lab), learned_positions(lab), smoothing(lab)]


# ---- against recurrence ----------------------------------------------------------------------------------------------
def against_luong(lab: Lab) -> Claim:
    """Exact match of both models on the dates."""
    return on_dates(
        lab, "sinusoidal", "luong",
        "attention alone translates better than a recurrent network with attention",
        "table 2, there with BLEU on WMT 2014", beats(lab, "sinusoidal", "luong"),
        "{points:.1f} points more dates right than Luong's",
    )  # fmt: skip


def words_claim(lab: Lab) -> Claim:
    """Phoneme error rates of both models."""
    luong, ours = (written(lab, "words", arm, "PER") for arm in ("luong", "transformer"))
    found = fair(lab, lab.judge.superiority(luong, ours), "words", "transformer", "luong")
    shown = [share(lab, arm, "words", key) for key in ("PER", "WER") for arm in ("luong", "transformer")]
    return Claim(
        "the same, on letters to phonemes",
        "table 2, on another task",
        ran=f"{recipe(lab, 'words', 'transformer')}, phoneme error rate on 2,000 test words, greedy"
        f"{rival(lab, 'words')}",
        numpy="PER {} (Luong) -> {}; WER {} -> {}".format(*shown),
        finding=found,
        why=f"{lab.paired_difference(luong, ours):.1f points} fewer wrong phonemes; "
        f"{seconds(lab, 'words', 'luong'):.0f} s (Luong) and "
        f"{seconds(lab, 'words', 'transformer'):.0f} s of training",
    )


def cost(lab: Lab) -> Claim:
    """Processor time of as much training."""
    taken = lab.results("cost")["seconds"]
    numpy, torch = ({name: lab.interval(found).mean for name, found in taken[side].items()} for side in taken)
    saved = lab.paired_difference(taken["numpy"]["luong"], taken["numpy"]["sinusoidal"])
    shown = "{luong:.1f} s (Luong) -> {sinusoidal:.1f} s"
    return Claim(
        "it needs less time to train than recurrent networks",
        "abstract, table 2",
        ran="one pass over the dates on one core, from the processor time of steps of both models in turns",
        numpy=shown.format_map(numpy),
        torch=shown.format_map(torch),
        finding=lab.judge.timed(numpy["sinusoidal"] / numpy["luong"], 1.0).allowing_for(
            ours="the paper's saving is that of processors that compute all positions at once, and a core does not"
        ),
        why=f"{saved:.1f} s saved",
    )


TRANSLATION = out_of_reach(
    "28.4 BLEU on WMT 2014 English to German, 41.8 on English to French",
    source="abstract, table 2",
    lacks="compute",
    estimate="4.5 million pairs, 12 hours on eight P100 for the base model",
    ran="not run; the base model's sizes are there (`paper`), and tests count its parameters",
)


# ---- table 3 ---------------------------------------------------------------------------------------------------------
def heads(lab: Lab) -> Claim:
    """One head against some."""
    count = lab.runs("dates", arm="sinusoidal")[0]["config"]["heads"]
    statement = f"one head is worse than several, here {count}"
    return worse(lab, "one-head", statement, "table 3 (A): 24.9 against 25.8 BLEU with 8")


def key_size(lab: Lab) -> Claim:
    """Narrow keys against those of the usual width."""
    config = lab.runs("dates", arm="narrow-keys")[0]["config"]
    full = config["hidden_size"] // config["heads"]
    statement = f"smaller keys hurt, here d_k = {config['key_size']} in place of {full}"
    source = "table 3 (B): 25.1 against 25.8 BLEU with d_k = 16 in place of 64 (from memory)"
    return worse(lab, "narrow-keys", statement, source)


def worse(lab: Lab, arm: str, statement: str, source: str) -> Claim:
    """An arm that should translate worse than the default."""
    judged = beats(lab, "sinusoidal", arm)
    return on_dates(lab, "sinusoidal", arm, statement, source, judged, "it loses {points:.1f} points")


def no_positions(lab: Lab) -> Claim:
    """Without positions against a share of what is right with them."""

    def judged(side: str) -> Finding:
        left = [LEFT * right for right in written(lab, "dates", "sinusoidal", side=side)]
        found = lab.judge.superiority(left, written(lab, "dates", "no-positions", side=side))
        return fair(lab, found, "dates", "sinusoidal", "no-positions", side, part=LEFT)

    statement = "without recurrence the order has to be told: no positions, no translation"
    said = "it loses {points:.1f} points; less than half of what the same seed with positions reaches is asked for"
    return on_dates(lab, "sinusoidal", "no-positions", statement, "section 3.5", judged, said)


def learned_positions(lab: Lab) -> Claim:
    """A table of positions that is learned against sinusoids."""

    def judged(side: str) -> Finding:
        learned, fixed = (written(lab, "dates", arm, side=side) for arm in ("learned", "sinusoidal"))
        return fair(lab, lab.judge.equivalence(learned, fixed, EQUAL), "dates", "learned", "sinusoidal", side)

    statement = "learned positions give nearly identical results"
    said = f"{{points:.1f}} points more dates right, within {EQUAL:.0f} either way is asked for"
    return on_dates(lab, "sinusoidal", "learned", statement, "table 3 (E): 25.7 against 25.8 BLEU", judged, said)


def smoothing(lab: Lab) -> Claim:
    """Both halves of the sentence: a greater loss, and more dates right."""
    smooth, sharp = (nats(lab, "dates", arm) for arm in ("sinusoidal", "no-smoothing"))
    hurts = fair(lab, lab.judge.superiority(smooth, sharp), "dates", "sinusoidal", "no-smoothing")
    better = lab.paired_difference(*(written(lab, "dates", arm) for arm in ("sinusoidal", "no-smoothing")))
    mean = [exp(lab.interval(losses).mean) for losses in (sharp, smooth)]
    return Claim(
        "label smoothing of 0.1 hurts perplexity but improves accuracy",
        "section 5.4, table 3 (D): 4.67 -> 4.92, and 25.3 -> 25.8 BLEU",
        ran=f"{recipe(lab, 'dates', 'sinusoidal', 'no-smoothing')}, exact match on 2,000 unseen days, greedy",
        numpy=f"{lab.interval(sharp):.3f} -> {lab.interval(smooth):.3f} nats a token (perplexity "
        f"{mean[0]:.2f} -> {mean[1]:.2f}); {share(lab, 'no-smoothing')} -> {share(lab, 'sinusoidal')}",
        finding=lab.judge.all_of(hurts, beats(lab, "sinusoidal", "no-smoothing")("numpy")),
        why=f"{lab.paired_difference(smooth, sharp):.3f} nats more, {better:.1f points} more dates right; "
        "both are asked for",
    )


def dropout(lab: Lab) -> Claim:
    """Few dates, many passes: what dropping units is for."""
    before, after = (written(lab, "few-dates", arm) for arm in ("without", "dropout"))
    found, ahead = lab.judge.superiority(after, before), gap(lab, "without")
    said = f"{lab.paired_difference(after, before):.1f points} more dates right"
    if ahead.mean < OVER_FITTED:
        found = found.hold_back("there is no over-fitting to avoid yet")
        said += f"; training is less than {OVER_FITTED:.0f} points ahead"
    return Claim(
        "dropout is very helpful in avoiding over-fitting",
        "table 3 (D): 24.6 -> 25.8 BLEU",
        ran=f"{recipe(lab, 'few-dates', 'without', 'dropout')}, exact match on 2,000 unseen days; "
        "without and with dropout of 0.1",
        numpy=f"{share(lab, 'without', 'few-dates')} -> {share(lab, 'dropout', 'few-dates')}; accuracy in training "
        f"above that in test by {ahead:.1f points} -> {gap(lab, 'dropout'):.1f points}",
        finding=fair(lab, found, "few-dates", "dropout", "without"),
        why=said,
    )


def warm_up(lab: Lab) -> Claim:
    """Six layers, norms after the sub-layers, with and without a rate that begins low."""
    start, at_once = (nats(lab, "warm-up", arm) for arm in ("warm-up", "none"))
    found = lab.judge.superiority(at_once, start).tuned(rates(lab, "warm-up"), "warm-up", "none")
    config = lab.runs("warm-up", arm="warm-up")[0]["config"]
    shown = [lab.interval(losses) for losses in (at_once, start)]
    return Claim(
        "the rate has to warm up (norms come after the sub-layers)",
        "section 5.3, where it is done and not argued",
        ran=f"{recipe(lab, 'warm-up', 'none', 'warm-up')}, test loss; without warm-up the rate falls as 1/√step from "
        f"the first update, with it from update {config['warmup_steps']}",
        numpy=f"{shown[0]:.2f} -> {shown[1]:.2f} nats a token",
        finding=found.run_for(seconds(lab, "warm-up", "warm-up", "none")),
        why=f"{lab.paired_difference(at_once, start):.2f} nats less with warm-up",
    )


# ---- what claims are made of -----------------------------------------------------------------------------------------
def beats(lab: Lab, ours: str, theirs: str) -> Judged:
    """That more dates come out right with one arm than with another."""

    def judged(side: str) -> Finding:
        both = (written(lab, "dates", arm, side=side) for arm in (ours, theirs))
        return fair(lab, lab.judge.superiority(*both), "dates", ours, theirs, side)

    return judged


def on_dates(lab: Lab, ours: str, theirs: str, statement: str, source: str, judged: Judged, said: str) -> Claim:
    """A claim on two arms on dates, with the other side's verdict where it trained both."""
    witnessed = ours in WITNESSED and theirs in WITNESSED
    finding = judged("numpy")
    finding = finding.confirmed_by(judged("torch")) if witnessed else finding
    points = lab.paired_difference(*(written(lab, "dates", arm) for arm in (ours, theirs)))
    why = said.format(points=points)
    arms, against = ((ours,), rival(lab, "dates")) if theirs == "luong" else ((ours, theirs), "")
    trained = recipe(lab, "dates", *arms)
    return Claim(
        statement, source,
        ran=f"{trained}, exact match on 2,000 unseen days, greedy{against}",
        numpy=both_shares(lab, ours, theirs, "numpy"),
        torch=both_shares(lab, ours, theirs, "torch") if witnessed else "-",
        finding=finding,
        why=why,
    )  # fmt: skip


def both_shares(lab: Lab, ours: str, theirs: str, side: str) -> str:
    """The rival's share and ours; of two arms of ours the default's first."""
    order = (theirs, ours) if theirs == "luong" else (ours, theirs)
    return " -> ".join(share(lab, arm, side=side) + " (Luong)" * (arm == "luong") for arm in order)


def recipe(lab: Lab, group: str, *arms: str) -> str:
    """What was run of some arms of ours."""
    runs = lab.runs(group, arm=arms[0])
    config = runs[0]["config"]
    chosen = " and ".join(f"{lab.runs(group, arm=arm)[0]['config']['learning_rate']:g}" for arm in arms)
    return (
        f"{config['layers']} + {config['layers']} layers, d = {config['hidden_size']}, {passes(config)} over "
        f"{config['train_items']:,} {PAIRS[config['dataset']]} ({runs[0]['steps']:,} updates), {chosen} times "
        f"the paper's rate, chosen on validation pairs; {len(runs)} seeds"
    )


def rival(lab: Lab, group: str) -> str:
    """What was run of the Luong model."""
    run = lab.runs(group, arm="luong")[0]
    return (
        f"; the Luong model on the same pairs and passes, d = {run['config']['hidden_size']}, "
        f"{run['parameters']:,} parameters, Adam {run['config']['learning_rate']:g}"
    )


# ---- the summary -----------------------------------------------------------------------------------------------------
def summary(lab: Lab) -> Summary:
    """The training run that all others are compared with: the default on dates."""
    run, data = lab.runs("dates", arm="sinusoidal")[0], lab.results("dates")["environment"]["data"]
    config = run["config"]
    return Summary(
        data=f"{data['items']:,} dates in many languages, and their ISO form",
        model=f"{config['layers']} + {config['layers']} layers, d = {config['hidden_size']}, {config['heads']} heads, "
        f"d_ff = {config['feed_forward']}, {run['parameters']:,} parameters",
        loss=f"cross-entropy with label smoothing {config['label_smoothing']:g}, mean over the target tokens",
        optimiser=f"Adam (0.9, 0.98), epsilon 1e-9, batch {config['batch_size']}, dropout {config['dropout']:g}",
        schedule=f"{config['learning_rate']:g} times the paper's, warm-up of {config['warmup_steps']} of "
        f"{run['steps']:,} updates, {passes(config)}",
        metric="unseen days translated exactly, greedy search",
        expected="about half of the dates right, more with every pass; twice the width and 60,000 dates get 9 in 10",
        numpy=share(lab, "sinusoidal"),
        torch=share(lab, "sinusoidal", side="torch") + ", other seeds",
        command="tinygrad-lab claims transformer (all), tinygrad-lab train transformer (60,000 dates, d = 64)",
        time=lab.run_time("dates", arm="sinusoidal", threads=False) + ", two of them side by side, each on one core",
    )
