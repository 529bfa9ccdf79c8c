"""What became of the claims, judged from the result files alone.

Seeds are compared in pairs: the same seed gives both sides of a comparison the same training pairs in the same order.
A difference counts when its 95 % interval over seeds excludes 0.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lab.study import Claim, Lab, Summary, Verdict

SCORES = ("dot", "general", "concat", "local-m", "local-p")
FLOOR = 10.0  # percent right among the shortest dates, below which there is too little to lose on the longest
PUBLISHED = {"PER": 5.04, "WER": 21.69}  # Toshniwal & Livescu 2016, one model with global attention


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim whose results are there."""
    found = [_attention(lab), _long_dates(lab)]
    if lab.has("words-general"):
        found.append(_long_words(lab))
    found += [_local_p_is_best(lab), _concat_is_worst(lab), _input_feeding(lab)]
    if lab.has("dictionary"):
        found.append(_dictionary(lab))
    if lab.has("verses-general"):
        found.append(_verses(lab))
    return found


# ---- dates ----------------------------------------------------------------------------------------------------------


def dates_right(lab: Lab, variant: str, side: str = "numpy") -> list[float]:
    """Unseen dates translated exactly, in percent, one number a seed."""
    return [run["exact"] for run in lab.results(f"dates-{variant}")["runs"] if run["side"] == side]


def _attention(lab: Lab) -> Claim:
    gain = lab.paired_difference(dates_right(lab, "general"), dates_right(lab, "none"))
    return Claim(
        statement="attention translates better than the same network without it",
        source="table 1",
        ran=_schedule(lab),
        numpy=_arrow(lab, "none", "general"),
        torch=_arrow(lab, "none", "general", side="torch"),
        verdict=_judge(gain.low > 0),
        why=f"difference {gain:.1f points}",
    )


def _long_dates(lab: Lab) -> Claim:
    lost = {name: _lost(_by_length(lab, f"dates-{name}")) for name in ("none", "general")}
    more = lab.paired_difference(lost["none"], lost["general"])
    verdict, why = _judge(more.low > 0), f"without attention it loses {more:.1f points} more"
    shortest = next(iter(mean_by_length(lab, "dates-none").values()))
    if shortest < FLOOR:
        verdict, why = (
            "out of reach here",
            f"without attention only {shortest:.1f} % of the shortest are right to begin with",
        )
    return Claim(
        statement="attention holds up as sources grow longer, the network without it does not",
        source="section 5.2, figure 6",
        ran="the networks above; exact match of the shortest group of dates less that of the longest",
        numpy="; ".join(f"{name} loses {lab.interval(values):.1f points}" for name, values in lost.items()),
        torch="-",
        verdict=verdict,
        why=why,
    )


def _local_p_is_best(lab: Lab) -> Claim:
    means = {name: lab.interval(dates_right(lab, name)) for name in SCORES}
    others = [name for name in SCORES if name != "local-p"]
    best = max(others, key=lambda name: means[name].mean)
    ahead = lab.paired_difference(dates_right(lab, "local-p"), dates_right(lab, best))
    return Claim(
        statement="predicted windows (local-p) with the general score are the best of all alignments",
        source="section 5.3, table 4",
        ran=_schedule(lab),
        numpy="; ".join(f"{name} {value:.1f %}" for name, value in means.items()),
        torch="-",
        verdict=_judge(ahead.low > 0),
        why=f"{ahead:.1f points} ahead of {best}, the best of the others",
    )


def _concat_is_worst(lab: Lab) -> Claim:
    behind = {
        name: lab.paired_difference(dates_right(lab, name), dates_right(lab, "concat")) for name in ("dot", "general")
    }
    return Claim(
        statement="concat does not perform as well as dot and general",
        source="section 5.3",
        ran=_schedule(lab),
        numpy="; ".join(f"{name} {lab.interval(dates_right(lab, name)):.1f %}" for name in ("concat", *behind)),
        torch="-",
        verdict=_judge(all(difference.low > 0 for difference in behind.values())),
        why="behind " + ", ".join(f"{name} by {difference:.1f points}" for name, difference in behind.items()),
    )


