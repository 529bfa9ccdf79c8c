"""What became of the claims, judged from the result files alone, by the protocol of ``docs/claims.md``.

Seeds are compared in pairs: the same seed gives both networks of a comparison the same images in the same order.
"""

from tinygrad_lab.study import Claim, Finding, Lab, Rates, Summary, out_of_reach, passes

from .experiment import WITNESSED
from .pages import data, gaps, last, runs, seconds
from .pages import tables as tables
from .speed_verdicts import speed


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [
        speed(lab, "paper"),
        speed(lab, "tuned"),
        gain(lab, "plain-pooling", "overlapping pooling lowers the top-1 error (by 0.4 points on ImageNet)", "3.4"),
        gain(
            lab, "no-lrn", "local response normalisation lowers the top-1 error (by 1.4 points on ImageNet)",
            "3.3 (from memory)",
        ),
        overfits(lab, "no-dropout", "without dropout the network overfits substantially"),
        overfits(lab, "no-augmentation", "without crops and mirror images it overfits substantially"),
        ten_views(lab),
        gain(lab, "one-tower", "two towers beat one with half as many maps, by 1.7 points", "3.2 (from memory)"),
        *unreached(),
    ]  # fmt: skip


# ---- with and without ------------------------------------------------------------------------------------------------
def gain(lab: Lab, without: str, statement: str, section: str) -> Claim:
    """The standard network's test error below that of one that lacks something."""

    def errors(side: str) -> list[list[float]]:
        return [last(lab, arm, "test", side) for arm in (without, "standard")]

    def judged(side: str) -> Finding:
        return fair(lab, lab.judge.superiority(*errors(side)), without)

    def shown(side: str) -> str:
        return " -> ".join(f"{lab.interval(values):.2f %}" for values in errors(side))

    witnessed = without in WITNESSED
    finding = judged("numpy")
    finding = finding.confirmed_by(judged("torch")) if witnessed else finding
    return Claim(
        statement,
        f"section {section}",
        ran=schedule(lab, without),
        numpy=shown("numpy"),
        torch=shown("torch") if witnessed else "-",
        finding=finding,
        why=f"with it the test error {moves(finding)}",
    )


def overfits(lab: Lab, without: str, statement: str) -> Claim:
    """A wider gap between training and test error without something, and a higher test error."""
    wide, narrow = (gaps(lab, arm) for arm in (without, "standard"))
    gap = lab.judge.superiority(wide, narrow)
    test = lab.judge.superiority(last(lab, without, "test"), last(lab, "standard", "test"))
    return Claim(
        statement,
        "section 4.2 (from memory)" if without == "no-dropout" else "section 4.1 (from memory)",
        ran=schedule(lab, without),
        numpy=f"test less training error: {lab.interval(wide):.2f points} -> {lab.interval(narrow):.2f points}",
        finding=fair(lab, lab.judge.all_of(gap, test), without),
        why=f"with it the gap {moves(gap)}, and the test error {moves(test)}; both are asked to fall",
    )


def ten_views(lab: Lab) -> Claim:
    """The same networks, asked for one view of each image and for ten."""

    def judged(side: str) -> Finding:
        one, ten = (last(lab, "standard", name, side) for name in ("test", "ten_views"))
        return fair(lab, lab.judge.superiority(one, ten))

    finding = judged("numpy").confirmed_by(judged("torch"))
    return Claim(
        "the average over ten views has a lower top-1 error than one view (39.0 -> 37.5 %)",
        "sections 4.1 and 6.1 (from memory)",
        ran=f"the standard networks, tested on the centre and on ten views; {finding.seeds} seeds",
        numpy=views(lab, "numpy"),
        torch=views(lab, "torch"),
        finding=finding,
        why=f"with ten views the error {moves(finding)}",
    )


def views(lab: Lab, side: str) -> str:
    """Test errors on one view and on ten."""
    one, ten = (lab.interval(last(lab, "standard", name, side)) for name in ("test", "ten_views"))
    return f"{one:.2f %} -> {ten:.2f %}"


