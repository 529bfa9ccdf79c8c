"""What became of the claims, judged from the result files alone.

Seeds are compared in pairs: the same seed gives both sides of a comparison the same training pairs in the same order.
A difference counts when its 95 % interval over seeds excludes 0.
"""

from typing import Any

import numpy as np

from tinygrad_lab.study import Claim, Lab, Summary, Verdict

TABLE = ("sinusoidal", "one-head", "narrow-keys", "learned", "no-smoothing", "no-positions")
EQUAL = 5.0  # points of exact match within which two kinds of positions count as nearly identical
OVER_FITTED = 5.0  # points of accuracy by which training is ahead of test where there is over-fitting to speak of


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim whose results are there."""
    judges = {
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
    return [*(judge(lab) for judge, results in judges.items() if lab.has(results)), _translation()]


def runs_of(lab: Lab, name: str, side: str = "numpy") -> list[dict[str, Any]]:
    """The records of a results file made on one side."""
    return [run for run in lab.results(name)["runs"] if run["side"] == side]


def dates_right(lab: Lab, name: str, side: str = "numpy") -> list[float]:
    """Unseen dates translated exactly, in percent, one number a seed."""
    return [run["exact"] for run in runs_of(lab, f"dates-{name}", side)]


# ---- against recurrence ---------------------------------------------------------------------------------------------


def _against_luong(lab: Lab) -> Claim:
    gain = lab.paired_difference(dates_right(lab, "sinusoidal"), dates_right(lab, "luong"))
    rival = runs_of(lab, "dates-luong")[0]
    return Claim(
        statement="attention alone translates better than a recurrent network with attention",
        source="table 2, there with BLEU on WMT 2014",
        ran=f"{_schedule(lab)}; the Luong model with its own recipe on the same dates, d = "
        f"{rival['config']['hidden_size']}, {rival['parameters']:,} parameters, {rival['steps']:,} updates",
        numpy=f"{lab.interval(dates_right(lab, 'luong')):.1f %} (Luong) -> {_right(lab, 'sinusoidal')}",
        torch=_right(lab, "sinusoidal", side="torch"),
        verdict=_judge(gain.low > 0),
        why=f"difference {gain:.1f points}",
    )


def _words(lab: Lab) -> Claim:
    found = {name: lab.results(f"words-{name}")["runs"] for name in ("luong", "transformer")}
    errors = {name: [run["PER"] for run in runs] for name, runs in found.items()}
    gain = lab.paired_difference(errors["luong"], errors["transformer"])
    words = {name: lab.interval([run["WER"] for run in runs]) for name, runs in found.items()}
    seconds = {name: lab.interval([run["seconds"] for run in runs]).mean for name, runs in found.items()}
    config = found["transformer"][0]["config"]
    return Claim(
        statement="the same, on letters to phonemes",
        source="table 2, on another task",
        ran=f"{config['train_items']:,} pairs of CMUdict, {_passes(config)} over them, greedy; "
        f"{len(errors['luong'])} seeds",
        numpy=f"PER {lab.interval(errors['luong']):.1f %} (Luong) -> {lab.interval(errors['transformer']):.1f %}; "
        f"WER {words['luong']:.1f %} -> {words['transformer']:.1f %}",
        torch="-",
        verdict=_judge(gain.low > 0),
        why=f"{gain:.1f points} fewer wrong phonemes; {seconds['luong']:.0f} s (Luong) and "
        f"{seconds['transformer']:.0f} s of training",
    )


def _cost(lab: Lab) -> Claim:
    seconds = lab.results("cost")["seconds"]
    saved = lab.paired_difference(seconds["numpy"]["luong"], seconds["numpy"]["transformer"])
    means = {side: {name: lab.interval(values).mean for name, values in of.items()} for side, of in seconds.items()}
    shown = {side: f"{of['luong']:.0f} s (Luong) -> {of['transformer']:.0f} s" for side, of in means.items()}
    return Claim(
        statement="it needs less time to train than recurrent networks",
        source="abstract, table 2",
        ran="one pass over the dates on one core, from the processor time of steps of both models in turns",
        numpy=shown["numpy"],
        torch=shown["torch"],
        verdict=_judge(saved.low > 0),
        why=f"{saved:.0f} s saved; the paper's saving is that of processors that compute all positions at once",
    )


# ---- table 3 --------------------------------------------------------------------------------------------------------


def _worse(lab: Lab, name: str, statement: str, source: str) -> Claim:
    """A row of table 3 that should translate worse than the default."""
    lost = lab.paired_difference(dates_right(lab, "sinusoidal"), dates_right(lab, name))
    return Claim(
        statement=statement,
        source=source,
        ran=_schedule(lab),
        numpy=f"{_right(lab, 'sinusoidal')} -> {_right(lab, name)}",
        torch="-",
        verdict=_judge(lost.low > 0),
        why=f"it loses {lost:.1f points}",
    )


def _heads(lab: Lab) -> Claim:
    heads = runs_of(lab, "dates-sinusoidal")[0]["config"]["heads"]
    return _worse(
        lab, "one-head", f"one head is worse than several, here {heads}", "table 3 (A): 24.9 against 25.8 BLEU with 8"
    )


def _key_size(lab: Lab) -> Claim:
    config, narrow = (runs_of(lab, f"dates-{name}")[0]["config"] for name in ("sinusoidal", "narrow-keys"))
    full = config["hidden_size"] // config["heads"]
    statement = f"smaller keys hurt, here d_k = {narrow['key_size']} in place of {full}"
    return _worse(lab, "narrow-keys", statement, "table 3 (B): 25.1 against 25.8 BLEU with d_k = 16 in place of 64")


def _no_positions(lab: Lab) -> Claim:
    without, worst = max(dates_right(lab, "no-positions")), min(dates_right(lab, "sinusoidal"))
    return Claim(
        statement="without recurrence the order has to be told: no positions, no translation",
        source="section 3.5",
        ran=f"{_schedule(lab)} with positions, {len(dates_right(lab, 'no-positions'))} without",
        numpy=f"{_right(lab, 'sinusoidal')} -> {_right(lab, 'no-positions')}",
        torch="-",
        verdict=_judge(without < worst / 2),
        why="less than half of what the worst seed with positions reaches is asked for",
    )


def _learned_positions(lab: Lab) -> Claim:
    difference = lab.paired_difference(dates_right(lab, "learned"), dates_right(lab, "sinusoidal"))
    apart = difference.low > 0 or difference.high < 0
    close = max(abs(difference.low), abs(difference.high)) < EQUAL
    verdict: Verdict = "reproduced" if close else "not reproduced" if apart else "out of reach here"
    return Claim(
        statement="learned positions give nearly identical results",
        source="table 3 (E): 25.7 against 25.8 BLEU",
        ran=_schedule(lab),
        numpy=f"{_right(lab, 'sinusoidal')} -> {_right(lab, 'learned')}",
        torch="-",
        verdict=verdict,
        why=f"difference {difference:.1f points}, {EQUAL:.0f} count as identical; one pass is short for a table "
        "that has to be learned first",
    )


def _smoothing(lab: Lab) -> Claim:
    perplexity = {
        name: [run["metrics"]["perplexity"] for run in runs_of(lab, f"dates-{name}")]
        for name in ("sinusoidal", "no-smoothing")
    }
    worse = lab.paired_difference(perplexity["sinusoidal"], perplexity["no-smoothing"])
    better = lab.paired_difference(dates_right(lab, "sinusoidal"), dates_right(lab, "no-smoothing"))
    return Claim(
        statement="label smoothing of 0.1 hurts perplexity but improves accuracy",
        source="section 5.4, table 3 (D): 4.67 -> 4.92, and 25.3 -> 25.8 BLEU",
        ran=_schedule(lab),
        numpy=f"perplexity {lab.interval(perplexity['no-smoothing']):.3f} -> "
        f"{lab.interval(perplexity['sinusoidal']):.3f}; {_right(lab, 'no-smoothing')} -> {_right(lab, 'sinusoidal')}",
        torch="-",
        verdict=_judge(worse.low > 0 and better.low > 0),
        why=f"perplexity {worse:.3f} higher, {better:.1f points} more dates right; both are asked for",
    )


def _dropout(lab: Lab) -> Claim:
    runs = runs_of(lab, "few-dates")
    groups = {rate: [run for run in runs if run["config"]["dropout"] == rate] for rate in (0.0, 0.1)}
    exact = {rate: [run["exact"] for run in found] for rate, found in groups.items()}
    gap = {
        rate: lab.interval([r["train_metrics"]["forced accuracy"] - r["metrics"]["forced accuracy"] for r in found])
        for rate, found in groups.items()
    }
    gain = lab.paired_difference(exact[0.1], exact[0.0])
    config = runs[0]["config"]
    verdict, why = _judge(gain.low > 0), f"difference {gain:.1f points}"
    if gain.low <= 0 and gap[0.0].mean < OVER_FITTED:
        verdict = "out of reach here"
        why += f"; no over-fitting to avoid yet, where training is less than {OVER_FITTED:.0f} points ahead"
    return Claim(
        statement="dropout is very helpful in avoiding over-fitting",
        source="table 3 (D): 24.6 -> 25.8 BLEU",
        ran=f"{config['train_items']:,} dates, {_passes(config)}, {len(exact[0.0])} seeds, without and with 0.1",
        numpy=f"{lab.interval(exact[0.0]):.1f %} -> {lab.interval(exact[0.1]):.1f %}; accuracy in training above that "
        f"in test by {gap[0.0]:.1f points} -> {gap[0.1]:.1f points}",
        torch="-",
        verdict=verdict,
        why=why,
    )


# ---- the rest -------------------------------------------------------------------------------------------------------


def warm_up_losses(lab: Lab) -> dict[str, list[float]]:
    """Test loss in nats a token, for each schedule one number a rate."""
    runs = lab.results("warm-up")["runs"]
    return {name: [float(np.log(run["metrics"]["perplexity"])) for run in found] for name, found in runs.items()}


def _warm_up(lab: Lab) -> Claim:
    losses, runs = warm_up_losses(lab), lab.results("warm-up")["runs"]["warm-up"]
    best = {name: min(found) for name, found in losses.items()}
    without = min(loss for name, loss in best.items() if name != "warm-up")
    config = runs[0]["config"]
    return Claim(
        statement="the rate has to warm up (norms come after the sub-layers)",
        source="section 5.3, where it is done and not argued",
        ran=f"{config['layers']} + {config['layers']} layers, d = {config['hidden_size']}, dates, "
        f"{runs[0]['steps']:,} updates, {len(runs)} rates, one seed; without warm-up from the same highest rate, or "
        "with the same later rates",
        numpy="test loss at the best rate: " + "; ".join(f"{name} {loss:.2f}" for name, loss in best.items()),
        torch="-",
        verdict=_judge(best["warm-up"] < 0.9 * without),
        why="a loss more than a tenth below both is asked for; nothing is said about seeds",
    )


def _translation() -> Claim:
    return Claim(
        statement="28.4 BLEU on WMT 2014 English to German, 41.8 on English to French",
        source="abstract, table 2",
        ran="not run; the base model's sizes are there (`paper`), and tests count its parameters",
        numpy="-",
        torch="-",
        verdict="out of reach here",
        why="4.5 million pairs, 12 hours on eight P100 for the base model",
    )


# ---- shared ---------------------------------------------------------------------------------------------------------


def _judge(holds: bool) -> Verdict:
    return "reproduced" if holds else "not reproduced"


def _right(lab: Lab, name: str, side: str = "numpy") -> str:
    return f"{lab.interval(dates_right(lab, name, side)):.1f %}"


def _passes(config: dict[str, Any]) -> str:
    return "one pass" if config["epochs"] == 1 else f"{config['epochs']} passes"


def _schedule(lab: Lab) -> str:
    runs = runs_of(lab, "dates-sinusoidal")
    config = runs[0]["config"]
    return (
        f"dates, {config['layers']} + {config['layers']} layers, d = {config['hidden_size']}, {_passes(config)} "
        f"({runs[0]['steps']:,} updates), exact match on 2,000 unseen days, greedy; {len(runs)} seeds"
    )


# ---- the README's other blocks --------------------------------------------------------------------------------------


def tables(lab: Lab) -> dict[str, str]:
    """ "variants": every row on the dates, and the Luong model."""
    lines = [
        "| model | parameters | dates right | perplexity | training time a run |",
        "|---|---:|---:|---:|---:|",
        *(_row(lab, name) for name in rows_measured(lab)),
    ]
    beams = lab.results("dates-sinusoidal")["beams"]
    greedy, wide = beams.values()
    return {
        "variants": "\n".join(lines),
        "beams": f"Seed 0 of the default writes {greedy:.1f} % of the dates right greedily, and {wide:.1f} % with "
        f"{list(beams)[-1]} beams.",
    }


def rows_measured(lab: Lab) -> list[str]:
    """The rows on dates whose results are there, the Luong model last."""
    return [name for name in (*TABLE, "luong") if lab.has(f"dates-{name}")]


def _row(lab: Lab, name: str) -> str:
    runs = runs_of(lab, f"dates-{name}")
    perplexity = lab.interval([run["metrics"]["perplexity"] for run in runs])
    seconds = lab.interval([run["seconds"] for run in runs])
    shown = "Luong et al. 2015" if name == "luong" else name
    return f"| {shown} | {runs[0]['parameters']:,} | {_right(lab, name)} | {perplexity:.3f} | {seconds.mean:.0f} s |"


def summary(lab: Lab) -> Summary:
    """The standard training run: the default on dates, one pass."""
    results = lab.results("dates-sinusoidal")
    run, data = results["runs"][0], results["environment"]["data"]
    config = run["config"]
    seconds = {side: lab.interval([r["seconds"] for r in runs_of(lab, "dates-sinusoidal", side)])
               for side in ("numpy", "torch")}  # fmt: skip
    return Summary(
        data=f"{data['items']:,} dates in many languages, and their ISO form",
        model=f"{config['layers']} + {config['layers']} layers, d = {config['hidden_size']}, {config['heads']} heads, "
        f"d_ff = {config['feed_forward']}, {run['parameters']:,} parameters",
        loss=f"cross-entropy with label smoothing {config['label_smoothing']:g}, mean over the target tokens",
        optimiser=f"Adam (0.9, 0.98), epsilon 1e-9, batch {config['batch_size']}, dropout {config['dropout']:g}",
        schedule=f"{config['learning_rate']:g} times the paper's, warm-up of {config['warmup_steps']} of "
        f"{run['steps']:,} updates, {_passes(config)}",
        metric="unseen days translated exactly, greedy search",
        expected="most dates right after one pass; smoothing keeps the perplexity above 1",
        numpy=_right(lab, "sinusoidal"),
        torch=_right(lab, "sinusoidal", "torch"),
        command="tinygrad-lab claims transformer (all), tinygrad-lab train transformer (four passes)",
        time=f"{seconds['numpy']:.0f s} NumPy, {seconds['torch']:.0f s} PyTorch a run, "
        f"{results['environment']['blas_threads']} BLAS thread(s)",
    )


def curve(run: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Update numbers and losses, already thinned, as a mean over up to five neighbours."""
    width = min(5, len(run["losses"]))
    losses = np.convolve(run["losses"], np.ones(width) / width, mode="valid")
    return np.linspace(0, run["steps"], len(losses)), losses
