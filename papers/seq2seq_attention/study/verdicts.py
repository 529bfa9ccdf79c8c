"""What became of the claims, judged from the result files alone.

Seeds are compared in pairs: the same seed gives both sides of a comparison the same training pairs in the same order.
All variants have one learning rate, which nobody tuned for any of them.
"""

from collections.abc import Sequence

from tinygrad_lab.study import Claim, Finding, Interval, Lab, Rates, Record, Summary, passes, table

SCORES = ("dot", "general", "concat", "local-m", "local-p")
FLOOR = 10.0  # percent right among the shortest dates, below which there is too little to lose on the longest
RATES = Rates("one rate for every arm")
PUBLISHED = {"PER": 5.04, "WER": 21.69}  # Toshniwal & Livescu 2016, one model with global attention


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim whose results are there."""
    needs = {
        _attention: "dates-general",
        _long_dates: "dates-general",
        _long_words: "words-general",
        _local_p_is_best: "dates-local-p",
        _concat_is_worst: "dates-concat",
        _input_feeding: "dates-input-feeding",
        _dictionary: "dictionary",
        _verses: "verses-general",
    }
    return [claim(lab) for claim, results in needs.items() if lab.has(results)]


# ---- dates ----------------------------------------------------------------------------------------------------------


def dates_right(lab: Lab, variant: str) -> list[float]:
    """Unseen dates translated exactly, in percent, one number a seed."""
    return lab.values(f"dates-{variant}", "exact")


def _right(lab: Lab, variant: str, side: str = "numpy") -> Interval:
    return lab.spread(f"dates-{variant}", "exact", side=side)


def _ahead(lab: Lab, variant: str, other: str) -> Interval:
    """Points by which more dates come out right with one variant than with another."""
    return lab.paired_difference(dates_right(lab, variant), dates_right(lab, other))


def _beats(lab: Lab, variant: str, other: str) -> Finding:
    """That more dates come out right with one variant than with another."""
    return _fair(lab, lab.judge.superiority(dates_right(lab, variant), dates_right(lab, other)), variant, other)


def _fair(lab: Lab, finding: Finding, ours: str, theirs: str, name: str = "dates-general") -> Finding:
    """A finding of runs like those of a results file, with the one rate that all of them have."""
    theirs = "the network without attention" if theirs == "none" else theirs
    return finding.tuned(RATES, ours, theirs).run_for(lab.spread(name, "seconds").mean)


def _schedule(lab: Lab) -> str:
    runs = lab.runs("dates-general")
    config = runs[0]["config"]
    return (
        f"dates, d = {config['hidden_size']}, {passes(config)} ({runs[0]['steps']:,} updates), "
        f"exact match on 2,000 unseen days, greedy; {len(runs)} seeds"
    )


def _on_dates(lab: Lab, statement: str, source: str, numpy: str, finding: Finding, why: str) -> Claim:
    """A claim about the variants' runs on dates."""
    return Claim(statement, source, _schedule(lab), numpy, finding, why)


def _attention(lab: Lab) -> Claim:
    gain = _ahead(lab, "general", "none")
    return Claim(
        "attention translates better than the same network without it",
        source="table 1",
        ran=_schedule(lab),
        numpy=f"{_right(lab, 'none'):.1f %} -> {_right(lab, 'general'):.1f %}",
        torch=f"{_right(lab, 'none', 'torch'):.1f %} -> {_right(lab, 'general', 'torch'):.1f %}",
        finding=_beats(lab, "general", "none"),
        why=f"difference {gain:.1f points}",
    )


def _long_dates(lab: Lab) -> Claim:
    lost, lost_with = (_lost(lab.runs(f"dates-{name}")) for name in ("none", "general"))
    more = lab.paired_difference(lost, lost_with)
    found, why = lab.judge.superiority(lost, lost_with), f"without attention it loses {more:.1f points} more"
    shortest = next(iter(mean_by_length(lab, "dates-none").values()))
    if shortest < FLOOR:
        found = found.hold_back(f"without attention only {shortest:.1f} % of the shortest are right to begin with")
    return Claim(
        "attention holds up as sources grow longer, the network without it does not",
        source="section 5.2, figure 6",
        ran="the networks above; exact match of the shortest group of dates less that of the longest",
        numpy=f"none loses {lab.interval(lost):.1f points}; general loses {lab.interval(lost_with):.1f points}",
        finding=_fair(lab, found, "general", "none"),
        why=why,
    )