def fair(lab: Lab, finding: Finding, without: str = "") -> Finding:
    """A finding for the standard network, with the rates that it and its rival were given."""
    rates = Rates("validation", lab.results("rates")["errors"])
    slowest = max(seconds(lab, arm) for arm in ("standard", without) if arm)
    return finding.tuned(rates, "standard", without).run_for(slowest)


def moves(finding: Finding) -> str:
    """Which way a number goes and how far, with the interval in that direction."""
    fall = finding.estimate or 0.0
    way, far, ends = ("falls", fall, (finding.low, finding.high)) if fall >= 0 else ("rises", -fall, backwards(finding))
    reach = "one run" if None in ends else f"{ends[0]:.2f} to {ends[1]:.2f}"
    return f"{way} by {far:.2f} points ({reach})"


def backwards(finding: Finding) -> tuple[float | None, float | None]:
    """The interval of the opposite difference."""
    if finding.low is None or finding.high is None:
        return None, None
    return -finding.high, -finding.low


def unreached() -> list[Claim]:
    """What needs other images, or more of them."""
    imagenet = "1.2 million images of ImageNet, five to six days on two GPUs"
    return [
        out_of_reach("37.5 % top-1 and 17.0 % top-5 error", "table 1", "compute", imagenet),
        out_of_reach(
            "18.2 % top-5 error on the 2012 validation images; 16.4 % by five networks, 15.3 % by seven on the test "
            "images",
            "table 2", "compute", imagenet,
        ),
        out_of_reach(
            "shifts of colour lower the top-1 error by over 1 point", "section 4.1 (from memory)", "data",
            "the images at hand have no colour",
        ),
    ]  # fmt: skip


def schedule(lab: Lab, arm: str) -> str:
    """What the runs of this arm and of the standard were."""
    errors = lab.results("rates")["errors"]
    config = runs(lab, arm)[0]["config"]
    chosen = ", ".join(
        f"{runs(lab, name)[0]['config']['learning_rate']:g} ({name}, of {', '.join(errors[name])})"
        for name in (arm, "standard")
    )
    return (
        f"the small network, {data(lab, 'arms')}, {passes(config)}, batches of {config['batch_size']}, learning rate "
        f"{chosen} by the error on held-out images; {len(runs(lab, arm))} seeds"
    )


# ---- the standard run ------------------------------------------------------------------------------------------------
def summary(lab: Lab) -> Summary:
    """The small network with all that the paper recommends."""
    run = runs(lab, "standard")[0]
    config = run["config"]
    return Summary(
        data=f"{data(lab, 'arms')}, in {config['stored_size']} x {config['stored_size']} pixels, less the mean image; "
        f"random crops of {config['image_size']} x {config['image_size']}"
        + (", half of them mirrored" if config["flips"] else ""),
        model=f"AlexNet with {'-'.join(map(str, config['maps']))} maps and twice {config['units']} units, "
        f"{run['parameters']:,} parameters",
        loss="cross-entropy, mean over the batch",
        optimiser=f"SGD, momentum {config['momentum']:g}, weight decay {config['weight_decay']:g}, learning rate "
        f"{config['learning_rate']:g}, batch {config['batch_size']}",
        schedule=f"{config['epochs']} epochs, divided by 10 after 1/2, 3/4 and 7/8 of them",
        metric="test error in percent on the centre of the image, after the last epoch",
        expected="flat for the first tens of steps, while the signal grows through eight layers; then as usual",
        numpy=f"{lab.interval(last(lab, 'standard', 'test')):.2f %}",
        torch=f"{lab.interval(last(lab, 'standard', 'test', 'torch')):.2f %}",
        command="tinygrad-lab claims alexnet (all), tinygrad-lab train alexnet --size small (one run, all images)",
        time=lab.run_time("arms", "standard", threads=False) + ", two of them side by side, each on one core",
    )
