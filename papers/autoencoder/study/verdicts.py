"""What became of the claims, judged from the result files alone.

Each rule stands in the claim's last column. All networks have the one learning rate of their variant, which nobody
tuned; PCA has none.
"""

from tinygrad_lab.study import Claim, Finding, Interval, Lab, Rates, Summary, not_run

from . import probes
from .experiment import CORRUPTION

RATES = Rates("one rate for every arm")
SIZES = (5, 20, 100)  # codes of the variational autoencoder


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [
        _pca(lab), _deep(lab), _deep_below_pca(lab, 30), _deep_below_pca(lab, 2), _neighbours(lab), _small_weights(lab),
        _linear(lab, 30), _linear(lab, 2), _denoising(lab), _STACKED, _superfluous(lab),
    ]  # fmt: skip


def _ran(lab: Lab, *names: str) -> str:
    parts = []
    for name in names:
        runs = lab.runs(name)
        seeds = f"{len(runs)} seed{'s' if len(runs) > 1 else ''}"
        parts.append(f"{name}: {runs[0]['config']['epochs']} epochs, {seeds}")
    return "; ".join(parts) + "; one witness in PyTorch"


Both = tuple[Interval, Interval]  # engine and torch


def _both(lab: Lab, name: str, *path: str) -> Both:
    """Intervals of the squared test error, or of another number."""
    path = path or ("metrics", "squared_error")
    return lab.spread(name, *path), lab.spread(name, *path, side="torch")


def _claim(statement: str, source: str, ran: str, both: Both, finding: Finding, why: str, form: str = ".2f") -> Claim:
    numpy, torch = (f"{number:{form}}" for number in both)
    return Claim(statement, source, ran, numpy, finding, why, torch)


def _judged(lab: Lab, name: str, finding: Finding) -> Finding:
    """A finding about a setting's network, whose rate is one that nobody tuned."""
    return finding.tuned(RATES, "the network").run_for(lab.spread(name, "seconds").mean)


def _above(lab: Lab, name: str, number: float, *path: str) -> Finding:
    """That a number without chance in it is above a setting's."""
    values = lab.values(name, *path)
    return _judged(lab, name, lab.judge.superiority([number] * len(values), values))


def _pca(lab: Lab) -> Claim:
    error = lab.results("baselines")["pca-30"]["test"]
    statement, source = "PCA with 30 components leaves a squared error of 13.87 a test image", "caption of figure 2B"
    ran, holds = "PCA fitted on the training images; the same measure as for the networks", abs(error - 13.87) <= 0.1
    return Claim(statement, source, ran, f"{error:.2f}", lab.judge.counted(holds), f"{error:.2f} within 0.1 of 13.87")


def _deep(lab: Lab) -> Claim:
    both = numpy, _ = _both(lab, "deep-30")
    statement = "the deep autoencoder with a code of 30 leaves 3.00"
    why = f"{numpy:.2f} against 3.00"
    found = lab.judge.at_most(3.0, lab.values("deep-30", "metrics", "squared_error"))
    found = _judged(lab, "deep-30", found.allowing_for(ours="the paper pretrains, and makes far more passes"))
    return _claim(statement, "caption of figure 2B", _ran(lab, "deep-30"), both, found, why)


def _deep_below_pca(lab: Lab, size: int) -> Claim:
    both = numpy, _ = _both(lab, f"deep-{size}")
    error = lab.results("baselines")[f"pca-{size}"]["test"]
    found = _above(lab, f"deep-{size}", error, "metrics", "squared_error")
    statement, why = (
        f"the deep autoencoder keeps more than PCA in a code of {size}",
        f"{numpy:.2f} below PCA's {error:.2f}",
    )
    return _claim(statement, "figures 2B and 3", _ran(lab, f"deep-{size}"), both, found, why)


def _neighbours(lab: Lab) -> Claim:
    both = numpy, _ = _both(lab, "deep-2", "neighbours")
    pca, count = lab.results("baselines")["neighbours"], probes.NEIGHBOURS
    statement = "a 2-D code separates the classes better than the first two principal components"
    why = f"{numpy:.1f %} of test digits have the right class among their {count} neighbours, PCA {pca:.1f} %"
    right = lab.values("deep-2", "neighbours")
    found = _judged(lab, "deep-2", lab.judge.superiority(right, [pca] * len(right)))
    return _claim(statement, "figure 3", _ran(lab, "deep-2"), both, found, why, ".1f %")


def _small_weights(lab: Lab) -> Claim:
    error = ("metrics", "squared_error")
    both = numpy, _ = _both(lab, "small-weights", *error)
    mean = lab.results("baselines")["mean image"]
    return _claim(
        "without pretraining a deep autoencoder only reconstructs the average of the training images",
        "text on figure 2A, there on images of curves",
        _ran(lab, "small-weights") + "; initial weights near N(0, 0.01²), Adam",
        both,
        _judged(lab, "small-weights", lab.judge.near(mean, lab.values("small-weights", *error), 0.05 * mean)),
        f"the error asked for is within 5 % of the mean image's {mean:.2f}, it is {numpy:.2f}",
    )


