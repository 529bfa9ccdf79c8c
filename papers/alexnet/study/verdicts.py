"""What became of the claims, judged from the result files alone.

Seeds are compared in pairs: the same seed gives both networks of a comparison the same images in the same order.
"""

from typing import Any

from tinygrad_lab.study import Claim, Finding, Lab, Rates, Summary, not_run, out_of_reach, table

# The networks that are compared: name -> variant and what else is changed.
ARMS: dict[str, tuple[str, dict[str, Any]]] = {
    "standard": ("2012", {}),
    "plain-pooling": ("plain-pooling", {}),
    "no-lrn": ("no-lrn", {}),
    "no-dropout": ("no-dropout", {}),
    "no-augmentation": ("2012", {"crops": False, "flips": False}),
}
SEVERAL = 2.0  # how many times as fast is "several times"
LEARNT = 50.0  # percent of training errors below which a network has learnt something


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [
        _speed(lab, "paper"),
        _speed(lab, "best"),
        _gain(lab, "plain-pooling", "overlapping pooling lowers the top-1 error", "section 3.4", 0.4),
        _gain(lab, "no-lrn", "local response normalisation lowers the top-1 error", "section 3.3", 1.4),
        _overfitting(lab, "no-dropout", "without dropout the network overfits substantially", "section 4.2"),
        _overfitting(
            lab, "no-augmentation", "without crops and mirror images it overfits substantially", "section 4.1"
        ),
        _ten_views(lab),
        *_OUT_OF_REACH,
    ]


# ---- figure 1 --------------------------------------------------------------------------------------------------------


def steps_to(level: float, curve: list[float], every: int) -> int | None:
    """Steps after which a curve of errors first is at ``level`` or below; None where it never is."""
    return next((every * point for point, error in enumerate(curve, start=1) if error <= level), None)


def speed_ratios(relu: list[list[float]], tanh: list[list[float]], level: float) -> list[float]:
    """Points of its curve that tanh needs to the level over those that ReLUs need, one ratio a seed.

    A network that did not arrive counts with its whole curve, so for tanh the ratio is too small then.
    """
    ours, theirs = ([steps_to(level, curve, 1) or len(curve) for curve in curves] for curves in (relu, tanh))
    return [late / early for early, late in zip(ours, theirs, strict=True)]


def _curves(results: dict[str, Any], comparison: str, unit: str) -> dict[str, Any]:
    return next(row for row in results["curves"] if (row["comparison"], row["unit"]) == (comparison, unit))


def _speed(lab: Lab, comparison: str) -> Claim:
    results = lab.results("speed")
    level = results["level"]
    rows = [_curves(results, comparison, unit) for unit in ("relu", "tanh")]
    ratios = speed_ratios(rows[0]["curves"], rows[1]["curves"], level)
    steps = [f"{row['unit']} {_steps(row['curves'], level, results['every'])}" for row in rows]
    chosen = "; ".join(f"{row['unit']}: start {row['start']}, learning rate {row['rate']:g}" for row in rows)
    tuned = "learning rates" if comparison == "paper" else "learning rates and initial values"
    found = judge_speed(lab, ratios, rows[1]["curves"]).tuned(_speed_rates(lab, rows), "relu", "tanh")
    more = "more than " if any(min(curve) > level for curve in rows[1]["curves"]) else ""
    return Claim(
        statement=f"ReLUs reach {level:g} % training error six times as fast as tanh units, {tuned} tuned for each",
        source="figure 1" if comparison == "paper" else "figure 1, a stricter form",
        ran=f"the eight layers, small, in place of a network of four; {_data(lab, 'speed')}, in place of CIFAR-10; no "
        f"regularisation; {chosen}, the fastest of {_tried(lab, comparison)} each, one trial of one seed; "
        f"{len(ratios)} seeds",
        numpy=f"steps: {'; '.join(steps)}",
        finding=found,
        why=f"tanh needs {more}{lab.interval(ratios):.1f} times the steps; at least {SEVERAL:g} times is asked for",
    )


def judge_speed(lab: Lab, ratios: list[float], tanh: list[list[float]]) -> Finding:
    """Several times as fast, with both kinds of units learning; else the comparison is not one of units."""
    found = lab.judge.superiority(ratios, [SEVERAL] * len(ratios))
    if any(min(curve) > LEARNT for curve in tanh):
        return found.hold_back("from these initial values tanh units do not learn at all, let alone slowly")
    return found


