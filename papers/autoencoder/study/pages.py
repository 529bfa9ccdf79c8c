"""The README's further blocks: what pretraining does, and what to see in each picture, all from the results."""

from tinygrad_lab.study import Interval, Lab, Record, gallery, table

from .arms import BESIDE, UNJUDGED

# arm -> what it is called, and where its weights start
STARTS = {
    "deep-30": ("784-1000-500-250-30", "pretrained"),
    "deep-30-untrained": ("784-1000-500-250-30", "N(0, 0.01²)"),
    "deep-30-scaled": ("784-1000-500-250-30", "four times Xavier's"),
    "very-deep": ("784-400-200-100-50-25-6", "pretrained"),
    "very-deep-untrained": ("784-400-200-100-50-25-6", "N(0, 0.01²)"),
    "very-deep-scaled": ("784-400-200-100-50-25-6", "four times Xavier's"),
}
VARIATIONAL = ("vae-20", "vae-100")


def tables(lab: Lab) -> dict[str, str]:
    """The blocks "pretraining", "rates" and "pictures"."""
    return {"pretraining": pretraining(lab), "rates": rates(lab), "pictures": pictures(lab)}


def pretraining(lab: Lab) -> str:
    """Every start of both deep networks."""
    columns = ("network", "initial weights", "rate", "NumPy test error", "PyTorch test error", "training error")
    return table(columns, [row(lab, arm) for arm in STARTS], right=4)


def row(lab: Lab, arm: str) -> tuple[str, ...]:
    """One arm's line of the table."""
    witness = lab.values(arm, "metrics", "squared_error", side="torch")
    return (
        *STARTS[arm], f"{lab.runs(arm)[0]['config']['learning_rate']:g}", f"{error(lab, arm):.2f}",
        f"{lab.interval(witness):.2f}" if witness else "-",
        f"{lab.spread(arm, 'train_metrics', 'squared_error').mean:.2f}",
    )  # fmt: skip


def rates(lab: Lab) -> str:
    """Every arm's scores on images that are not trained on; the best is the one that was taken."""
    rows = [(arm, scored(scores)) for arm, scores in lab.results("rates")["errors"].items()]
    return table(("arm", "rate: score (the lowest is taken)"), rows)


def scored(scores: dict[str, float]) -> str:
    """The scores of an arm, the best one bold."""
    best = min(scores, key=scores.__getitem__)
    told = (f"{rate}: {score:.2f}" for rate, score in scores.items())
    return ", ".join(f"**{said}**" if said.startswith(f"{best}:") else said for said in told)


def error(lab: Lab, arm: str) -> Interval:
    """An arm's squared test error."""
    return lab.spread(arm, "metrics", "squared_error")


# ---- what to see in the pictures -------------------------------------------------------------------------------------
def pictures(lab: Lab) -> str:
    """Each picture, and its sentence."""
    told = {
        "pretraining": ("Errors while fine-tuning, with pretraining and without", of_pretraining(lab)),
        "reconstructions": ("Test digits and what is left of them", of_reconstructions(lab)),
        "maps": ("The same test digits on three maps", of_maps(lab)),
        "denoising": ("Damaged digits repaired by networks trained with and without noise", of_denoising(lab)),
        "bounds": ("The variational bound while training", of_bounds(lab)),
        "samples": ("Images decoded from draws of the prior", of_samples(lab)),
        "losses": ("Training losses of both sides", of_losses(lab)),
    }
    return gallery(told)


def held_out(lab: Lab, arm: str) -> list[float]:
    """What an arm has on 1,000 images that are not trained on at each look, mean over seeds."""
    curves = [[look["held out"] for look in run["history"]] for run in lab.runs(arm)]
    return [sum(values) / len(values) for values in zip(*curves, strict=True)]


def update(lab: Lab, arm: str, look: int) -> int:
    """The number of updates that a look comes after."""
    run = lab.runs(arm)[0]
    return int(run["steps"] * (look + 1) / len(run["history"]))


