"""What became of the claims, judged from the result files alone.

Seeds are compared in pairs: the same seed gives both sides of a comparison the same training pairs in the same order.
All rows of table 3 have one learning rate, which nobody tuned for any of them; the Luong model has its own.
"""

from math import log

from tinygrad_lab.study import Claim, Finding, Interval, Lab, Rates, Record, Summary, out_of_reach, passes, table

from .experiment import ROWS

RATES = Rates("one rate for every arm")
EQUAL = 5.0  # points of exact match within which two kinds of positions count as nearly identical
OVER_FITTED = 5.0  # points of accuracy by which training is ahead of test where there is over-fitting to speak of


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim whose results are there."""
    needs = {
        _against_luong: "dates-luong",
        _words: "words-luong",
        _cost: "cost",
        _heads: "dates-one-head",
        _key_size: "dates-narrow-keys",
        _no_positions: "dates-no-positions",
        _learned_positions: "dates-learned",
        _smoothing: "dates-no-smoothing",
        _dropout: "few-dates",
        _warm_up: "warm-up",
    }
    return [*(claim(lab) for claim, results in needs.items() if lab.has(results)), _TRANSLATION]


def dates_right(lab: Lab, name: str) -> list[float]:
    """Unseen dates translated exactly, in percent, one number a seed."""
    return lab.values(f"dates-{name}", "exact")


def _right(lab: Lab, name: str, side: str = "numpy") -> str:
    return f"{lab.spread(f'dates-{name}', 'exact', side=side):.1f %}"


def _ahead(lab: Lab, name: str, other: str) -> Interval:
    """Points by which more dates come out right with one model than with another."""
    return lab.paired_difference(dates_right(lab, name), dates_right(lab, other))


def _beats(lab: Lab, name: str, other: str) -> Finding:
    """That more dates come out right with one model than with another."""
    return _fair(lab, lab.judge.superiority(dates_right(lab, name), dates_right(lab, other)), name, other)


def _fair(lab: Lab, finding: Finding, ours: str, theirs: str, name: str = "dates-sinusoidal") -> Finding:
    """A finding of runs like those of a results file, whose rates nobody tuned."""
    return finding.tuned(RATES, ours, theirs).run_for(lab.spread(name, "seconds").mean)


def _schedule(lab: Lab) -> str:
    runs = lab.runs("dates-sinusoidal")
    config = runs[0]["config"]
    return (
        f"dates, {config['layers']} + {config['layers']} layers, d = {config['hidden_size']}, "
        f"{passes(config)} ({runs[0]['steps']:,} updates), exact match on 2,000 unseen days, "
        f"greedy; {len(runs)} seeds"
    )


# ---- against recurrence ---------------------------------------------------------------------------------------------


def _against_luong(lab: Lab) -> Claim:
    gain, rival = _ahead(lab, "sinusoidal", "luong"), lab.runs("dates-luong")[0]
    return Claim(
        "attention alone translates better than a recurrent network with attention",
        source="table 2, there with BLEU on WMT 2014",
        ran=f"{_schedule(lab)}; the Luong model with its own recipe on the same dates, "
        f"d = {rival['config']['hidden_size']}, {rival['parameters']:,} parameters, "
        f"{rival['steps']:,} updates",
        numpy=f"{_right(lab, 'luong')} (Luong) -> {_right(lab, 'sinusoidal')}",
        torch=_right(lab, "sinusoidal", "torch"),
        finding=_beats(lab, "sinusoidal", "luong"),
        why=f"difference {gain:.1f points}",
    )


def _words(lab: Lab) -> Claim:
    names = ("words-luong", "words-transformer")
    rates = [lab.values(name, "PER") for name in names]
    gain, found = lab.paired_difference(*rates), lab.judge.superiority(*rates)
    keys = ("PER", "WER", "seconds")
    luong, ours = ({key: lab.spread(name, key) for key in keys} for name in names)
    config = lab.runs("words-transformer")[0]["config"]
    return Claim(
        "the same, on letters to phonemes",
        source="table 2, on another task",
        ran=f"{config['train_items']:,} pairs of CMUdict, {passes(config)} over them, greedy; {gain.count} seeds",
        numpy=f"PER {luong['PER']:.1f %} (Luong) -> {ours['PER']:.1f %}; "
        f"WER {luong['WER']:.1f %} -> {ours['WER']:.1f %}",
        finding=_fair(lab, found, "Transformer", "Luong", "words-transformer"),
        why=f"{gain:.1f points} fewer wrong phonemes; {luong['seconds'].mean:.0f} s (Luong) and "
        f"{ours['seconds'].mean:.0f} s of training",
    )


def _cost(lab: Lab) -> Claim:
    seconds = lab.results("cost")["seconds"]
    numpy, torch = (
        {name: lab.interval(taken).mean for name, taken in seconds[side].items()} for side in ("numpy", "torch")
    )
    shown = "{luong:.0f} s (Luong) -> {transformer:.0f} s"
    saved = lab.paired_difference(seconds["numpy"]["luong"], seconds["numpy"]["transformer"])
    return Claim(
        "it needs less time to train than recurrent networks",
        source="abstract, table 2",
        ran="one pass over the dates on one core, from the processor time of steps of both models in turns",
        numpy=shown.format_map(numpy),
        torch=shown.format_map(torch),
        finding=lab.judge.timed(numpy["transformer"] / numpy["luong"], 1.0).allowing_for(
            ours="the paper's saving is that of processors that compute all positions at once, and a core does not"
        ),
        why=f"{saved:.0f} s saved",
    )


_TRANSLATION = out_of_reach(
    "28.4 BLEU on WMT 2014 English to German, 41.8 on English to French",
    source="abstract, table 2",
    lacks="compute",
    estimate="4.5 million pairs, 12 hours on eight P100 for the base model",
    ran="not run; the base model's sizes are there (`paper`), and tests count its parameters",
)


# ---- table 3 --------------------------------------------------------------------------------------------------------


def _beside(lab: Lab, name: str, statement: str, source: str, finding: Finding, why: str, ran: str = "") -> Claim:
    """A claim about a row of table 3 beside the default."""
    numpy = f"{_right(lab, 'sinusoidal')} -> {_right(lab, name)}"
    return Claim(statement, source, _schedule(lab) + ran, numpy, finding, why)


def _worse(lab: Lab, name: str, statement: str, source: str) -> Claim:
    """A row that should translate worse than the default."""
    lost = _ahead(lab, "sinusoidal", name)
    why = f"it loses {lost:.1f points}"
    return _beside(lab, name, statement, source, _beats(lab, "sinusoidal", name), why)


def _heads(lab: Lab) -> Claim:
    heads = lab.runs("dates-sinusoidal")[0]["config"]["heads"]
    statement = f"one head is worse than several, here {heads}"
    return _worse(lab, "one-head", statement, "table 3 (A): 24.9 against 25.8 BLEU with 8")


def _key_size(lab: Lab) -> Claim:
    config = lab.runs("dates-narrow-keys")[0]["config"]
    full = config["hidden_size"] // config["heads"]
    statement = f"smaller keys hurt, here d_k = {config['key_size']} in place of {full}"
    source = "table 3 (B): 25.1 against 25.8 BLEU with d_k = 16 in place of 64"
    return _worse(lab, "narrow-keys", statement, source)


def _no_positions(lab: Lab) -> Claim:
    without = dates_right(lab, "no-positions")
    half = [right / 2 for right in dates_right(lab, "sinusoidal")[: len(without)]]
    return _beside(
        lab,
        "no-positions",
        "without recurrence the order has to be told: no positions, no translation",
        source="section 3.5",
        finding=_fair(lab, lab.judge.superiority(half, without), "sinusoidal", "no-positions"),
        why="less than half of what the same seed with positions reaches is asked for",
        ran=f" with positions, {len(without)} without",
    )


def _learned_positions(lab: Lab) -> Claim:
    difference = _ahead(lab, "learned", "sinusoidal")
    learned, fixed = (dates_right(lab, name) for name in ("learned", "sinusoidal"))
    found = lab.judge.equivalence(learned, fixed, EQUAL)
    return _beside(
        lab,
        "learned",
        "learned positions give nearly identical results",
        source="table 3 (E): 25.7 against 25.8 BLEU",
        finding=_fair(lab, found, "learned", "sinusoidal"),
        why=f"difference {difference:.1f points}, within {EQUAL:.0f} either way is asked for; one pass is short for a "
        "table that has to be learned first",
    )


def _smoothing(lab: Lab) -> Claim:
    names = ("dates-sinusoidal", "dates-no-smoothing")
    smooth, sharp = (lab.values(name, "metrics", "perplexity") for name in names)
    worse, better = lab.paired_difference(smooth, sharp), _ahead(lab, "sinusoidal", "no-smoothing")
    hurts = _fair(lab, lab.judge.superiority(smooth, sharp), "sinusoidal", "no-smoothing")
    return Claim(
        "label smoothing of 0.1 hurts perplexity but improves accuracy",
        source="section 5.4, table 3 (D): 4.67 -> 4.92, and 25.3 -> 25.8 BLEU",
        ran=_schedule(lab),
        numpy=f"perplexity {lab.interval(sharp):.3f} -> {lab.interval(smooth):.3f}; "
        f"{_right(lab, 'no-smoothing')} -> {_right(lab, 'sinusoidal')}",
        finding=lab.judge.all_of(hurts, _beats(lab, "sinusoidal", "no-smoothing")),
        why=f"perplexity {worse:.3f} higher, {better:.1f points} more dates right; both are asked for",
    )


def _dropout(lab: Lab) -> Claim:
    runs = lab.runs("few-dates")
    config = runs[0]["config"]
    groups = [[run for run in runs if run["config"]["dropout"] == rate] for rate in (0.0, 0.1)]
    before, after = ([run["exact"] for run in group] for group in groups)
    gap, gap_after = (lab.interval([_gap(run) for run in group]) for group in groups)
    gain = lab.paired_difference(after, before)
    found, why = lab.judge.superiority(after, before), f"difference {gain:.1f points}"
    if gap.mean < OVER_FITTED:
        found = found.allowing_for(ours="there is no over-fitting to avoid yet")
        why += f"; no over-fitting to avoid yet, where training is less than {OVER_FITTED:.0f} points ahead"
    return Claim(
        "dropout is very helpful in avoiding over-fitting",
        source="table 3 (D): 24.6 -> 25.8 BLEU",
        ran=f"{config['train_items']:,} dates, {passes(config)}, {len(before)} seeds, without and with 0.1",
        numpy=f"{lab.interval(before):.1f %} -> {lab.interval(after):.1f %}; accuracy in training "
        f"above that in test by {gap:.1f points} -> {gap_after:.1f points}",
        finding=_fair(lab, found, "dropout", "no dropout", "few-dates"),
        why=why,
    )


def _gap(run: Record) -> float:
    """Points of accuracy by which training is ahead of test."""
    train, test = (run[split]["forced accuracy"] for split in ("train_metrics", "metrics"))
    return float(train - test)


# ---- section 5.3 ----------------------------------------------------------------------------------------------------


def warm_up_losses(lab: Lab) -> dict[str, list[float]]:
    """Test loss in nats a token, for each schedule one number a rate."""
    schedules = lab.results("warm-up")["runs"].items()
    return {name: [log(run["metrics"]["perplexity"]) for run in runs] for name, runs in schedules}


def _warm_up(lab: Lab) -> Claim:
    runs = lab.runs("warm-up", arm="warm-up")
    losses = warm_up_losses(lab)
    best = {name: min(found) for name, found in losses.items()}
    without = min(loss for name, loss in best.items() if name != "warm-up")
    layers, width = (runs[0]["config"][name] for name in ("layers", "hidden_size"))
    return Claim(
        "the rate has to warm up (norms come after the sub-layers)",
        source="section 5.3, where it is done and not argued",
        ran=f"{layers} + {layers} layers, d = {width}, dates, {runs[0]['steps']:,} updates, "
        f"{len(runs)} rates, one seed; without warm-up from the same highest rate, or with the same later rates",
        numpy="test loss at the best rate: " + "; ".join(f"{name} {loss:.2f}" for name, loss in best.items()),
        finding=lab.judge.superiority([0.9 * without], [best["warm-up"]])
        .but("the rates were chosen on these runs")
        .run_for(runs[0]["seconds"]),
        why="a loss more than a tenth below both is asked for",
    )


# ---- the README's other blocks --------------------------------------------------------------------------------------


def tables(lab: Lab) -> dict[str, str]:
    """ "variants": every row on the dates, and the Luong model."""
    columns = ("model", "parameters", "dates right", "perplexity", "training time a run")
    beams = lab.results("dates-sinusoidal")["beams"]
    greedy, wide = beams.values()
    return {
        "variants": table(columns, [_row(lab, name) for name in rows_measured(lab)], right=4),
        "beams": f"Seed 0 of the default writes {greedy:.1f} % of the dates right greedily, and {wide:.1f} % with "
        f"{list(beams)[-1]} beams.",
    }


def rows_measured(lab: Lab) -> list[str]:
    """The rows on dates whose results are there, the Luong model last."""
    return [name for name in ROWS if lab.has(f"dates-{name}")]


def _row(lab: Lab, name: str) -> tuple[str, ...]:
    results = f"dates-{name}"
    parameters, seconds = lab.runs(results)[0]["parameters"], lab.spread(results, "seconds").mean
    perplexity = lab.spread(results, "metrics", "perplexity")
    shown = "Luong et al. 2015" if name == "luong" else name
    return shown, f"{parameters:,}", _right(lab, name), f"{perplexity:.3f}", f"{seconds:.0f} s"


def summary(lab: Lab) -> Summary:
    """The standard training run: the default on dates, one pass."""
    results = lab.results("dates-sinusoidal")
    run, data = results["runs"][0], results["environment"]["data"]
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
        expected="most dates right after one pass; smoothing keeps the perplexity above 1",
        numpy=_right(lab, "sinusoidal"),
        torch=_right(lab, "sinusoidal", "torch"),
        command="tinygrad-lab claims transformer (all), tinygrad-lab train transformer (four passes)",
        time=lab.run_time("dates-sinusoidal"),
    )
