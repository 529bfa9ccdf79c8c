"""What became of the claims, judged from the result files alone, by the protocol of ``docs/claims.md``.

Seeds are compared in pairs: the same seed gives both sides of a comparison the same training pairs in the same order.
Bounds stand here, and stood here before the runs that are judged were made.  Numbers of sections, tables and figures
are from memory, and say so.
"""

from collections.abc import Callable, Sequence
from math import exp

from tinygrad_lab.study import Claim, Finding, Interval, Lab, Record, Summary, not_run, passes

from .arms import FED, KINDS, fed
from .experiment import WITNESSED
from .measured import by_length_too, ends, fair, lost, mean, nats, of_length, saved
from .measured import lengths as groups_of
from .pages import tables as tables

FLOOR = 10.0  # percent right among the shortest dates, below which there is too little to lose on the longest
SEVERAL = 1.0  # BLEU points: "several" are more
TRANSLATES = 5.0  # BLEU, below which a network does not translate, and a gain of several points cannot be asked of it
PASSES_TO_CONVERGE = 30  # a guess: three left 7.9 % PER where 5.04 % is published
DICTIONARY_SEEDS = 5

NAMES = {"dates": "dates", "kinds": "dates", "words": "words of CMUdict", "verses": "English-Spanish verses"}
MEASURES = {"dates": "exact match on 2,000 unseen days", "words": "phoneme error rate on some 2,000 test words"}
Judged = Callable[[str], Finding]  # the finding of a claim from the runs of a side


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim whose results are there."""
    words = [words_claim(lab), long_words(lab), dictionary(lab)] if lab.has("words") else []
    verses = [verses_loss(lab), verses_bleu(lab)] if lab.has("verses") else []
    scores = [local_p_is_best(lab), concat_is_worse(lab), input_feeding(lab)]
    return [attention(lab), long_dates(lab), *words, *verses, *scores]


# ---- attention against none ------------------------------------------------------------------------------------------
def attention(lab: Lab) -> Claim:
    """Exact match of dates with general attention and without any."""
    gain = points(lab, "general", "none", "dates")
    return against_none(
        lab, "dates", "attention translates better than the same network without it", "table 1",
        lambda side: beats(lab, "general", "none", "dates", side), f"difference {gain:.1f points}",
        shown=lambda side: arrow(lab, "dates", side),
    )  # fmt: skip


def long_dates(lab: Lab) -> Claim:
    """What either network loses from the shortest dates to the longest."""

    def judged(side: str) -> Finding:
        found = lab.judge.superiority(lost(lab, "none", side), lost(lab, "general", side))
        shortest = lab.interval(of_length(lab, "dates", "none", groups_of(lab, "dates")[0], side)).mean
        if shortest < FLOOR:
            found = found.hold_back(f"without attention only {shortest:.1f} % of the shortest are right to begin with")
        return by_length_too(lab, found, "dates", side)

    more = lab.paired_difference(lost(lab, "none"), lost(lab, "general"))
    return against_none(
        lab, "dates", "attention holds up as sources grow longer, the network without it does not",
        "section 5.2, figure 6", judged, f"without attention it loses {more:.1f points} more",
        shown=lambda side: "; ".join(
            f"{arm} loses {lab.interval(lost(lab, arm, side)):.1f points}" for arm in ("none", "general")
        ),
        judging="exact match of the shortest group of dates less that of the longest",
    )  # fmt: skip


def words_claim(lab: Lab) -> Claim:
    """Phoneme error rates with general attention and without any."""

    def judged(side: str) -> Finding:
        without, with_it = (ends(lab, "words", arm, side=side) for arm in ("none", "general"))
        return fair(lab, lab.judge.superiority(without, with_it), "words", "general", "none", side)

    fewer = lab.paired_difference(ends(lab, "words", "none"), ends(lab, "words", "general"))
    return against_none(
        lab, "words", "attention lowers the phoneme error rate (letters to phonemes)", "table 1, on another task",
        judged, f"difference {fewer:.1f points}", shown=lambda side: arrow(lab, "words", side),
    )  # fmt: skip


def long_words(lab: Lab) -> Claim:
    """By PER: what the network without attention has more of it, in the longest group less in the shortest."""

    def judged(side: str) -> Finding:
        short, long = saved(lab, side)
        return by_length_too(lab, lab.judge.superiority(long, short), "words", side)

    def shown(side: str) -> str:
        short, long = (lab.interval(points) for points in saved(lab, side))
        return f"saved: {short:.1f points} of the shortest words' PER, {long:.1f points} of the longest's"

    short, long = saved(lab)
    return against_none(
        lab, "words", "what attention saves grows with the length of a word (letters to phonemes)",
        "section 5.2, figure 6, on another task", judged,
        f"difference {lab.paired_difference(long, short):.1f points}", shown=shown,
        judging="phoneme error rate by letters of the word",
    )  # fmt: skip


def verses_loss(lab: Lab) -> Claim:
    """Perplexity of verses, judged in nats."""
    without, with_it = (nats(lab, "verses", arm) for arm in ("none", "general"))
    shown = [lab.interval(losses) for losses in (without, with_it)]
    return Claim(
        "attention lowers the perplexity of translations (8.1 -> 7.3)",
        "table 1 (from memory)",
        ran=recipe(lab, "verses", ("none", "general"), "nats a subword of the true translation"),
        numpy=f"{shown[0]:.3f} -> {shown[1]:.3f} nats a subword (perplexity "
        f"{exp(shown[0].mean):.1f} -> {exp(shown[1].mean):.1f})",
        finding=on_verses(lab, lab.judge.superiority(without, with_it)),
        why=f"difference {lab.paired_difference(without, with_it):.3f} nats",
    )


def verses_bleu(lab: Lab) -> Claim:
    """BLEU of verses: more than a point more."""
    without, with_it = (ends(lab, "verses", arm) for arm in ("none", "general"))
    found = lab.judge.superiority(with_it, [score + SEVERAL for score in without])
    shown = lab.results("shown")
    width, wide = list(shown["BLEU"].items())[-1]
    return Claim(
        "attention gains several BLEU points (14.0 -> 16.8)",
        "table 1 (from memory)",
        ran=f"the networks above; BLEU, greedy; {shown['signature'].replace('|', ', ')}",
        numpy=arrow(lab, "verses", "numpy"),
        finding=on_verses(lab, found),
        why=f"{lab.paired_difference(with_it, without):.2f} points, more than {SEVERAL:.0f} is asked for; the "
        f"paper has 4.5 million pairs; with {width} beams seed 0 has {wide:.2f}",
    )


def on_verses(lab: Lab, found: Finding) -> Finding:
    """A finding on verses; where attention has not learned to translate yet it is not refuted."""
    best = mean(lab, "verses", "general").mean
    if best < TRANSLATES:
        found = found.allowing_for(ours=f"{best:.1f} BLEU is no translation yet")
    return fair(lab, found, "verses", "general", "none")


def dictionary(lab: Lab) -> Claim:
    """What the published numbers on CMUdict would take."""
    cost = lab.results("cost")
    hours = cost["seconds"] * PASSES_TO_CONVERGE * DICTIONARY_SEEDS / 3600
    return not_run(
        "an attentional network alone reads CMUdict's test words with 5.04 % PER and 21.69 % WER",
        source="Toshniwal & Livescu 2016, not this paper",
        why=f"left out for the time that it takes: one layer of d = {cost['hidden_size']} takes "
        f"{cost['seconds']:.0f} s of a core a pass over all training words; {PASSES_TO_CONVERGE} passes of "
        f"{DICTIONARY_SEEDS} seeds are {hours:.1f} hours at one rate, and their network is larger",
    )


# ---- which attention -------------------------------------------------------------------------------------------------
def local_p_is_best(lab: Lab) -> Claim:
    """Local-p over every other alignment, and with input feeding, as in the paper's table, over general."""
    others = [kind for kind in KINDS if kind != "local-p"]
    pairs = [("local-p", other) for other in others] + [(fed("local-p"), fed("general"))]
    return on_kinds(
        lab, [*KINDS, *map(fed, FED)],
        "predicted windows (local-p) with the general score are the best of all alignments",
        "section 5.3, table 4", lab.judge.all_of(*(beats(lab, *pair) for pair in pairs)),
        gaps(lab, pairs),
    )  # fmt: skip