def _input_feeding(lab: Lab) -> Claim:
    fed = dates_right(lab, "input-feeding")
    gain = lab.paired_difference(fed, dates_right(lab, "general"))
    lost = sum(right < 50 for right in fed)
    return Claim(
        statement="input feeding improves on attention without it",
        source="table 1 (16.8 -> 18.1 BLEU)",
        ran=_schedule(lab),
        numpy=_arrow(lab, "general", "input-feeding"),
        torch="-",
        verdict=_judge(gain.low > 0),
        why=f"difference {gain:.1f points}; in {lost} of {len(fed)} seeds the alignment was not found in time",
    )


# ---- letters to phonemes, verses ------------------------------------------------------------------------------------


def _long_words(lab: Lab) -> Claim:
    """By PER: what the network without attention has more of it, in the longest group less in the shortest."""
    groups = {name: _by_length(lab, f"words-{name}") for name in ("none", "general")}
    gaps = [
        [without[n]["PER"] - with_it[n]["PER"] for n in with_it]
        for without, with_it in zip(groups["none"], groups["general"], strict=True)
    ]
    shortest, longest = ([gap[place] for gap in gaps] for place in (0, -1))
    grows = lab.paired_difference(longest, shortest)
    runs = lab.results("words-general")["runs"]
    return Claim(
        statement="what attention saves grows with the length of a word (letters to phonemes)",
        source="section 5.2, figure 6, on the paper's successors' task",
        ran=f"CMUdict, d = {runs[0]['config']['hidden_size']}, {_passes(runs)} over the training words, "
        f"greedy; phoneme error rate by letters of the word; {len(runs)} seeds",
        numpy=f"saved: {lab.interval(shortest):.1f points} of the shortest words' PER, "
        f"{lab.interval(longest):.1f points} of the longest's",
        torch="-",
        verdict=_judge(grows.low > 0),
        why=f"difference {grows:.1f points}",
    )


def _dictionary(lab: Lab) -> Claim:
    runs = {run["side"]: run for run in lab.results("dictionary")["runs"]}
    config, beam = runs["numpy"]["config"], list(runs["numpy"]["beams"])[-1]
    best = runs["numpy"]["beams"][beam]
    reached = all(best[rate] <= published for rate, published in PUBLISHED.items())
    verdict: Verdict = "reproduced" if reached else "out of reach here"
    return Claim(
        statement="an attentional network alone reads CMUdict's test words with 5.04 % PER and 21.69 % WER",
        source="Toshniwal & Livescu 2016, not this paper",
        ran=f"one layer, d = {config['hidden_size']}, {_passes([runs['numpy']])} ({runs['numpy']['steps']:,} updates), "
        f"{best['words']:,} test words, {beam} beams",
        numpy=_rates(runs["numpy"]["beams"][beam]),
        torch=_rates(runs["torch"]["beams"][beam]),
        verdict=verdict,
        why=f"{runs['numpy']['seconds'] / 60:.0f} minutes of training on one core; theirs trains to convergence",
    )


def _verses(lab: Lab) -> Claim:
    runs = {name: lab.results(f"verses-{name}")["runs"][0] for name in ("none", "general")}
    gain = runs["general"]["BLEU"] - runs["none"]["BLEU"]
    signature = runs["general"]["signature"].replace("|", ", ")  # a bar would end the table's cell
    config = runs["general"]["config"]
    return Claim(
        statement="attention gains several BLEU points (14.0 -> 16.8)",
        source="table 1",
        ran=f"English-Spanish verses, {config['source_vocabulary']:,} subwords a side, d = {config['hidden_size']}, "
        f"{_passes([runs['general']])}, 5 beams, one run each; {signature}",
        numpy=f"{runs['none']['BLEU']:.1f} -> {runs['general']['BLEU']:.1f} BLEU",
        torch="-",
        verdict=_judge(gain > 1),
        why=f"{gain:.1f} points; more than 1 is asked for, and nothing is said about seeds",
    )


# ---- shared ---------------------------------------------------------------------------------------------------------


def _judge(holds: bool) -> Verdict:
    return "reproduced" if holds else "not reproduced"


def _arrow(lab: Lab, *variants: str, side: str = "numpy") -> str:
    return " -> ".join(f"{lab.interval(dates_right(lab, name, side)):.1f %}" for name in variants)


def _rates(found: dict[str, float]) -> str:
    return f"PER {found['PER']:.2f} %, WER {found['WER']:.2f} %"