def _speed_rates(lab: Lab, rows: list[dict[str, Any]]) -> Rates:
    """By unit and rate, from the start that was chosen: points of the trial above the level, then the last error."""
    trials, level = lab.results("starts")["trials"], lab.results("speed")["level"]
    return Rates(
        "the judged runs",
        {
            row["unit"]: {
                f"{trial['rate']:g}": sum(error > level for error in trial["errors"]) + trial["errors"][-1] / 1000
                for trial in trials
                if (trial["unit"], trial["start"]) == (row["unit"], row["start"])
            }
            for row in rows
        },
    )


def _tried(lab: Lab, comparison: str) -> str:
    """What was swept for each unit."""
    trials = lab.results("starts")["trials"]
    rates = ", ".join(f"{rate:g}" for rate in dict.fromkeys(trial["rate"] for trial in trials))
    starts = len({trial["start"] for trial in trials})
    return f"the rates {rates}" + ("" if comparison == "paper" else f" and {starts} starts")


def _steps(curves: list[list[float]], level: float, every: int) -> str:
    needed = [steps_to(level, curve, every) for curve in curves]
    return ", ".join(str(steps) if steps else f"over {every * len(curves[0])}" for steps in needed)


# ---- with and without ------------------------------------------------------------------------------------------------


def _gain(lab: Lab, without: str, statement: str, source: str, paper: float) -> Claim:
    errors = {arm: lab.values(arm, "metrics", "error") for arm in (without, "standard")}
    gain = lab.paired_difference(errors[without], errors["standard"])
    return Claim(
        statement=f"{statement} (by {paper} points on ImageNet)",
        source=source,
        ran=_schedule(lab, without),
        numpy=" -> ".join(f"{lab.interval(values):.2f %}" for values in errors.values()),
        torch=f"standard: {_error(lab, 'torch')}",
        finding=_compared(lab, lab.judge.superiority(errors[without], errors["standard"]), without),
        why=f"gain {gain:.2f points}",
    )


def _compared(lab: Lab, finding: Finding, without: str) -> Finding:
    """A finding for the standard network against one that lacks something, with the rates that both were given."""
    rates = Rates("validation", lab.results("rates")["errors"])
    return finding.tuned(rates, "standard", without).run_for(lab.spread("standard", "seconds").mean)


def _overfitting(lab: Lab, without: str, statement: str, source: str) -> Claim:
    gaps = {arm: overfitting(lab, arm) for arm in (without, "standard")}
    smaller = lab.paired_difference(gaps[without], gaps["standard"])
    errors = [lab.values(arm, "metrics", "error") for arm in (without, "standard")]
    test = lab.paired_difference(*errors)
    both = lab.judge.all_of(lab.judge.superiority(gaps[without], gaps["standard"]), lab.judge.superiority(*errors))
    return Claim(
        statement=statement,
        source=source,
        ran=_schedule(lab, without),
        numpy=f"test less training error: {' -> '.join(f'{lab.interval(gap):.2f points}' for gap in gaps.values())}",
        finding=_compared(lab, both, without),
        why=f"with it the gap is {smaller:.2f points} narrower, and the test error is lower by {test:.2f points}; both "
        "are asked to be above 0",
    )


def overfitting(lab: Lab, arm: str) -> list[float]:
    """Points by which the test error is above the training error, both in evaluation mode; one a seed."""
    test, train = (lab.values(arm, part, "error") for part in ("metrics", "train_metrics"))
    return [above - below for above, below in zip(test, train, strict=True)]


def _ten_views(lab: Lab) -> Claim:
    one, ten = lab.values("standard", "metrics", "error"), lab.results("standard")["ten_views"]
    gain = lab.paired_difference(one, ten)
    return Claim(
        statement="the average over ten views has a lower top-1 error than one view (39.0 -> 37.5 %)",
        source="sections 4.1 and 6.1",
        ran="the standard networks, tested on the centre and on ten views",
        numpy=f"{lab.interval(one):.2f %} -> {lab.interval(ten):.2f %}",
        finding=lab.judge.superiority(one, ten).run_for(lab.spread("standard", "seconds").mean),
        why=f"gain {gain:.2f points}",
    )


