"""The pictures of the README, each with what is to be seen in it, in numbers from the results."""

from collections.abc import Mapping

from tinygrad_lab.study import Interval, Lab, gallery

from .settings import PAIR, SETTINGS


def pictures(lab: Lab, gains: Mapping[int, Interval]) -> str:
    """Every picture, with one sentence below it."""
    sentences = {
        "errors": ("test error by update, and test against training loss", errors(lab)),
        "monte_carlo": ("average of k thinned networks against scaled weights", averages(lab)),
        "sizes": ("test error and gain by number of training images", sizes(gains)),
        "sparsity": ("histograms of hidden activations", sparsity(lab)),
        "pictures": ("incoming weights of hidden units", weights(lab)),
        "blobs": ("two blobs: test accuracy with and without dropout", blobs(lab)),
    }
    return gallery(sentences)


def errors(lab: Lab) -> str:
    """Of the curves and of the losses at the end."""
    ends = ", ".join(f"{arm} {lab.spread(arm, 'metrics', 'error').mean:.2f} %" for arm in SETTINGS)
    train, test = ([lab.spread(arm, part, "loss").mean for arm in PAIR] for part in ("train_metrics", "metrics"))
    return (
        f"Left, where the curves end: {ends}. Right, the distance from cross to circle: without dropout the loss is "
        f"{train[0]:.4f} nats on the training images and {test[0]:.3f} on the test images, with dropout {train[1]:.4f} "
        f"and {test[1]:.3f}."
    )


def averages(lab: Lab) -> str:
    """Of the curve that comes down to the line."""
    results = lab.results("monte_carlo")
    first, last = (lab.interval([errors[k] for errors in results["errors"]]).mean for k in (0, -1))
    scaled = lab.spread("dropout", "metrics", "error").mean
    return (
        f"One thinned network has {first:.2f} % errors; the average of {results['samples'][-1]} has {last:.2f} %, and "
        f"the line, one pass with all units, {scaled:.2f} %."
    )


def sizes(gains: Mapping[int, Interval]) -> str:
    """Of the gain at every size."""
    said = "; ".join(f"{gain.mean:.2f} points with {items:,} images" for items, gain in gains.items())
    return f"The bars on the right that lie above the line at 0 are sizes at which dropout saves errors: {said}."


def sparsity(lab: Lab) -> str:
    """Of the first bin, the units that are off."""
    runs = lab.results("features")["runs"]
    zeros = {arm: 100 * lab.interval([run["zeros"] for run in found]).mean for arm, found in runs.items()}
    return (
        f"The first bar of the left column counts living units that are off: {zeros['stopped']:.0f} % of all without "
        f"dropout at the same squared error (stopped), {zeros['standard']:.0f} % without it after as many updates "
        f"(standard), {zeros['dropout']:.0f} % with it."
    )


def weights(lab: Lab) -> str:
    """Of the first units' weights, and of the units that the picture may show and that do nothing."""
    runs = lab.results("features")["runs"]
    dead = {arm: 100 * lab.interval([run["dead"] for run in runs[arm]]).mean for arm in PAIR}
    return (
        f"What 32 units look for, each scaled to its largest weight, so that dead ones (of all units "
        f"{dead['standard']:.0f} % without dropout, {dead['dropout']:.0f} % with it) look as strong as the others."
    )


def blobs(lab: Lab) -> str:
    """Of the points above the diagonal."""
    results = lab.results("blobs")
    tests = [[r["test"] for r in results["runs"] if (r["variant"], r["side"]) == (arm, "numpy")] for arm in PAIR]
    above = sum(b > a for a, b in zip(*tests, strict=True))
    return (
        f"{above} of {len(tests[0])} seeds lie above the diagonal, where dropout is better; the best of all "
        f"classifiers gets {results['bayes']:.1f} % right, the dashed line."
    )
