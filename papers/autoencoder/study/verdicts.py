"""What became of the claims, judged from the result files alone, by the protocol of ``docs/claims.md``.

Sections, figures and numbers of the papers are quoted from memory.
"""

from collections.abc import Callable
from functools import partial

from tinygrad_lab.study import Claim, Finding, Lab, Rates, Summary, not_run, passes

from . import probes
from .arms import CORRUPTION, WITNESSED
from .pages import STARTS
from .pages import tables as tables

# ---- margins, named before the runs ----------------------------------------------------------------------------------
PAPERS_PCA, PCA_MARGIN = 13.87, 0.1  # the paper's error, and how near ours must be: the measure is then the same
AVERAGE = 0.05  # of the mean image's error: how near a network must be that only reconstructs the average
LINEAR = 1.02  # times PCA's training error: how near a linear network must come
BOUND_MARGIN, GAP_MARGIN = 2.0, 1.0  # nats: a fiftieth of the bound, and half of that

SHORT = "the paper makes 50 passes of pretraining and 200 of fine-tuning over 60,000 images"
Judged = Callable[[str], Finding]  # the finding of a claim from the runs of a side


def claims(lab: Lab) -> list[Claim]:
    """One row for each claim."""
    return [
        pca(lab), deep(lab), below_pca(lab, 30), below_pca(lab, 2), neighbours(lab),
        pretraining(lab, "deep-30", "the deep autoencoder", "text on figure 2"),
        only_the_average(lab),
        pretraining(lab, "very-deep", "the very deep autoencoder", "text on figure 2A, there on images of curves"),
        linear(lab, 30), linear(lab, 2), denoising(lab), STACKED, superfluous(lab),
    ]  # fmt: skip


# ---- small codes against PCA -----------------------------------------------------------------------------------------
def pca(lab: Lab) -> Claim:
    """The paper's number, which shows that errors are measured in the same way."""
    error = lab.results("baselines")["pca-30"]["test"]
    return Claim(
        f"PCA with 30 components leaves a squared error of {PAPERS_PCA} a test image",
        "caption of figure 2B (from memory)",
        ran="PCA fitted on all training images; the same measure as for the networks",
        numpy=f"{error:.2f}",
        finding=lab.judge.counted(abs(error - PAPERS_PCA) <= PCA_MARGIN),
        why=f"{error:.2f} within {PCA_MARGIN} of {PAPERS_PCA}",
    )


def deep(lab: Lab) -> Claim:
    """The pretrained network against the paper's number; so much less training refutes nothing."""

    def judged(side: str) -> Finding:
        return lab.judge.at_most(3.0, errors(lab, "deep-30", side)).allowing_for(ours=SHORT)

    why = f"{spread(lab, 'deep-30')} against 3.00"
    statement = "the deep autoencoder with a code of 30 leaves 3.00"
    return claim(lab, ("deep-30",), judged, statement, "caption of figure 2B", why)


def below_pca(lab: Lab, size: int) -> Claim:
    """The pretrained network's error below PCA's."""
    arm, error = f"deep-{size}", lab.results("baselines")[f"pca-{size}"]["test"]

    def judged(side: str) -> Finding:
        return above(lab, error, errors(lab, arm, side))

    why = f"{spread(lab, arm)} below PCA's {error:.2f}, which is fitted on all 60,000 images"
    statement = f"the deep autoencoder keeps more than PCA in a code of {size}"
    return claim(lab, (arm,), judged, statement, "figures 2B and 3", why)


def neighbours(lab: Lab) -> Claim:
    """How many test digits lie among digits of their own class."""
    right, theirs = lab.values("deep-2", "neighbours"), lab.results("baselines")["neighbours"]

    def judged(side: str) -> Finding:
        return lab.judge.superiority(lab.values("deep-2", "neighbours", side=side), [theirs] * len(right))

    share = f"{lab.interval(right):.1f %}"
    why = f"{share} of test digits have the right class among their {probes.NEIGHBOURS} neighbours, PCA {theirs:.1f} %"
    statement = "a 2-D code separates the classes better than the first two principal components"
    return claim(lab, ("deep-2",), judged, statement, "figure 3", why, share)


# ---- pretraining -----------------------------------------------------------------------------------------------------
def pretraining(lab: Lab, arm: str, name: str, source: str) -> Claim:
    """A pretrained network against the same with the better of two starts without pretraining, each at its own rate."""
    start, worse = without(lab, arm)

    def judged(side: str) -> Finding:
        return lab.judge.superiority(errors(lab, start, side), errors(lab, arm, side))

    finding = judged("numpy")
    why = (
        f"pretrained {finding.estimate:.2f} less ({ends(finding)}) than from {STARTS[start][1]}, which does better on "
        f"validation images than {STARTS[worse][1]} (test error {spread(lab, worse)})"
    )
    statement = f"pretraining leaves {name} with a lower error after as much fine-tuning"
    return claim(lab, (arm, start), judged, statement, source, why)