def _passes(runs: Sequence[dict[str, Any]]) -> str:
    epochs = runs[0]["config"]["epochs"]
    return "one pass" if epochs == 1 else f"{epochs} passes"


def _schedule(lab: Lab) -> str:
    runs = [run for run in lab.results("dates-general")["runs"] if run["side"] == "numpy"]
    config = runs[0]["config"]
    return (
        f"dates, d = {config['hidden_size']}, {_passes(runs)} ({runs[0]['steps']:,} updates), exact match on 2,000 "
        f"unseen days, greedy; {len(runs)} seeds"
    )


def _by_length(lab: Lab, name: str) -> list[dict[str, Any]]:
    return [run["by_length"] for run in lab.results(name)["runs"] if run["side"] == "numpy"]


def _lost(groups: Sequence[dict[str, float]]) -> list[float]:
    """From the first group of lengths to the last, for each seed."""
    values = [list(group.values()) for group in groups]
    return [found[0] - found[-1] for found in values]


def mean_by_length(lab: Lab, name: str, metric: str | None = None) -> dict[str, float]:
    """Mean over seeds of each group of lengths."""
    found = _by_length(lab, name)
    return {n: float(np.mean([g[n][metric] if metric else g[n] for g in found])) for n in found[0]}


# ---- the README's other blocks --------------------------------------------------------------------------------------


def tables(lab: Lab) -> dict[str, str]:
    """ "variants": every variant on the dates. "examples": verses and what became of them."""
    blocks = {"variants": _variants_table(lab)}
    if lab.has("verses-general"):
        blocks["examples"] = _examples(lab)
    return blocks


def _variants_table(lab: Lab) -> str:
    lines = [
        "| variant | dates right | the longest ones | perplexity | training time a run |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in ("none", *SCORES, "input-feeding"):
        runs = [run for run in lab.results(f"dates-{name}")["runs"] if run["side"] == "numpy"]
        right, perplexity, seconds = (
            lab.interval(values)
            for values in (
                [run["exact"] for run in runs],
                [run["metrics"]["perplexity"] for run in runs],
                [run["seconds"] for run in runs],
            )
        )
        longest = list(mean_by_length(lab, f"dates-{name}").values())[-1]
        lines.append(f"| {name} | {right:.1f %} | {longest:.1f} % | {perplexity:.3f} | {seconds.mean:.0f} s |")
    return "\n".join(lines)


def _examples(lab: Lab) -> str:
    lines = ["| English | the network | Reina-Valera 1909 |", "|---|---|---|"]
    shown = lab.results("verses-general")["runs"][0]["examples"][:6]
    return "\n".join([*lines, *(f"| {row['english']} | {row['output']} | {row['spanish']} |" for row in shown)])


def summary(lab: Lab) -> Summary:
    """The standard training run: general global attention on dates, one pass."""
    results = lab.results("dates-general")
    config, data = results["runs"][0]["config"], results["environment"]["data"]
    seconds = {side: [r["seconds"] for r in results["runs"] if r["side"] == side] for side in ("numpy", "torch")}
    return Summary(
        data=f"{data['items']:,} dates in many languages, and their ISO form",
        model=f"bidirectional LSTM encoder, LSTM decoder, general attention, d = {config['hidden_size']}, "
        f"{results['runs'][0]['parameters']:,} parameters",
        loss="cross-entropy, mean over the target tokens",
        optimiser=f"Adam, learning rate {config['learning_rate']:g}, batch {config['batch_size']}, "
        f"gradients no longer than {config['clip']:g}",
        schedule=f"cosine to 0 over {_passes(results['runs'])}",
        metric="unseen days translated exactly, greedy search",
        expected="perplexity near 1 after some hundred updates, once the alignment has been found; after the four "
        "passes of `small` nearly every date is right",
        numpy=f"{lab.interval(dates_right(lab, 'general')):.1f %}",
        torch=f"{lab.interval(dates_right(lab, 'general', 'torch')):.1f %}",
        command="tinygrad-lab claims seq2seq_attention (all), tinygrad-lab train seq2seq_attention (four passes)",
        time=f"{lab.interval(seconds['numpy']):.0f s} NumPy, {lab.interval(seconds['torch']):.0f s} PyTorch a run, "
        f"{results['environment']['blas_threads']} BLAS thread(s)",
    )
