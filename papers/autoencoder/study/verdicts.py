"""What became of the claims, judged from the result files alone.

Each rule stands in the claim's last column; where there is one seed and so no interval, the number decides.
"""

from typing import Any

from papers.autoencoder.study import probes
from papers.autoencoder.study.experiment import CORRUPTION
from tinygrad_lab.study import Claim, Lab, Summary, Verdict, out_of_reach


def values(lab: Lab, name: str, side: str, *path: str) -> list[float]:
    """One number from each run's record on a side."""
    found = [run for run in lab.results(name)["runs"] if run["side"] == side]
    for key in path:
        found = [record[key] for record in found]
    return found


def claims(lab: Lab) -> list[Claim]:
    """Each rule stands in the claim's last column; where there is one seed and so no interval, the number decides."""
    return [
        _pca(lab), _deep(lab), _deep_below_pca(lab, 30), _deep_below_pca(lab, 2), _neighbours(lab), _small_weights(lab),
        _linear(lab, 30), _linear(lab, 2), _denoising(lab), _stacked(), _superfluous(lab),
    ]  # fmt: skip


def _verdict(holds: bool) -> Verdict:
    return "reproduced" if holds else "not reproduced"


def _ran(lab: Lab, *names: str) -> str:
    parts = []
    for name in names:
        runs = lab.results(name)["runs"]
        count = sum(run["side"] == "numpy" for run in runs)
        parts.append(f"{name}: {runs[0]['config']['epochs']} epochs, {count} seed{'s' if count > 1 else ''}")
    return "; ".join(parts) + "; one witness in PyTorch"


def _errors(lab: Lab, name: str, *path: str) -> tuple[Any, Any]:
    """Intervals of the squared test error (or of another number), engine and torch."""
    path = path or ("metrics", "squared_error")
    numpy, torch = (lab.interval(values(lab, name, side, *path)) for side in ("numpy", "torch"))
    return numpy, torch


def _pca(lab: Lab) -> Claim:
    error = lab.results("baselines")["pca-30"]["test"]
    statement, source = "PCA with 30 components leaves a squared error of 13.87 a test image", "caption of figure 2B"
    ran = "PCA fitted on the training images; the same measure as for the networks"
    why = f"{error:.2f} within 0.1 of 13.87"
    return Claim(statement, source, ran, f"{error:.2f}", _verdict(abs(error - 13.87) <= 0.1), why)


def _deep(lab: Lab) -> Claim:
    numpy, torch = _errors(lab, "deep-30")
    low = numpy.mean if numpy.count == 1 else numpy.low
    statement, source = "the deep autoencoder with a code of 30 leaves 3.00", "caption of figure 2B"
    why = f"{numpy:.2f} against 3.00, with far fewer passes"
    return Claim(
        statement, source, _ran(lab, "deep-30"), f"{numpy:.2f}", _verdict(low <= 3.0), why, torch=f"{torch:.2f}"
    )


def _deep_below_pca(lab: Lab, size: int) -> Claim:
    numpy, torch = _errors(lab, f"deep-{size}")
    error = lab.results("baselines")[f"pca-{size}"]["test"]
    high = numpy.mean if numpy.count == 1 else numpy.high
    statement = f"the deep autoencoder keeps more than PCA in a code of {size}"
    why = f"{numpy:.2f} below PCA's {error:.2f}"
    ran = _ran(lab, f"deep-{size}")
    return Claim(statement, "figures 2B and 3", ran, f"{numpy:.2f}", _verdict(high < error), why, torch=f"{torch:.2f}")


def _neighbours(lab: Lab) -> Claim:
    numpy, torch = _errors(lab, "deep-2", "neighbours")
    pca = lab.results("baselines")["neighbours"]
    statement = "a 2-D code separates the classes better than the first two principal components"
    why = (
        f"{numpy:.1f %} of test digits have the right class among their {probes.NEIGHBOURS} neighbours, PCA {pca:.1f} %"
    )
    low = numpy.mean if numpy.count == 1 else numpy.low
    ran = _ran(lab, "deep-2")
    return Claim(statement, "figure 3", ran, f"{numpy:.1f %}", _verdict(low > pca), why, torch=f"{torch:.1f %}")


def _small_weights(lab: Lab) -> Claim:
    numpy, torch = _errors(lab, "small-weights")
    mean = lab.results("baselines")["mean image"]
    statement = "without pretraining a deep autoencoder only reconstructs the average of the training images"
    ran = _ran(lab, "small-weights") + "; initial weights near N(0, 0.01²), Adam"
    why = f"the error asked for is within 5 % of the mean image's {mean:.2f}, it is {numpy:.2f}"
    holds = abs(numpy.mean / mean - 1) <= 0.05
    return Claim(
        statement,
        "text on figure 2A, there on images of curves",
        ran,
        f"{numpy:.2f}",
        _verdict(holds),
        why,
        f"{torch:.2f}",
    )