def concat_is_worse(lab: Lab) -> Claim:
    """Concat behind both other scores."""
    pairs = [(other, "concat") for other in ("dot", "general")]
    return on_kinds(
        lab, ["concat", "dot", "general"], "concat does not perform as well as dot and general", "section 5.3",
        lab.judge.all_of(*(beats(lab, *pair) for pair in pairs)), gaps(lab, pairs),
    )  # fmt: skip


def input_feeding(lab: Lab) -> Claim:
    """General attention, fed and not; what it does to local-p is said."""
    gain, other = (points(lab, fed(kind), kind) for kind in FED)
    return on_kinds(
        lab, ["general", fed("general")], "input feeding improves on attention without it",
        "table 1: 16.8 -> 18.1 BLEU", beats(lab, fed("general"), "general"),
        f"difference {gain:.1f} points; with {FED[1]} it is {other:.1f} points",
    )  # fmt: skip


# ---- what claims are made of -----------------------------------------------------------------------------------------
def gaps(lab: Lab, pairs: Sequence[tuple[str, str]]) -> str:
    """How many points the first of each pair has more than the second."""
    return "; ".join(f"{ours} less {theirs}: {points(lab, ours, theirs):.1f} points" for ours, theirs in pairs)


def beats(lab: Lab, ours: str, theirs: str, group: str = "kinds", side: str = "numpy") -> Finding:
    """That more dates come out right with one arm than with another."""
    found = lab.judge.superiority(ends(lab, group, ours, side=side), ends(lab, group, theirs, side=side))
    return fair(lab, found, group, ours, theirs, side)


