"""What became of the claims, judged from the result files alone.

Seeds are compared in pairs: the same seed gives both sides of a comparison the same images (or points) in the same
order.
"""

from typing import Any

import numpy as np

from tinygrad_lab.study import Claim, Finding, Interval, Lab, Rates, Summary, not_run

SETTINGS = ("standard", "dropout", "max-norm")  # the variants compared on MNIST, table 2

TEST_IMAGES = 10_000  # of MNIST
PAPER_UPDATES = 1_000_000
QUOTED_GAIN = 91 - 89  # points of test accuracy, of the single run on two blobs
NO_HELP = 0.5  # points of test error: what dropout saves where it does not help
AS_GOOD = 0.1  # points of test error by which as good a prediction may be worse, ten images
ALIKE = 0.25  # share of the squared error by which two autoencoders that reconstruct alike may differ
ONE_RATE = Rates("one rate for every arm")
Values = dict[str, list[float]]


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim whose results are there."""
    found = []
    if lab.has("max-norm"):
        found += [
            _lower_error(lab, "standard", "dropout", "1.60 % -> 1.25 %"),
            _lower_error(lab, "dropout", "max-norm", "1.25 % -> 1.06 %"),
            _level(lab),
            _gap(lab),
            _monte_carlo(lab),
        ]
    if lab.has("sizes"):
        found.append(_sizes(lab))
    if lab.has("features"):
        found.append(_sparsity(lab))
    return [*found, _blobs(lab), _NOISE]


# ---- MNIST -----------------------------------------------------------------------------------------------------------


def _lower_error(lab: Lab, before: str, after: str, figures: str) -> Claim:
    errors = {name: lab.values(name, "metrics", "error") for name in (before, after)}
    gain = lab.paired_difference(errors[before], errors[after])
    torch = lab.values(after, "metrics", "error", side="torch")
    rows = [f"{lab.results(name)['longest_row']:.2f}" for name in (before, after)]
    bound = lab.runs(after)[0]["config"]["max_norm"]
    found = _tuned(lab, lab.judge.superiority(errors[before], errors[after]), after, before)
    why = f"difference {gain:.2f points}"
    if lab.results(before)["longest_row"] < bound:
        why = f"in this schedule no incoming weight vector grows to c = {bound:g}, so both runs are the same"
    return Claim(
        statement=f"{after} has a lower test error on MNIST than {before} ({figures})",
        source="table 2",
        ran=_schedule(lab, before, after),
        numpy=" -> ".join(f"{lab.interval(values):.2f %}" for values in errors.values()),
        torch=f"{after}: {lab.interval(torch):.2f %}" if torch else "-",
        finding=found,
        why=f"{why}; longest incoming weights {' -> '.join(rows)}",
    )


def _tuned(lab: Lab, finding: Finding, ours: str, theirs: str) -> Finding:
    """A finding for one setting against another, with the rates that both were given."""
    rates = Rates("validation", lab.results("rates")["errors"])
    seconds = max(lab.spread(name, "seconds").mean for name in (ours, theirs))
    return finding.tuned(rates, ours, theirs).run_for(seconds)


def _level(lab: Lab) -> Claim:
    error = lab.spread("max-norm", "metrics", "error")
    more = PAPER_UPDATES / lab.runs("max-norm")[0]["steps"]
    found = lab.judge.at_most(1.06, lab.values("max-norm", "metrics", "error"), TEST_IMAGES)
    found = found.allowing_for(ours=f"the paper makes {more:.0f} times as many updates")
    return Claim(
        statement="dropout with max-norm reaches 1.06 % on MNIST",
        source="table 2",
        ran=_schedule(lab, "max-norm"),
        numpy=f"{error:.2f %}",
        finding=found.run_for(lab.spread("max-norm", "seconds").mean),
        why=f"{error:.2f %} against 1.06 %",
    )


def _gap(lab: Lab) -> Claim:
    gaps = {}
    for name in ("standard", "dropout"):
        test, train = (np.array(lab.values(name, part, "loss")) for part in ("metrics", "train_metrics"))
        gaps[name] = list(test - train)
    smaller = lab.paired_difference(gaps["standard"], gaps["dropout"])
    return Claim(
        statement="dropout narrows the gap between test and training loss (evaluation mode)",
        source="section 1",
        ran=_schedule(lab, "standard", "dropout"),
        numpy=" -> ".join(f"{lab.interval(values):.3f}" for values in gaps.values()),
        finding=_tuned(lab, lab.judge.superiority(gaps["standard"], gaps["dropout"]), "dropout", "standard"),
        why=f"difference {smaller:.3f nats}",
    )


def _monte_carlo(lab: Lab) -> Claim:
    scaled, results = lab.values("dropout", "metrics", "error"), lab.results("monte_carlo")
    most = results["samples"][-1]
    one, many = ([errors[k] for errors in results["errors"]] for k in (0, -1))
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


def size_gains(lab: Lab) -> dict[int, Interval]:
    """Standard less dropout, in points of test error, by number of training images."""
    errors = lab.results("sizes")["errors"]
    return {int(n): lab.paired_difference(errors["standard"][n], errors["dropout"][n]) for n in errors["standard"]}


def _sizes(lab: Lab) -> Claim:
    gains = size_gains(lab)
    smallest, updates = min(gains), lab.results("sizes")["updates"]
    errors = lab.results("sizes")["errors"]
    (standard, dropout), (standard_next, dropout_next) = (
        (errors["standard"][str(items)], errors["dropout"][str(items)]) for items in sorted(gains)[:2]
    )
    found = lab.judge.all_of(
        lab.judge.not_worse(dropout, standard, NO_HELP), lab.judge.superiority(standard_next, dropout_next)
    )
    return Claim(
        statement="dropout does not help with 100 training images, but with more it does",
        source="section 7.4, figure 10",
        ran=f"784-512-512-10, {updates:,} updates at every size, one learning rate, {gains[smallest].count} seeds",
        numpy="error saved: " + "; ".join(f"{items:,}: {gain:.2f points}" for items, gain in gains.items()),
        finding=found.tuned(ONE_RATE, "dropout", "the network without it"),
        why=f"less than {NO_HELP:g} points at {smallest}, and a gain at the next size, are asked for",
    )


def _sparsity(lab: Lab) -> Claim:
    found = lab.results("features")
    keys = ("mean", "zeros", "squared_error")
    mean, zeros, error = ({v: [run[key] for run in found[v]] for v in ("standard", "dropout")} for key in keys)
    allowed = ALIKE * lab.interval(error["standard"]).mean
    lower = lab.judge.superiority(mean["standard"], mean["dropout"])
    sparser = lab.judge.superiority(zeros["dropout"], zeros["standard"])
    alike = lab.judge.equivalence(error["dropout"], error["standard"], allowed)
    return Claim(
        statement="dropout makes hidden units sparse: their mean activation falls from about 2.0 to about 0.7",
        source="section 7.2, figure 8",
        ran=f"autoencoder 784-256-784, 10 epochs of Adam, dropout 0.5 on the hidden layer, {lower.seeds} seeds",
        numpy=f"mean {_pair(lab, mean)}; share of zeros {_pair(lab, zeros)}; squared error {_pair(lab, error)}",
        finding=lab.judge.all_of(lower, sparser, alike).tuned(ONE_RATE, "dropout", "the network without it"),
        why=f"asked for are a lower mean, more zeros, and squared errors within {ALIKE:.0%} of each other, as in the "
        "paper: units that are off may be units that are dead",
    )


# ---- two blobs -------------------------------------------------------------------------------------------------------


def blob_accuracies(lab: Lab, side: str) -> dict[str, Values]:
    """Accuracy in percent by variant, then "train" or "test": one a seed."""
    runs = [run for run in lab.results("blobs")["runs"] if run["side"] == side]
    return {
        variant: {part: [run[part] for run in runs if run["variant"] == variant] for part in ("train", "test")}
        for variant in ("standard", "dropout")
    }


def _blobs(lab: Lab) -> Claim:
    numpy, torch = blob_accuracies(lab, "numpy"), blob_accuracies(lab, "torch")
    gain = lab.paired_difference(numpy["dropout"]["test"], numpy["standard"]["test"])
    wins = np.mean(np.array(numpy["dropout"]["test"]) > np.array(numpy["standard"]["test"]))
    results = lab.results("blobs")
    return Claim(
        statement="on 100 points dropout raises test accuracy (training / test: 100 / 89 % without, 93 / 91 % with it)",
        source="not in the paper: an often-quoted single run",
        ran=f"2-256-256-2, Adam 0.01, 200 full batches, {gain.count} seeds; blobs {results['distance']} standard "
        f"deviations apart (our choice: the best possible test accuracy is {results['bayes']:.1f} %)",
        numpy=_accuracy_cells(lab, numpy),
        torch=_accuracy_cells(lab, torch),
        finding=lab.judge.superiority(numpy["dropout"]["test"], numpy["standard"]["test"]).tuned(
            ONE_RATE, "dropout", "the network without it"
        ),
        why=f"dropout gains {gain:.2f points} of test accuracy, is better in {100 * wins:.0f} % of the seeds, and the "
        f"quoted gain of {QUOTED_GAIN:g} is {'inside' if gain.high >= QUOTED_GAIN else 'outside'} the interval",
    )


def _accuracy_cells(lab: Lab, accuracies: dict[str, Values]) -> str:
    cells = [(name, lab.interval(parts["train"]), lab.interval(parts["test"])) for name, parts in accuracies.items()]
    return "; ".join(f"{name} {train:.1f} / {test:.1f} %" for name, train, test in cells)


_NOISE = not_run(
    "Gaussian noise is a little better than Bernoulli noise (0.95 ± 0.04 % against 1.08 ± 0.04 % on MNIST)",
    source="section 10, table 10",
    why="13 images in 10,000 make the difference: it needs the full schedule and many seeds",
)


# ---- the standard run ------------------------------------------------------------------------------------------------


def summary(lab: Lab) -> Summary:
    """Dropout on MNIST."""
    run, data = lab.runs("dropout")[0], lab.results("dropout")["environment"]["data"]
    config = run["config"]
    return Summary(
        data=f"{data['name']}, {data['items']:,} training images as vectors of 784 pixels in [0, 1]",
        model=f"{_layers(config)} ReLU, {run['parameters']:,} parameters; units dropped with probability "
        f"{config['drop_input']} (input) and {config['drop_hidden']} (hidden)",
        loss="cross-entropy, mean over the batch",
        optimiser=f"SGD, momentum {config['momentum']}, learning rate {config['learning_rate']:g}, "
        f"batch {config['batch_size']}",
        schedule=f"cosine to 0 over {config['epochs']} epochs",
        metric="test error in percent, after the last epoch",
        expected="the loss of training stays above the loss in evaluation mode, where no unit is missing",
        numpy=f"{lab.spread('dropout', 'metrics', 'error'):.2f %}",
        torch=f"{lab.spread('dropout', 'metrics', 'error', side='torch'):.2f %}",
        command="tinygrad-lab claims dropout (all), tinygrad-lab train dropout --size small (one run)",
        time=lab.run_time("dropout", threads=False),
    )


# ---- parts -----------------------------------------------------------------------------------------------------------


def _layers(config: dict[str, Any]) -> str:
    return "-".join(map(str, [config["inputs"], *config["hidden"], config["classes"]]))


def _pair(lab: Lab, values: Values) -> str:
    return f"{lab.interval(values['standard']):.2f} -> {lab.interval(values['dropout']):.2f}"


def _schedule(lab: Lab, *names: str) -> str:
    """What the runs of these settings were: the reduced schedule in words."""
    firsts = {name: lab.runs(name)[0] for name in names}
    first = firsts[names[0]]
    rates = ", ".join(f"{run['config']['learning_rate']:g} ({name})" for name, run in firsts.items())
    tried = ", ".join(lab.results("rates")["errors"][names[0]])
    return (
        f"{_layers(first['config'])}, {first['steps']:,} updates (the paper: {PAPER_UPDATES:,}), batches of "
        f"{first['config']['batch_size']}, learning rate {rates}, the best of {tried} on held-out images; "
        f"{len(lab.runs(names[0]))} seeds"
    )
