"""What became of the claims, judged from the result files alone.

Seeds are compared in pairs: the same seed gives both sides of a comparison the same images (or points) in the same
order.
"""

from tinygrad_lab.claim import LONG_SEEDS
from tinygrad_lab.study import Claim, Finding, Interval, Lab, Rates, Record, Summary, not_run, passes, table

from .seen import pictures
from .settings import ALIKE, AS_GOOD, BOUNDED, DEAD, ITEMS, LARGE_RATE, NO_HELP, PAIR, RATES, name_of

PAPER_UPDATES = 1_000_000
PAPER_WEIGHTS = 784 * 1024 + 2 * 1024**2 + 1024 * 10  # of the smallest network of table 2 with max-norm
QUOTED_GAIN = 91 - 89  # points of test accuracy, of the single run on two blobs
Values = dict[str, list[float]]


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim whose results are there."""
    if not lab.has("features"):  # without MNIST's files
        return [_blobs(lab)]
    rows = (_lower_error, _bounded, _large_rate, _level, _gap, _monte_carlo, _sizes, _sparsity, _blobs, _noise)
    return [row(lab) for row in rows]


# ---- most images -----------------------------------------------------------------------------------------------------


def _lower_error(lab: Lab) -> Claim:
    errors = {name: lab.values(name, "metrics", "error") for name in PAIR}
    witness = {name: lab.values(name, "metrics", "error", side="torch") for name in PAIR}
    found, again = (_tuned(lab, lab.judge.superiority(*arms.values()), *PAIR) for arms in (errors, witness))
    gain = lab.paired_difference(errors["standard"], errors["dropout"])
    return Claim(
        statement="dropout has a lower test error on MNIST than standard (1.60 % -> 1.25 %)",
        source="table 2",
        ran=_schedule(lab, *PAIR),
        numpy=_from_to(lab, errors, ".2f %"),
        torch=_from_to(lab, witness, ".2f %"),
        finding=found.confirmed_by(again).allowing_for(ours=_few_updates(lab)),
        why=f"difference {gain:.2f points}",
    )


def _bounded(lab: Lab) -> Claim:
    errors = {arm: lab.values(arm, "metrics", "error") for arm in ("dropout", "max-norm")}
    found = _tuned(lab, lab.judge.superiority(*errors.values()), *errors)
    gain = lab.paired_difference(*errors.values())
    held, longest = (lab.spread("max-norm", name) for name in ("rows_at_bound", "longest_row"))
    return Claim(
        statement="max-norm has a lower test error on MNIST than dropout (1.25 % -> 1.06 %)",
        source="table 2",
        ran=_schedule(lab, "dropout", "max-norm"),
        numpy=_from_to(lab, errors, ".2f %"),
        finding=found.allowing_for(ours=_few_updates(lab)),
        why=f"difference {gain:.2f points}; c = 2 holds {held:.1f %} of the hidden units' weights, the longest of "
        f"which is {longest.mean:.2f}",
    )


def _large_rate(lab: Lab) -> Claim:
    errors = {arm: lab.values("large_rate", "error", arm=arm) for arm in ("dropout", *BOUNDED)}
    held = [f"{lab.spread('large_rate', 'rows_at_bound', arm=arm):.0f %}" for arm in BOUNDED]
    found = lab.judge.all_of(*[lab.judge.superiority(errors["dropout"], errors[arm]) for arm in BOUNDED])
    gains = [f"{lab.paired_difference(errors['dropout'], errors[arm]):.2f points}" for arm in BOUNDED]
    return Claim(
        statement="at a learning rate at which dropout alone comes apart, max-norm keeps the network learning",
        source="section 5.1",
        ran=f"the networks and updates above at a rate of {LARGE_RATE:g}, {found.seeds} seeds: dropout alone, with "
        f"c = 2, with c = 3",
        numpy="; ".join(f"{arm}: {lab.interval(values):.2f %}" for arm, values in errors.items()),
        finding=found,
        why=f"max-norm saves {' (c = 2) and '.join(gains)} (c = 3); it holds {' and '.join(held)} of the hidden units; "
        f"at its best rate dropout alone has {lab.spread('dropout', 'metrics', 'error'):.2f %}",
    )


def _level(lab: Lab) -> Claim:
    error, pace = lab.spread("max-norm", "metrics", "error"), lab.runs("max-norm")[0]
    hours = pace["seconds"] / pace["steps"] * PAPER_UPDATES * PAPER_WEIGHTS / pace["parameters"] / 3600
    return not_run(
        "dropout with max-norm reaches 1.06 % on MNIST",
        "table 2",
        f"left out for the time that it takes: a run of {PAPER_UPDATES:,} updates of 784-1024-1024-1024-10 takes about "
        f"{hours:.0f} hours on one core, {len(RATES)} rates and {LONG_SEEDS} seeds "
        f"{(len(RATES) + LONG_SEEDS) * hours:.0f}; {pace['steps']:,} updates of the smaller network come to "
        f"{error:.2f %}",
    )


def _gap(lab: Lab) -> Claim:
    gaps, witness = ({name: _gaps(lab, name, side) for name in PAIR} for side in ("numpy", "torch"))
    found, again = (_tuned(lab, lab.judge.superiority(*arms.values()), *PAIR) for arms in (gaps, witness))
    smaller = lab.paired_difference(*gaps.values())
    return Claim(
        statement="dropout narrows the gap between test and training loss (evaluation mode)",
        source="section 1",
        ran=_schedule(lab, *PAIR),
        numpy=_from_to(lab, gaps, ".3f"),
        torch=_from_to(lab, witness, ".3f"),
        finding=found.confirmed_by(again),
        why=f"difference {smaller:.3f nats}",
    )


def _gaps(lab: Lab, name: str, side: str) -> list[float]:
    test, train = (lab.values(name, part, "loss", side=side) for part in ("metrics", "train_metrics"))
    return [a - b for a, b in zip(test, train, strict=True)]


def _monte_carlo(lab: Lab) -> Claim:
    results = lab.results("monte_carlo")
    one, many = ([errors[k] for errors in results["errors"]] for k in (0, -1))
    scaled, most = lab.values("dropout", "metrics", "error"), results["samples"][-1]
    last = lab.paired_difference(many, scaled)
    found = lab.judge.all_of(lab.judge.superiority(one, scaled), lab.judge.equivalence(many, scaled, AS_GOOD))
    cells = {"1": one, str(most): many, "scaled weights": scaled}
    return Claim(
        statement=f"the average of {most} thinned networks is as good as scaled weights, one thinned network is not",
        source="section 7.5, figure 11",
        ran="the dropout networks above; masks drawn afresh for every test image",
        numpy="; ".join(f"{name}: {lab.interval(values):.2f %}" for name, values in cells.items()),
        finding=found.run_for(lab.spread("dropout", "seconds").mean),
        why=f"{most} networks less scaled weights: {last:.2f points}, within {AS_GOOD:g} either way is asked for",
    )


# ---- few images ------------------------------------------------------------------------------------------------------


def size_errors(lab: Lab) -> dict[int, Values]:
    """Test errors without dropout and with it, by number of training images."""
    few = lab.results("sizes")["errors"]
    errors = {int(items): {arm: few[arm][items] for arm in PAIR} for items in few["dropout"]}
    return errors | {ITEMS: {arm: lab.values(arm, "metrics", "error") for arm in PAIR}}


def size_gains(lab: Lab) -> dict[int, Interval]:
    """Standard less dropout, in points of test error, by number of training images."""
    return {items: lab.paired_difference(*arms.values()) for items, arms in size_errors(lab).items()}


def _sizes(lab: Lab) -> Claim:
    errors, gains = size_errors(lab), size_gains(lab)
    smallest, more = list(errors)[:2]
    helped = lab.judge.superiority(*errors[more].values())
    unhelped = lab.judge.not_worse(errors[smallest]["dropout"], errors[smallest]["standard"], NO_HELP)
    found = lab.judge.all_of(
        unhelped.tuned(_rates_tried(lab), name_of("standard", smallest), name_of("dropout", smallest)),
        helped.tuned(_rates_tried(lab), name_of("dropout", more), name_of("standard", more)),
    )
    return Claim(
        statement="dropout does not help with 100 training images, but with more it does",
        source="section 7.4, figure 10",
        ran=f"784-512-512-10, 1,000 updates on {smallest:,} and {more:,} images, the rest as above, the best rate for "
        f"each network and size; {gains[smallest].count} seeds",
        numpy="error saved: " + "; ".join(f"{items:,}: {gain:.2f points}" for items, gain in gains.items()),
        finding=found,
        why=f"less than {NO_HELP:g} points at {smallest}, and a gain at {more:,}, are asked for",
    )


def _noise(lab: Lab) -> Claim:
    errors = {arm: lab.values(arm, "metrics", "error") for arm in ("dropout", "gaussian")}
    found = _tuned(lab, lab.judge.superiority(*errors.values()), *errors)
    return Claim(
        statement="Gaussian noise is a little better than Bernoulli noise "
        "(0.95 ± 0.04 % against 1.08 ± 0.04 % on MNIST)",
        source="section 10, table 10",
        ran=_schedule(lab, *errors),
        numpy=_from_to(lab, errors, ".2f %"),
        finding=found.allowing_for(ours=_few_updates(lab)),
        why=f"difference {lab.paired_difference(*errors.values()):.2f points}",
    )


# ---- features --------------------------------------------------------------------------------------------------------


def _sparsity(lab: Lab) -> Claim:
    runs, rates = lab.results("features")["runs"], lab.results("features")["rates"]
    mean, zeros, dead, error = (
        {arm: [run[key] for run in found] for arm, found in runs.items()}
        for key in ("mean", "zeros", "dead", "squared_error")
    )
    found = lab.judge.all_of(
        lab.judge.superiority(mean["stopped"], mean["dropout"]),
        lab.judge.superiority(zeros["dropout"], zeros["stopped"]),
        lab.judge.equivalence(error["dropout"], error["stopped"], ALIKE * lab.interval(error["stopped"]).mean),
    )
    cells = [
        f"{arm}: mean {lab.interval(mean[arm]):.2f}, zeros {lab.interval(_percent(zeros[arm])):.0f %}, dead units "
        f"{lab.interval(_percent(dead[arm])):.0f %}, squared error {lab.interval(error[arm]):.2f}"
        for arm in ("stopped", "dropout", "standard")
    ]
    return Claim(
        statement="dropout makes hidden units sparse: their mean activation falls from about 2.0 to about 0.7",
        source="section 7.2, figure 8",
        ran=f"autoencoder 784-256-784, Adam at the best of {', '.join(rates['dropout'])} on held-out images, dropout "
        f"0.5 on the hidden layer; without it, ended at the same error (stopped) and trained as long (standard); "
        f"{found.seeds} seeds",
        numpy="; ".join(cells),
        finding=found.tuned(Rates("validation", rates), "dropout", "standard"),
        why=f"asked for are, against the one that was stopped, a lower mean and more zeros of the units that more than "
        f"{DEAD:.1%} of the images make active, and squared errors within {ALIKE:.0%} of each other",
    )


def _percent(shares: list[float]) -> list[float]:
    return [100 * share for share in shares]


# ---- two blobs -------------------------------------------------------------------------------------------------------


def blob_accuracies(lab: Lab, side: str) -> dict[str, Values]:
    """Accuracy in percent by variant, then "train" or "test": one a seed."""
    runs = [run for run in lab.results("blobs")["runs"] if run["side"] == side]
    return {
        variant: {part: [run[part] for run in runs if run["variant"] == variant] for part in ("train", "test")}
        for variant in PAIR
    }


def _blobs(lab: Lab) -> Claim:
    numpy, torch = blob_accuracies(lab, "numpy"), blob_accuracies(lab, "torch")
    standard, dropout = (numpy[arm]["test"] for arm in PAIR)
    gain, results = lab.paired_difference(dropout, standard), lab.results("blobs")
    wins = sum(a > b for a, b in zip(dropout, standard, strict=True)) / len(dropout)
    found, again = (lab.judge.superiority(*(side[arm]["test"] for arm in reversed(PAIR))) for side in (numpy, torch))
    return Claim(
        statement="on 100 points dropout raises test accuracy (training / test: 100 / 89 % without, 93 / 91 % with it)",
        source="not in the paper: an often-quoted single run",
        ran=f"2-256-256-2, Adam at the best rate of either on points of neither split, 200 full batches, {gain.count} "
        f"seeds; blobs {results['distance']} standard deviations apart (our choice: the best possible test accuracy is "
        f"{results['bayes']:.1f} %)",
        numpy=_accuracy_cells(lab, numpy),
        torch=_accuracy_cells(lab, torch),
        finding=found.confirmed_by(again).tuned(Rates("validation", results["rates"]), "dropout", "standard"),
        why=f"dropout gains {gain:.2f points} of test accuracy, is better in {100 * wins:.0f} % of the seeds, and the "
        f"quoted gain of {QUOTED_GAIN:g} is {'inside' if gain.high >= QUOTED_GAIN else 'outside'} the interval",
    )


def _accuracy_cells(lab: Lab, accuracies: dict[str, Values]) -> str:
    cells = [(name, lab.interval(parts["train"]), lab.interval(parts["test"])) for name, parts in accuracies.items()]
    return "; ".join(f"{name} {train:.1f} / {test:.1f} %" for name, train, test in cells)


# ---- the README's other blocks ---------------------------------------------------------------------------------------


def tables(lab: Lab) -> dict[str, str]:
    """The learning rates that were tried, and the pictures with what is to be seen in them."""
    return {"rates": _rates(lab), "pictures": pictures(lab, size_gains(lab))}


def _rates(lab: Lab) -> str:
    results = lab.results("rates")
    errors, held = results["errors"], results["rows_at_bound"]
    rates = sorted({rate for scores in errors.values() for rate in scores}, key=float)
    bounded = tuple(name_of(arm, ITEMS) for arm in BOUNDED)
    rows = [
        (name, *[_rate_cell(errors[name], held[name] if name in bounded else {}, rate) for rate in rates])
        for name in errors
    ]
    return table(("error on held-out images", *rates), rows, right=len(rates))


def _rate_cell(scores: dict[str, float], held: dict[str, float], rate: str) -> str:
    """The error, bold where it is the best; and the percentage of the units that a bound holds, where there is one."""
    if rate not in scores:
        return "-"
    shown = f"{scores[rate]:.2f} %"
    shown = f"**{shown}**" if rate == min(scores, key=scores.__getitem__) else shown
    return shown + (f" ({held[rate]:.0f} % held)" if held else "")


def summary(lab: Lab) -> Summary:
    """Dropout on MNIST."""
    run, data = lab.runs("dropout")[0], lab.results("dropout")["environment"]["data"]
    config = run["config"]
    hidden = ",".join(map(str, config["hidden"]))
    return Summary(
        data=f"{data['name']}, {data['items']:,} training images, drawn with the seed, as vectors of 784 pixels in "
        f"[0, 1]",
        model=f"{_layers(config)} ReLU, {run['parameters']:,} parameters; units dropped with probability "
        f"{config['drop_input']} (input) and {config['drop_hidden']} (hidden)",
        loss="cross-entropy, mean over the batch",
        optimiser=f"SGD, momentum {config['momentum']}, learning rate {config['learning_rate']:g}, "
        f"batch {config['batch_size']}",
        schedule=f"cosine to 0 over {config['epochs']} epochs",
        metric="test error in percent, after the last epoch",
        expected="the loss of training stays above the loss in evaluation mode, where no unit is missing",
        numpy=f"{lab.spread('dropout', 'metrics', 'error'):.2f %}",
        torch=f"{lab.spread('dropout', 'metrics', 'error', side='torch'):.2f %}, other seeds",
        command=f"tinygrad-lab claims dropout (all), tinygrad-lab train dropout --hidden {hidden} --train-items "
        f"{config['train_items']} --epochs {config['epochs']} --learning-rate {config['learning_rate']:g} (one run)",
        time=lab.run_time("dropout", threads=False),
    )


# ---- parts -----------------------------------------------------------------------------------------------------------


def _rates_tried(lab: Lab) -> Rates:
    return Rates("validation", lab.results("rates")["errors"])


def _tuned(lab: Lab, finding: Finding, theirs: str, ours: str) -> Finding:
    """A finding for one setting (ours) over another, with the rates that both were given."""
    seconds = max(lab.spread(name, "seconds").mean for name in (ours, theirs))
    return finding.tuned(_rates_tried(lab), name_of(ours, ITEMS), name_of(theirs, ITEMS)).run_for(seconds)


def _few_updates(lab: Lab) -> str:
    more = PAPER_UPDATES / lab.runs("dropout")[0]["steps"]
    return f"the paper makes {more:.0f} times as many updates, and dropout needs many"


def _layers(config: Record) -> str:
    return "-".join(map(str, [config["inputs"], *config["hidden"], config["classes"]]))


def _from_to(lab: Lab, arms: Values, spec: str) -> str:
    return " -> ".join(f"{lab.interval(values):{spec}}" for values in arms.values())


def _schedule(lab: Lab, *names: str) -> str:
    """What the runs of these settings were: the reduced schedule in words."""
    firsts = {name: lab.runs(name)[0] for name in names}
    first = firsts[names[0]]
    config = first["config"]
    rates = ", ".join(f"{run['config']['learning_rate']:g} ({name})" for name, run in firsts.items())
    return (
        f"{_layers(config)}, {passes(config)} over {config['train_items']:,} images in {first['steps']:,} updates (the "
        f"paper: {PAPER_UPDATES:,}, 60,000 images), batches of {config['batch_size']}, learning rate {rates}, each the "
        f"best of {', '.join(f'{rate:g}' for rate in RATES)} and further ones on held-out images; "
        f"{len(lab.runs(names[0]))} seeds"
    )