def points(lab: Lab, ours: str, theirs: str, group: str = "kinds") -> Interval:
    """Points by which more dates come out right with one arm than with another."""
    return lab.paired_difference(ends(lab, group, ours), ends(lab, group, theirs))


def against_none(
    lab: Lab, group: str, statement: str, source: str, judged: Judged, why: str, shown: Callable[[str], str],
    judging: str = "",
) -> Claim:  # fmt: skip
    """A claim on attention against none, with the verdict of PyTorch's runs where it made such."""
    finding, witnessed = judged("numpy"), group in WITNESSED
    finding = finding.confirmed_by(judged("torch")) if witnessed else finding
    return Claim(
        statement, f"{source} (from memory)",
        ran=recipe(lab, group, ("none", "general"), f"{judging or MEASURES[group]}, greedy"),
        numpy=shown("numpy"),
        torch=shown("torch") if witnessed else "-",
        finding=finding,
        why=why,
    )  # fmt: skip


def on_kinds(lab: Lab, arms: Sequence[str], statement: str, source: str, finding: Finding, why: str) -> Claim:
    """A claim on kinds of attention."""
    shown = "; ".join(f"{arm} {mean(lab, 'kinds', arm):.1f %}" for arm in arms)
    ran = recipe(lab, "kinds", arms, "exact match on 2,000 unseen days, greedy")
    return Claim(statement, f"{source} (from memory)", ran, shown, finding, why)


def arrow(lab: Lab, group: str, side: str) -> str:
    """Without attention, and with it."""
    without, with_it = (mean(lab, group, arm, side=side) for arm in ("none", "general"))
    if group == "verses":
        return f"{without:.2f} -> {with_it:.2f} BLEU"
    return f"{without:.1f %} -> {with_it:.1f %}"


def recipe(lab: Lab, group: str, arms: Sequence[str], judging: str) -> str:
    """What was run of some arms."""
    runs = lab.runs(group, arm=arms[0])
    config: Record = runs[0]["config"]
    limit = f" less those of more than {config['max_length']} subwords" if group == "verses" else ""
    chosen = ", ".join(f"{lab.runs(group, arm=arm)[0]['config']['learning_rate']:g}" for arm in arms)
    return (
        f"{NAMES[group]}, d = {config['hidden_size']}, {passes(config)} over {config['train_items']:,} pairs{limit} "
        f"({runs[0]['steps']:,} updates), Adam {chosen}, chosen on validation pairs; {judging}; {len(runs)} seeds"
    )


# ---- the summary -----------------------------------------------------------------------------------------------------
def summary(lab: Lab) -> Summary:
    """The standard training run: general global attention on dates."""
    run, data = lab.runs("dates", arm="general")[0], lab.results("dates")["environment"]["data"]
    config = run["config"]
    numpy, torch = (mean(lab, "dates", "general", side=side) for side in ("numpy", "torch"))
    return Summary(
        data=f"{data['items']:,} dates in many languages, and their ISO form",
        model=f"bidirectional LSTM encoder, LSTM decoder, general attention, d = {config['hidden_size']}, "
        f"{run['parameters']:,} parameters",
        loss="cross-entropy, mean over the target tokens",
        optimiser=f"Adam, learning rate {config['learning_rate']:g}, batch {config['batch_size']}, "
        f"gradients no longer than {config['clip']:g}",
        schedule=f"cosine to 0 over {passes(config)}",
        metric="unseen days translated exactly, greedy search",
        expected="perplexity near 1 after some hundred updates, once the alignment has been found",
        numpy=f"{numpy:.1f %}",
        torch=f"{torch:.1f %}, other seeds",
        command="tinygrad-lab claims seq2seq_attention (all), tinygrad-lab train seq2seq_attention (60,000 dates, "
        "d = 128, four passes)",
        time=lab.run_time("dates", arm="general", threads=False) + ", two of them side by side, each on one core",
    )