def without(lab: Lab, arm: str) -> list[str]:
    """The arms of the same network without pretraining; first the one that is better on the validation images."""
    scores = lab.results("rates")["errors"]
    return sorted((f"{arm}-scaled", f"{arm}-untrained"), key=lambda start: min(scores[start].values()))


def only_the_average(lab: Lab) -> Claim:
    """Weights as they are drawn against the mean image; that more updates would not do would be another claim."""
    arm, mean = "very-deep-untrained", lab.results("baselines")["mean image"]

    def judged(side: str) -> Finding:
        found = lab.judge.near(mean, errors(lab, arm, side), AVERAGE * mean)
        return found.allowing_for(
            theirs="the paper's fine-tuning is longer, and more updates may do what these did not"
        )

    why = f"the error asked for is within {AVERAGE:.0%} of the mean image's {mean:.2f}, it is {spread(lab, arm)}"
    statement = "without pretraining a very deep autoencoder only reconstructs the average of the training images"
    return claim(lab, (arm,), judged, statement, "text on figure 2A, there on images of curves", why)


# ---- the variants ----------------------------------------------------------------------------------------------------
def linear(lab: Lab, size: int) -> Claim:
    """A linear network's training error between PCA's and a little more."""
    arm = f"linear-{size}"
    best = lab.results("baselines")[f"pca-{size}"]["train"]

    def judged(side: str) -> Finding:
        found = lab.values(arm, "train_metrics", "squared_error", side=side)
        never_below = lab.judge.counted(min(found) >= best * (1 - 1e-5))
        return lab.judge.all_of(lab.judge.at_most(LINEAR * best, found), never_below)

    said = f"{lab.spread(arm, 'train_metrics', 'squared_error'):.2f}"
    why = f"{said} between PCA's {best:.2f} and 2 % more; subspaces overlap {lab.spread(arm, 'overlap'):.4f}"
    statement = f"a linear autoencoder with a code of {size} comes down to PCA's training error, and never below"
    source = "Baldi & Hornik 1989; the premise of the paper's first page"
    return claim(lab, (arm,), judged, statement, source, why, said)


def denoising(lab: Lab) -> Claim:
    """Trained with noise against trained without, on damaged images; rates of both were chosen for that."""
    arms = ("denoising", "plain")

    def judged(side: str) -> Finding:
        noisy, clean = (lab.values(arm, "damaged", side=side) for arm in arms)
        return lab.judge.superiority(clean, noisy)

    finding = judged("numpy")
    why = (
        f"on masked test images {finding.estimate:.2f} less ({ends(finding)}) than trained without noise; "
        f"on whole ones it is {spread(lab, arms[0])} against {spread(lab, arms[1])}"
    )
    statement = f"trained on images with {CORRUPTION:.0%} of the pixels masked, a network repairs such images"
    numpy, torch = (said_of_both(lab, arms, side) for side in ("numpy", "torch"))
    return claim(lab, arms, judged, statement, "Vincent 2008, section 2.3", why, numpy, torch)


def said_of_both(lab: Lab, arms: tuple[str, str], side: str) -> str:
    """Errors on masked images."""
    return "{:.2f} with noise, {:.2f} without".format(*(lab.spread(arm, "damaged", side=side) for arm in arms))


STACKED = not_run(
    "three stacked denoising layers, fine-tuned, classify MNIST-basic better than plain ones: 2.80 % to 3.46 %",
    "Vincent 2008, table 1 (from memory)",
    "stacking layer by layer, fine-tuning and a search over noise levels are not built",
)


def superfluous(lab: Lab) -> Claim:
    """Five times the latent variables: neither a worse bound nor a wider gap, where there is a gap at all."""
    arms = ("vae-100", "vae-20")
    bound = {arm: lab.interval([-loss for loss in lab.values(arm, "test bound", "loss")]) for arm in arms}
    gap = {arm: lab.interval(gaps(lab, arm)) for arm in arms}
    return claim(
        lab, arms, partial(superfluous_judged, lab),
        "superfluous latent variables do not make the variational autoencoder overfit",
        "Kingma & Welling, section 5, figure 2",
        f"with 100 the test bound is asked to be at most {BOUND_MARGIN:g} nats below that with 20, and its distance to "
        f"the training bound, {gap['vae-100']:.1f} nats, at most {GAP_MARGIN:g} above {gap['vae-20']:.1f}",
        f"bound {bound['vae-20']:.1f} with 20, {bound['vae-100']:.1f} with 100 (nats an image, one draw of z)",
    )  # fmt: skip