def of_pretraining(lab: Lab) -> str:
    """How far apart the starts are at the first look and at the last."""
    ends = {arm: held_out(lab, arm) for arm in STARTS}
    said = "; ".join(f"{arm} {curve[0]:.1f} and {curve[-1]:.1f}" for arm, curve in ends.items())
    mean = lab.results("baselines")["mean image"]
    return (
        f"Squared errors on 1,000 held-out images after the first pass and after the last: {said}. "
        f"The mean image has {mean:.1f} on the test images."
    )


def of_reconstructions(lab: Lab) -> str:
    """The errors behind the rows."""
    baselines = lab.results("baselines")
    nets = (
        ("deep, 30", "deep-30"),
        ("conv, 30", UNJUDGED),
        ("linear, 30", "linear-30"),
        ("deep, 2", "deep-2"),
    )
    said = [f"{name}: {error(lab, arm).mean:.1f}{' (one run at an untuned rate)' * (arm == UNJUDGED)}"
            for name, arm in nets]  # fmt: skip
    said += [f"PCA, {size}: {baselines[f'pca-{size}']['test']:.1f}" for size in (30, 2)]
    return (
        f"From the same 30 numbers, or two, rows differ in what they keep; squared test errors are {', '.join(said)}."
    )


def of_maps(lab: Lab) -> str:
    """How many neighbours are right, and what t-SNE is not."""
    right, pca = lab.spread("deep-2", "neighbours"), lab.results("baselines")["neighbours"]
    return (
        f"Of the test digits {right.mean:.1f} % have the right class among their ten nearest training codes "
        f"with the deep autoencoder, {pca:.1f} % with PCA. The maps leave out a few digits that lie far "
        f"outside. t-SNE only arranges the images it was given and has no code to go back from: a picture to "
        f"compare with, and not a competitor."
    )


def of_denoising(lab: Lab) -> str:
    """What noise in training does."""
    noisy, clean = (lab.spread(arm, "damaged").mean for arm in ("denoising", "plain"))
    return f"Trained with noise the network leaves {noisy:.1f} on damaged test images, trained without {clean:.1f}."


def of_bounds(lab: Lab) -> str:
    """Where the bound is best on images that are not trained on, and what comes after."""
    curves = {arm: held_out(lab, arm) for arm in VARIATIONAL}
    best = {arm: min(curve) for arm, curve in curves.items()}
    said = ", ".join(
        f"{arm} {best[arm]:.1f} nats after update {update(lab, arm, curve.index(best[arm]))} and {curve[-1]:.1f} "
        f"after the last"
        for arm, curve in curves.items()
    )
    return f"Minus the bound on 1,000 held-out images is lowest with {said}; dashed is the loss on the training images."


def of_samples(lab: Lab) -> str:
    """What a decoder makes of nothing but noise."""
    kl = lab.spread("vae-20", "test bound", "kl").mean
    return f"Each is decoded from 20 normal numbers; the code of a test image takes {kl:.1f} nats (KL)."


def of_losses(lab: Lab) -> str:
    """How far apart the sides are."""
    deep, variational = (apart(*(beside(lab, arm, side) for side in ("numpy", "torch"))) for arm in BESIDE)
    return (
        f"Both sides start from the same weights and see the same batches. Of the losses of `deep-30` that are "
        f"drawn no two differ by more than {deep:.1e} of their size; of `vae-20` by up to {variational:.1e}, "
        f"since in these runs each side draws its own noise. (`tinygrad-lab parity` gives both the same.)"
    )


def beside(lab: Lab, arm: str, side: str) -> Record:
    """The run with seed 0."""
    return next(run for run in lab.runs(arm, side) if run["seed"] == 0)


def apart(one: Record, other: Record) -> float:
    """The greatest relative difference between two runs' losses."""
    return float(max(abs(a - b) / abs(a) for a, b in zip(one["losses"], other["losses"], strict=True)))