def _linear(lab: Lab, size: int) -> Claim:
    name = f"linear-{size}"
    numpy, torch = _errors(lab, name, "train_metrics", "squared_error")
    overlap, _ = _errors(lab, name, "overlap")
    best = lab.results("baselines")[f"pca-{size}"]["train"]
    statement = f"a linear autoencoder with a code of {size} comes down to PCA's training error, and never below"
    source = "Baldi & Hornik 1989; the premise of the paper's first page"
    why = f"{numpy:.2f} between PCA's {best:.2f} and 2 % more; subspaces overlap {overlap:.4f}"
    lowest = min(values(lab, name, "numpy", "train_metrics", "squared_error"))
    holds = lowest >= best * (1 - 1e-5) and numpy.mean <= 1.02 * best
    return Claim(statement, source, _ran(lab, name), f"{numpy:.2f}", _verdict(holds), why, torch=f"{torch:.2f}")


def _denoising(lab: Lab) -> Claim:
    both = [values(lab, name, "numpy", "damaged") for name in ("plain", "denoising")]
    gain = lab.paired_difference(*both)
    clean = [lab.interval(values(lab, name, "numpy", "metrics", "squared_error")) for name in ("plain", "denoising")]
    statement = f"trained on images with {CORRUPTION:.0%} of the pixels masked, a network repairs such images"
    plain, denoising = (_errors(lab, name, "damaged") for name in ("plain", "denoising"))
    why = (
        f"on masked test images its error is lower by {gain:.2f} than that of the network trained without noise; "
        f"on clean ones it is {clean[1]:.2f} against {clean[0]:.2f}"
    )
    low = gain.mean if gain.count == 1 else gain.low
    numpy, torch = (f"{a:.2f} with noise, {b:.2f} without" for a, b in zip(denoising, plain, strict=True))
    ran = _ran(lab, "denoising", "plain")
    return Claim(statement, "Vincent 2008, section 2.3", ran, numpy, _verdict(low > 0), why, torch=torch)


def _stacked() -> Claim:
    statement = (
        "three stacked denoising layers, fine-tuned, classify MNIST-basic better than plain ones: 2.80 % to 3.46 %"
    )
    why = "needs layer-wise stacking, fine-tuning and a search over noise levels"
    return out_of_reach(statement, "Vincent 2008, table 1", why, ran="-")


def _superfluous(lab: Lab) -> Claim:
    sizes = (5, 20, 100)
    test = {k: _errors(lab, f"vae-{k}", "test bound", "loss") for k in sizes}
    gap = {k: test[k][0].mean - _errors(lab, f"vae-{k}", "train bound", "loss")[0].mean for k in sizes}
    split = {name: _errors(lab, "vae-20", "test bound", name)[0] for name in ("reconstruction", "kl")}
    numpy, torch = (", ".join(f"{-test[k][i].mean:.1f} with {k}" for k in sizes) for i in (0, 1))
    statement = "superfluous latent variables do not make the variational autoencoder overfit"
    why = (
        f"with 100 the test bound is within 2 nats of that with 20 or better, and its gap to the training bound, "
        f"{gap[100]:.1f} nats, no more than 1 above {gap[20]:.1f}; with 20 the bound is "
        f"{split['reconstruction']:.1f} reconstruction and {split['kl']:.1f} KL"
    )
    holds = test[100][0].mean <= test[20][0].mean + 2 and gap[100] <= gap[20] + 1
    ran = _ran(lab, *(f"vae-{k}" for k in sizes)) + "; bound in nats with one draw of z an image"
    return Claim(statement, "Kingma & Welling, section 5, figure 2", ran, numpy, _verdict(holds), why, torch=torch)


def summary(lab: Lab) -> Summary:
    """The standard training run: the network of 2006 with a code of 30."""
    results = lab.results("deep-30")
    config, data = results["runs"][0]["config"], results["environment"]["data"]
    seconds = [lab.interval(values(lab, "deep-30", side, "seconds")) for side in ("numpy", "torch")]
    errors = _errors(lab, "deep-30")
    return Summary(
        data=f"{data['name']}, {data['items']:,} training images, 28 x 28, pixels in [0, 1]",
        model=f"deep autoencoder 784-1000-500-250-30 and back, {results['runs'][0]['parameters']:,} parameters",
        loss="cross-entropy summed over pixels, mean over the batch",
        optimiser=f"Adam, learning rate {config['learning_rate']:g}, batch {config['batch_size']}",
        schedule=f"cosine to 0 over {config['epochs']} epochs",
        metric="squared error summed over pixels, mean over test images, after the last epoch",
        expected="below PCA's after the first epochs, then slowly down; the training error a little lower",
        numpy=f"{errors[0]:.2f}",
        torch=f"{errors[1]:.2f}",
        command="tinygrad-lab claims autoencoder (all), tinygrad-lab train autoencoder --size small (one run)",
        time=f"{seconds[0]:.0f s} NumPy, {seconds[1]:.0f s} PyTorch a run, "
        f"{results['environment']['blas_threads']} BLAS thread(s)",
    )