_IMAGENET = "1.2 million images of ImageNet, five to six days on two GPUs"
_OUT_OF_REACH = [
    out_of_reach("37.5 % top-1 and 17.0 % top-5 error", "table 1", "compute", _IMAGENET),
    out_of_reach(
        "18.2 % top-5 error on the 2012 validation images; 16.4 % by five networks, 15.3 % by seven on the test images",
        "table 2",
        "compute",
        _IMAGENET,
    ),
    not_run(
        "two towers beat one with half as many maps, by 1.7 points",
        "section 3.2",
        "left out for the time that it takes, not beyond what is at hand",
    ),
    out_of_reach(
        "shifts of colour lower the top-1 error by over 1 point",
        "section 4.1",
        "data",
        "the images at hand have no colour",
    ),
]


# ---- the standard run ------------------------------------------------------------------------------------------------


def summary(lab: Lab) -> Summary:
    """The small network with all that the paper recommends."""
    run = lab.runs("standard")[0]
    config = run["config"]
    maps = "-".join(map(str, config["maps"]))
    return Summary(
        data=f"{_data(lab, 'standard')}, in {config['stored_size']} x {config['stored_size']} pixels, less the mean "
        f"image; random crops of {config['image_size']} x {config['image_size']}"
        + (", half of them mirrored" if config["flips"] else ""),
        model=f"AlexNet with {maps} maps and twice {config['units']} units, {run['parameters']:,} parameters",
        loss="cross-entropy, mean over the batch",
        optimiser=f"SGD, momentum {config['momentum']:g}, weight decay {config['weight_decay']:g}, learning rate "
        f"{config['learning_rate']:g}, batch {config['batch_size']}",
        schedule=f"{config['epochs']} epochs, divided by 10 after 1/2, 3/4 and 7/8 of them",
        metric="test error in percent on the centre of the image, after the last epoch",
        expected="flat for the first tens of steps, while the signal grows through eight layers; then as usual",
        numpy=_error(lab, "numpy"),
        torch=_error(lab, "torch"),
        command="tinygrad-lab claims alexnet (all), tinygrad-lab train alexnet --size small (one run, all images)",
        time=lab.run_time("standard"),
    )


def tables(lab: Lab) -> dict[str, str]:
    """The blocks "speed" (figure 1 at other levels) and "arms" (every network that was compared)."""
    return {"speed": _speed_table(lab), "arms": _arms_table(lab)}


def _speed_table(lab: Lab) -> str:
    results = lab.results("speed")
    levels = (50.0, results["level"], 20.0, 15.0)
    columns = ["units", "start", "learning rate", *(f"steps to {level:g} %" for level in levels)]
    rows = [
        [row["unit"], row["start"], f"{row['rate']:g}"]
        + [_steps(row["curves"], level, results["every"]) for level in levels]
        for row in results["curves"]
    ]
    return table(columns, rows, right=1 + len(levels))


def _arms_table(lab: Lab) -> str:
    columns = ("network", "learning rate", "training error", "test error", "loss on test images", "NumPy time a run")
    return table(columns, [_arm_row(lab, arm) for arm in ARMS], right=5)


def _arm_row(lab: Lab, arm: str) -> tuple[str, ...]:
    train, test = (lab.spread(arm, part, "error") for part in ("train_metrics", "metrics"))
    loss, seconds = lab.spread(arm, "metrics", "loss"), lab.spread(arm, "seconds")
    rate = lab.runs(arm)[0]["config"]["learning_rate"]
    return arm, f"{rate:g}", f"{train:.2f %}", f"{test:.2f %}", f"{loss:.3f}", f"{seconds.mean:.0f} s"


# ---- parts -----------------------------------------------------------------------------------------------------------


def _error(lab: Lab, side: str) -> str:
    """The test error of the standard network."""
    return f"{lab.spread('standard', 'metrics', 'error', side=side):.2f %}"


def _data(lab: Lab, name: str) -> str:
    data = lab.results(name)["environment"]["data"]
    return f"{data['name']}, {data['items']:,} training images"


def _schedule(lab: Lab, arm: str) -> str:
    """What the runs of this arm and of the standard were."""
    rows = {name: lab.runs(name)[0]["config"] for name in (arm, "standard")}
    rates = ", ".join(f"{config['learning_rate']:g} ({name})" for name, config in rows.items())
    tried = ", ".join(lab.results("rates")["errors"][arm])
    return (
        f"the small network, {_data(lab, arm)}, {rows[arm]['epochs']} epochs, learning rate {rates}, the best of "
        f"{tried} on held-out images; {len(lab.runs(arm))} seeds"
    )