def _linear(lab: Lab, size: int) -> Claim:
    name, error = f"linear-{size}", ("train_metrics", "squared_error")
    both = numpy, _ = _both(lab, name, *error)
    best, errors = lab.results("baselines")[f"pca-{size}"]["train"], lab.values(name, *error)
    never_below = lab.judge.counted(min(errors) >= best * (1 - 1e-5))
    return _claim(
        f"a linear autoencoder with a code of {size} comes down to PCA's training error, and never below",
        "Baldi & Hornik 1989; the premise of the paper's first page",
        _ran(lab, name),
        both,
        _judged(lab, name, lab.judge.all_of(lab.judge.at_most(1.02 * best, errors), never_below)),
        f"{numpy:.2f} between PCA's {best:.2f} and 2 % more; subspaces overlap {lab.spread(name, 'overlap'):.4f}",
    )


def _denoising(lab: Lab) -> Claim:
    arms = ("denoising", "plain")
    damaged, without_noise = (lab.values(name, "damaged") for name in arms)
    gain = lab.paired_difference(without_noise, damaged)
    found = lab.judge.superiority(without_noise, damaged).tuned(RATES, "the network", "the network without noise")
    clean, without = (lab.spread(name, "metrics", "squared_error") for name in arms)
    numpy, torch = (
        "{:.2f} with noise, {:.2f} without".format(*(lab.spread(name, "damaged", side=side) for name in arms))
        for side in ("numpy", "torch")
    )
    return Claim(
        f"trained on images with {CORRUPTION:.0%} of the pixels masked, a network repairs such images",
        "Vincent 2008, section 2.3",
        _ran(lab, *arms),
        numpy=numpy,
        torch=torch,
        finding=found.run_for(lab.spread("denoising", "seconds").mean),
        why=f"on masked test images its error is lower by {gain:.2f} than that of the network trained without noise; "
        f"on clean ones it is {clean:.2f} against {without:.2f}",
    )


_STACKED = not_run(
    "three stacked denoising layers, fine-tuned, classify MNIST-basic better than plain ones: 2.80 % to 3.46 %",
    "Vincent 2008, table 1",
    "stacking layer by layer, fine-tuning and a search over noise levels are not built",
)


def _superfluous(lab: Lab) -> Claim:
    test = {size: _both(lab, f"vae-{size}", "test bound", "loss") for size in SIZES}
    gap = {size: test[size][0].mean - lab.spread(f"vae-{size}", "train bound", "loss").mean for size in SIZES}
    terms = [lab.spread("vae-20", "test bound", name) for name in ("reconstruction", "kl")]
    numpy, torch = (", ".join(f"{-test[size][i].mean:.1f} with {size}" for size in SIZES) for i in (0, 1))
    return Claim(
        "superfluous latent variables do not make the variational autoencoder overfit",
        "Kingma & Welling, section 5, figure 2",
        _ran(lab, *(f"vae-{size}" for size in SIZES)) + "; bound in nats with one draw of z an image",
        numpy=numpy,
        torch=torch,
        finding=_superfluous_judged(lab),
        why=f"with 100 the test bound is within 2 nats of that with 20 or better, and its gap to the training bound, "
        f"{gap[100]:.1f} nats, no more than 1 above {gap[20]:.1f}; with 20 the bound is {terms[0]:.1f} reconstruction "
        f"and {terms[1]:.1f} KL",
    )


def _superfluous_judged(lab: Lab) -> Finding:
    """Seed by seed: the bound with 100 against that with 20, and both gaps from test to training."""
    test, train = (
        {size: [-loss for loss in lab.values(f"vae-{size}", part, "loss")] for size in (20, 100)}
        for part in ("test bound", "train bound")
    )
    count = len(test[100])
    gap = {size: [b - a for a, b in zip(test[size], train[size], strict=True)][:count] for size in test}
    found = lab.judge.all_of(
        lab.judge.not_worse(test[100], test[20][:count], 2.0), lab.judge.not_worse(gap[20], gap[100], 1.0)
    )
    if max(gap[100]) <= 0:
        found = found.hold_back("the bound on test data is the better one: too few passes to overfit")
    return _judged(lab, "vae-100", found)


def summary(lab: Lab) -> Summary:
    """The standard training run: the network of 2006 with a code of 30."""
    run, data = lab.runs("deep-30")[0], lab.results("deep-30")["environment"]["data"]
    config, (numpy, torch) = run["config"], _both(lab, "deep-30")
    return Summary(
        data=f"{data['name']}, {data['items']:,} training images, 28 x 28, pixels in [0, 1]",
        model=f"deep autoencoder 784-1000-500-250-30 and back, {run['parameters']:,} parameters",
        loss="cross-entropy summed over pixels, mean over the batch",
        optimiser=f"Adam, learning rate {config['learning_rate']:g}, batch {config['batch_size']}",
        schedule=f"cosine to 0 over {config['epochs']} epochs",
        metric="squared error summed over pixels, mean over test images, after the last epoch",
        expected="below PCA's after the first epochs, then slowly down; the training error a little lower",
        numpy=f"{numpy:.2f}",
        torch=f"{torch:.2f}",
        command="tinygrad-lab claims autoencoder (all), tinygrad-lab train autoencoder --size small (one run)",
        time=lab.run_time("deep-30"),
    )