def _lost(runs: Sequence[Record]) -> list[float]:
    """From the first group of lengths to the last, for each seed."""
    shares = [list(run["by_length"].values()) for run in runs]
    return [share[0] - share[-1] for share in shares]


def mean_by_length(lab: Lab, name: str, *metric: str) -> dict[str, float]:
    """Mean over seeds of each group of lengths."""
    groups = lab.runs(name)[0]["by_length"]
    return {group: lab.spread(name, "by_length", group, *metric).mean for group in groups}


def _local_p_is_best(lab: Lab) -> Claim:
    right = {name: _right(lab, name) for name in SCORES}
    best = max((name for name in SCORES if name != "local-p"), key=lambda name: right[name].mean)
    ahead = _ahead(lab, "local-p", best)
    return _on_dates(
        lab,
        "predicted windows (local-p) with the general score are the best of all alignments",
        source="section 5.3, table 4",
        numpy="; ".join(f"{name} {share:.1f %}" for name, share in right.items()),
        finding=_beats(lab, "local-p", best),
        why=f"{ahead:.1f points} ahead of {best}, the best of the others",
    )


def _concat_is_worst(lab: Lab) -> Claim:
    behind = {name: _ahead(lab, name, "concat") for name in ("dot", "general")}
    return _on_dates(
        lab,
        "concat does not perform as well as dot and general",
        source="section 5.3",
        numpy="; ".join(f"{name} {_right(lab, name):.1f %}" for name in ("concat", *behind)),
        finding=lab.judge.all_of(*(_beats(lab, name, "concat") for name in behind)),
        why="behind " + ", ".join(f"{name} by {gap:.1f points}" for name, gap in behind.items()),
    )


def _input_feeding(lab: Lab) -> Claim:
    fed, gain = dates_right(lab, "input-feeding"), _ahead(lab, "input-feeding", "general")
    lost = sum(right < 50 for right in fed)
    return _on_dates(
        lab,
        "input feeding improves on attention without it",
        source="table 1 (16.8 -> 18.1 BLEU)",
        numpy=f"{_right(lab, 'general'):.1f %} -> {_right(lab, 'input-feeding'):.1f %}",
        finding=_beats(lab, "input-feeding", "general"),
        why=f"difference {gain:.1f points}; in {lost} of {len(fed)} seeds the alignment was not found in time",
    )


# ---- letters to phonemes, verses ------------------------------------------------------------------------------------


def _long_words(lab: Lab) -> Claim:
    """By PER: what the network without attention has more of it, in the longest group less in the shortest."""
    runs = lab.runs("words-general")
    config, groups = runs[0]["config"], list(runs[0]["by_length"])
    shortest, longest = (_saved(lab, group) for group in (groups[0], groups[-1]))
    grows = lab.paired_difference(longest, shortest)
    return Claim(
        "what attention saves grows with the length of a word (letters to phonemes)",
        source="section 5.2, figure 6, on the paper's successors' task",
        ran=f"CMUdict, d = {config['hidden_size']}, {passes(config)} over the training words, "
        f"greedy; phoneme error rate by letters of the word; {len(runs)} seeds",
        numpy=f"saved: {lab.interval(shortest):.1f points} of the shortest words' PER, "
        f"{lab.interval(longest):.1f points} of the longest's",
        finding=_fair(lab, lab.judge.superiority(longest, shortest), "general", "none", "words-general"),
        why=f"difference {grows:.1f points}",
    )


def _saved(lab: Lab, group: str) -> list[float]:
    """Points of PER that attention saves among words of such lengths, one number a seed."""
    names = ("words-none", "words-general")
    rates = (lab.values(name, "by_length", group, "PER") for name in names)
    return [without - with_it for without, with_it in zip(*rates, strict=True)]


