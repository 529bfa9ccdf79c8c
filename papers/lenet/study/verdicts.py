"""What became of the claims, judged from the result files alone.

An error rate is reproduced when its whole 95 % interval, over seeds and over test images, is below the paper's.
"""

from tinygrad_lab.study import Claim, Interval, Lab, Rates, Summary, table

from .experiment import SETTINGS

TEST_IMAGES = 10_000  # of MNIST
RATES = Rates("one rate for every arm")


def errors(lab: Lab, name: str, side: str = "numpy") -> Interval:
    """Test errors in percent after the last epoch, over seeds."""
    return lab.spread(name, "metrics", "error", side=side)


def claims(lab: Lab) -> list[Claim]:
    """Two error rates on MNIST, where it was to be had."""
    if not lab.has("plain"):
        return []
    source = "section III-B, figure 5"
    return [
        _claim(lab, "plain", "0.95 % test error on MNIST", source, 0.95),
        _claim(lab, "distorted", "0.8 % with distorted training images", source, 0.8),
    ]


def _claim(lab: Lab, name: str, statement: str, source: str, target: float) -> Claim:
    numpy, config = errors(lab, name), lab.runs(name)[0]["config"]
    found = lab.judge.at_most(target, lab.values(name, "metrics", "error"), TEST_IMAGES)
    reach = "" if found.high is None else f", with the sampling of test images {found.low:.2f} to {found.high:.2f} %"
    return Claim(
        statement,
        source,
        ran=f"{config['epochs']} passes over the 60,000 training images, batches of {config['batch_size']}, Adam "
        f"{config['learning_rate']:g} with a cosine schedule, error after the last pass; {numpy.count} seed(s)",
        numpy=f"{numpy:.2f %}",
        torch=f"{errors(lab, name, 'torch'):.2f %}",
        finding=found.tuned(RATES, "LeNet-5").run_for(lab.spread(name, "seconds").mean),
        why=f"{numpy:.2f %}{reach}, against {target} %",
    )


def tables(lab: Lab) -> dict[str, str]:
    """The block "settings": every run that was made, also on data the paper did not have."""
    columns = ("network", "data", "passes", "NumPy error", "PyTorch error", "NumPy time a run")
    rows = [_row(lab, name) for name in SETTINGS if lab.has(name)]
    return {"settings": table(columns, rows, right=4)}


def _row(lab: Lab, name: str) -> tuple[object, ...]:
    variant, dataset, distort, _, _ = SETTINGS[name]
    numpy, torch = (f"{errors(lab, name, side):.2f %}" for side in ("numpy", "torch"))
    seconds = f"{lab.spread(name, 'seconds').mean:.0f} s"
    passes = lab.runs(name)[0]["config"]["epochs"]
    return variant, dataset + ", distorted" * distort, passes, numpy, torch, seconds


def summary(lab: Lab) -> Summary:
    """The standard training run: the 1998 network on MNIST, or on the embedded digits where MNIST is missing."""
    name = "plain" if lab.has("plain") else "digits"
    run, data = lab.runs(name)[0], lab.results(name)["environment"]["data"]
    config = run["config"]
    return Summary(
        data=f"{data['name']}, {data['items']:,} training images, centred in 32 x 32, background -0.1, ink 1.175",
        model=f"LeNet-5 of 1998, {run['parameters']:,} trainable parameters",
        loss=f"eq. 9 with j = {config['rubbish']:g}, mean over the batch",
        optimiser=f"Adam, learning rate {config['learning_rate']:g}, batch {config['batch_size']}",
        schedule=f"cosine to 0 over {config['epochs']} epochs",
        metric="test error in percent, after the last epoch",
        expected="below 2 % after the first epochs, near 1 % at the end; the training error goes on to about 0 %",
        numpy=f"{errors(lab, name):.2f %}",
        torch=f"{errors(lab, name, 'torch'):.2f %}",
        command="tinygrad-lab claims lenet (all), tinygrad-lab train lenet --size paper (one run)",
        time=lab.run_time(name),
    )