def superfluous_judged(lab: Lab, side: str) -> Finding:
    """Seed by seed; without a gap at 20 nothing was long enough to overfit."""
    test = {arm: [-loss for loss in lab.values(arm, "test bound", "loss", side=side)] for arm in ("vae-20", "vae-100")}
    gap = {arm: gaps(lab, arm, side) for arm in test}
    wider = lab.judge.not_worse(gap["vae-20"], gap["vae-100"], GAP_MARGIN)
    found = lab.judge.all_of(lab.judge.not_worse(test["vae-100"], test["vae-20"], BOUND_MARGIN), wider)
    overfits = lab.interval(gap["vae-20"]).low > 0
    return found if overfits else found.hold_back("with 20 nothing overfits yet, so that nothing could be seen")


def gaps(lab: Lab, arm: str, side: str = "numpy") -> list[float]:
    """How much better the bound is on the training images than on test images, one number a seed."""
    test, train = (lab.values(arm, part, "loss", side=side) for part in ("test bound", "train bound"))
    return [a - b for a, b in zip(test, train, strict=True)]


# ---- what claims are made of -----------------------------------------------------------------------------------------
def claim(
    lab: Lab, arms: tuple[str, ...], judged: Judged, statement: str, source: str, why: str,
    numpy: str = "", torch: str = "",
) -> Claim:  # fmt: skip
    """A claim on arms, the one that it speaks for first, with PyTorch's verdict where it trained all of them.

    Args:
        judged: how a side's runs give the finding.
        numpy: the numbers, if not the squared errors; ``torch`` the same.
    """
    witnessed = all(arm in WITNESSED for arm in arms)
    finding = fair(lab, arms, judged("numpy"))
    finding = finding.confirmed_by(fair(lab, arms, judged("torch"))) if witnessed else finding
    return Claim(
        statement, f"{source} (from memory)", ran(lab, arms), numpy or numbers(lab, arms, "numpy"), finding, why,
        (torch or numbers(lab, arms, "torch")) if witnessed else "-",
    )  # fmt: skip


def fair(lab: Lab, arms: tuple[str, ...], found: Finding) -> Finding:
    """The finding, allowing for rates that were not bracketed, and for too few seeds."""
    tuned = found.tuned(Rates("validation", lab.results("rates")["errors"]), *arms)
    return tuned.run_for(max(lab.spread(arm, "seconds").mean for arm in arms))


def above(lab: Lab, number: float, values: list[float]) -> Finding:
    """That a number without chance in it is above all values."""
    return lab.judge.superiority([number] * len(values), values)


def errors(lab: Lab, arm: str, side: str = "numpy") -> list[float]:
    """Squared test errors, one a seed."""
    return lab.values(arm, "metrics", "squared_error", side=side)


def spread(lab: Lab, arm: str, side: str = "numpy") -> str:
    """Their mean and interval."""
    return f"{lab.interval(errors(lab, arm, side)):.2f}"


def numbers(lab: Lab, arms: tuple[str, ...], side: str) -> str:
    """The errors of one arm, or of two, the worse one expected first."""
    return " -> ".join(spread(lab, arm, side) for arm in reversed(arms))


def ends(found: Finding) -> str:
    """The ends of an interval; of a single run there are none."""
    return "no interval" if found.low is None else f"{found.low:.2f} to {found.high:.2f}"


def ran(lab: Lab, arms: tuple[str, ...]) -> str:
    """What was run of some arms."""
    run, count = lab.runs(arms[0])[0], len(lab.runs(arms[0]))
    config = run["config"]
    chosen = " and ".join(f"{lab.runs(arm)[0]['config']['learning_rate']:g}" for arm in arms)
    return (
        f"{' and '.join(arms)}: {passes(config)} over {config['train_items']:,} images, {run['steps']:,} updates, Adam "
        f"{chosen}; {count} seeds"
    )


# ---- the summary -----------------------------------------------------------------------------------------------------
def summary(lab: Lab) -> Summary:
    """The standard training run: the network of 2006 with a code of 30, pretrained."""
    run, data = lab.runs("deep-30")[0], lab.results("deep-30")["environment"]["data"]
    config = run["config"]
    return Summary(
        data=f"{data['name']}, {data['items']:,} of its training images, 28 x 28, pixels in [0, 1]",
        model=f"deep autoencoder 784-1000-500-250-30 and back, pretrained, {run['parameters']:,} parameters",
        loss="cross-entropy summed over pixels, mean over the batch",
        optimiser=f"Adam, learning rate {config['learning_rate']:g}, batch {config['batch_size']}",
        schedule=f"cosine to 0 over {config['epochs']} epochs",
        metric="squared error summed over pixels, mean over test images, after the last epoch",
        expected="below PCA's after the first epoch, then slowly down; the training error a little lower",
        numpy=spread(lab, "deep-30"),
        torch=spread(lab, "deep-30", "torch") + ", from the engine's weights on its batches",
        command="tinygrad-lab claims autoencoder (all), tinygrad-lab train autoencoder --size small (one run)",
        time=lab.run_time("deep-30", threads=False) + ", two of them side by side, each on one core",
    )