def _dictionary(lab: Lab) -> Claim:
    numpy, torch = (lab.runs("dictionary", side)[0] for side in ("numpy", "torch"))
    config, beam = numpy["config"], list(numpy["beams"])[-1]
    best = numpy["beams"][beam]
    reached = [lab.judge.at_most(published, [best[rate]]) for rate, published in PUBLISHED.items()]
    rates = "PER {PER:.2f} %, WER {WER:.2f} %"
    return Claim(
        "an attentional network alone reads CMUdict's test words with 5.04 % PER and 21.69 % WER",
        source="Toshniwal & Livescu 2016, not this paper",
        ran=f"one layer, d = {config['hidden_size']}, {passes(config)} "
        f"({numpy['steps']:,} updates), {best['words']:,} test words, {beam} beams",
        numpy=rates.format_map(best),
        torch=rates.format_map(torch["beams"][beam]),
        finding=lab.judge.all_of(*reached).run_for(numpy["seconds"]),
        why=f"{numpy['seconds'] / 60:.0f} minutes of training on one core; theirs trains to convergence",
    )


def _verses(lab: Lab) -> Claim:
    none, general = (lab.runs(f"verses-{name}")[0] for name in ("none", "general"))
    gain, config = general["BLEU"] - none["BLEU"], general["config"]
    signature = general["signature"].replace("|", ", ")
    return Claim(
        "attention gains several BLEU points (14.0 -> 16.8)",
        source="table 1",
        ran=f"English-Spanish verses, {config['source_vocabulary']:,} subwords a side, "
        f"d = {config['hidden_size']}, {passes(config)}, 5 beams, one run each; {signature}",
        numpy=f"{none['BLEU']:.1f} -> {general['BLEU']:.1f} BLEU",
        finding=lab.judge.superiority([general["BLEU"]], [none["BLEU"] + 1]).run_for(general["seconds"]),
        why=f"{gain:.1f} points; more than 1 is asked for",
    )


# ---- the README's other blocks --------------------------------------------------------------------------------------


def tables(lab: Lab) -> dict[str, str]:
    """ "variants": every variant on the dates. "examples": verses and what became of them."""
    columns = ("variant", "dates right", "the longest ones", "perplexity", "training time a run")
    rows = [_row(lab, name) for name in ("none", *SCORES, "input-feeding")]
    blocks = {"variants": table(columns, rows, right=4)}
    if lab.has("verses-general"):
        shown = lab.runs("verses-general")[0]["examples"][:6]
        examples = [(row["english"], row["output"], row["spanish"]) for row in shown]
        blocks["examples"] = table(("English", "the network", "Reina-Valera 1909"), examples)
    return blocks


def _row(lab: Lab, variant: str) -> tuple[str, ...]:
    name = f"dates-{variant}"
    longest = list(mean_by_length(lab, name).values())[-1]
    perplexity, seconds = lab.spread(name, "metrics", "perplexity"), lab.spread(name, "seconds")
    right = f"{_right(lab, variant):.1f %}"
    return variant, right, f"{longest:.1f} %", f"{perplexity:.3f}", f"{seconds.mean:.0f} s"


def summary(lab: Lab) -> Summary:
    """The standard training run: general global attention on dates, one pass."""
    run, data = lab.runs("dates-general")[0], lab.results("dates-general")["environment"]["data"]
    config = run["config"]
    return Summary(
        data=f"{data['items']:,} dates in many languages, and their ISO form",
        model=f"bidirectional LSTM encoder, LSTM decoder, general attention, d = {config['hidden_size']}, "
        f"{run['parameters']:,} parameters",
        loss="cross-entropy, mean over the target tokens",
        optimiser=f"Adam, learning rate {config['learning_rate']:g}, batch {config['batch_size']}, "
        f"gradients no longer than {config['clip']:g}",
        schedule=f"cosine to 0 over {passes(config)}",
        metric="unseen days translated exactly, greedy search",
        expected="perplexity near 1 after some hundred updates, once the alignment has been found; after the four "
        "passes of `small` nearly every date is right",
        numpy=f"{_right(lab, 'general'):.1f %}",
        torch=f"{_right(lab, 'general', 'torch'):.1f %}",
        command="tinygrad-lab claims seq2seq_attention (all), tinygrad-lab train seq2seq_attention (four passes)",
        time=lab.run_time("dates-general"),
    )
