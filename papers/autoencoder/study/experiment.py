"""The claims of the autoencoders: pretraining against none, small codes against PCA, repair, the variational bound.

tinygrad-lab claims autoencoder
"""

from collections.abc import Callable
from functools import partial

from tinygrad_lab.study import SWEEP_SEED, Arrays, Lab, Record, Run, Side, as_command, best_rate

from . import probes
from .arms import (
    ARMS,
    BESIDE,
    CORRUPTION,
    FIRST_WITNESS,
    RATES,
    SEEDS,
    UNJUDGED,
    WITNESSED,
    pretrained,
    rated,
    shortened,
    tried,
    unjudged,
)  # fmt: skip
from .images import Images

MAP_SIZE = 2000  # test images on the maps
LOOKED_AT = 1000  # images that are not trained on and are looked at while training
LOOK_EVERY = 100  # updates; a pass, but for the variational networks
STACKS = (("deep-30", "deep-2"), ("deep-30-untrained",), ("very-deep",), ("very-deep-untrained",))
Weights = dict[tuple[str, int], Arrays]  # by arm and seed
Job = tuple[str, Callable[[], Run]]  # arm, and what makes the run


def measure(lab: Lab) -> None:
    """Everything: baselines, initial weights, rates, and all runs that are judged, side by side."""
    images = Images(shortened(ARMS["deep-30"].config, lab.quick))
    measure_baselines(lab, images)
    weights = initial_weights(lab, images)
    measure_rates(lab, images, weights)
    measure_runs(lab, images, weights)


# ---- what nothing is trained for -------------------------------------------------------------------------------------
def measure_baselines(lab: Lab, images: Images) -> None:
    """Save the errors, codes and pictures of PCA, of the mean image and of t-SNE."""
    map_of, shown = images.pca[2], images.test[:MAP_SIZE]
    results: Record = {"mean image": probes.squared_error(images.test, images.mean)}
    results |= {f"pca-{size}": of_components(images, size) for size in images.pca}
    damaged = probes.corrupted(images.examples, CORRUPTION)
    results |= {
        "neighbours": images.neighbours(map_of.encode(images.train), map_of.encode(images.test)),
        "pictures": probes.pack_pixels(images.examples),
        "damaged pictures": probes.pack_pixels(damaged),
        "maps": {"PCA": probes.pack(map_of.encode(shown)), "t-SNE": probes.pack(probes.tsne(shown))},
        "labels": images.test_labels[:MAP_SIZE].tolist(),
    }
    lab.save("baselines", results, shortened(ARMS["deep-30"].config, lab.quick))


def of_components(images: Images, size: int) -> Record:
    """PCA of all images on test images; PCA of those that the networks have on these."""
    pca, own = images.pca[size], images.own_pca[size]
    return {
        "train": probes.squared_error(images.train, own.reconstruct(images.train)),
        "test": probes.squared_error(images.test, pca.reconstruct(images.test)),
        "pictures": probes.pack_pixels(pca.reconstruct(images.examples)),
    }


# ---- initial weights and rates ---------------------------------------------------------------------------------------
def initial_weights(lab: Lab, images: Images) -> Weights:
    """The machines' weights for every seed that an arm has, PyTorch's and that of the sweep among them."""
    asked = [(arms, seed) for arms in STACKS for seed in seeds_of(lab, arms[0])]
    found = lab.together([partial(pretrained, lab, arms, seed, images.train) for arms, seed in asked])
    return {(arm, seed): one[arm] for (arms, seed), one in zip(asked, found, strict=True) for arm in arms}


def seeds_of(lab: Lab, arm: str) -> list[int]:
    """All seeds that an arm is trained with."""
    witness = [FIRST_WITNESS + seed for seed in lab.seeds(SEEDS)] if arm in WITNESSED else []
    return [SWEEP_SEED, *lab.seeds(SEEDS), *witness]


def measure_rates(lab: Lab, images: Images, weights: Weights) -> None:
    """Every arm's error on images that are not trained on, at every rate, until the best lies between two others."""
    errors = {arm: rate_errors(lab, arm, images, weights.get((arm, SWEEP_SEED))) for arm in ARMS}
    lab.save("rates", {"errors": errors}, tried("deep-30", RATES[0], lab.quick))


def rate_errors(lab: Lab, arm: str, images: Images, weights: Arrays | None) -> dict[str, float]:
    """One arm's errors by rate."""
    return lab.bracket(
        lambda rate: tried(arm, rate, lab.quick), RATES, f"rate of {arm}",
        lambda run: probes.held_out(lab.side("numpy"), run.model, arm, images.validation), weights=weights,
    )  # fmt: skip


# ---- the runs that are judged ----------------------------------------------------------------------------------------
def measure_runs(lab: Lab, images: Images, weights: Weights) -> None:
    """All of them, on both sides and side by side, and what is probed of the trained models."""
    rates = {arm: best_rate(errors) for arm, errors in lab.results("rates")["errors"].items()}
    jobs = [job for arm in ARMS for job in jobs_of(lab, arm, rates[arm], images, weights)]
    jobs.append((UNJUDGED, partial(lab.train, unjudged(lab.quick), 0, label=UNJUDGED)))
    records: dict[str, list[Record]] = {}
    for (arm, _), run in zip(jobs, lab.together([call for _, call in jobs]), strict=True):
        records.setdefault(arm, []).append(run.record() | probe(lab.side(run.side), arm, run, images))
    for arm, runs in records.items():
        config = unjudged(lab.quick) if arm == UNJUDGED else rated(arm, rates[arm], lab.quick)
        lab.save(arm, {"runs": runs}, config)


def jobs_of(lab: Lab, arm: str, rate: float, images: Images, weights: Weights) -> list[Job]:
    """An arm's runs: the engine's, PyTorch's from the same weights, PyTorch's under seeds of its own."""
    sides = [("numpy", seed) for seed in lab.seeds(SEEDS)]
    sides += [("torch", 0)] * (arm in BESIDE)
    sides += [("torch", FIRST_WITNESS + seed) for seed in lab.seeds(SEEDS)] * (arm in WITNESSED)
    config, looked_at = rated(arm, rate, lab.quick), images.validation[:LOOKED_AT]

    def job(side: str, seed: int) -> Job:
        bench = lab.side(side)
        look = lambda model: {"held out": probes.held_out(bench, model, arm, looked_at)}  # noqa: E731
        start = weights.get((arm, seed))
        every = None if lab.quick else LOOK_EVERY
        return arm, partial(lab.train, config, seed, side, arm, evaluate=look, weights=start, every=every)

    return [job(side, seed) for side, seed in sides]


def probe(bench: Side, arm: str, run: Run, images: Images) -> Record:
    """What the claims and figures need of one trained model."""
    results: Record = pictures(bench, arm, run, images) if run.seed == 0 else {}
    if arm == "deep-2":
        train, test = (probes.codes(bench, run.model, split) for split in (images.train, images.test))
        results |= {"neighbours": images.neighbours(train, test), "map": probes.pack(test[:MAP_SIZE])}
    elif run.config.variant == "linear":
        weight = bench.state(run.model)["decoder.weight"]
        results["overlap"] = probes.subspace_overlap(images.own_pca[run.config.code_size], weight)
    elif run.config.variant == "denoising":
        results["damaged"] = probes.damaged_error(bench, run.model, images.test)
    elif run.config.variant == "vae":
        known = images.train[: run.config.train_items]  # the first of the same order
        results["train bound"] = probes.variational_bound(bench, run.model, known)
        results["test bound"] = probes.variational_bound(bench, run.model, images.test)
    return results


def pictures(bench: Side, arm: str, run: Run, images: Images) -> Record:
    """What a model makes of one image of each class; of damaged ones; and draws from the prior."""
    results = {"pictures": probes.pack_pixels(probes.reconstructions(bench, run.model, images.examples))}
    if run.config.variant == "denoising":
        damaged = probes.corrupted(images.examples, CORRUPTION)
        results["repaired pictures"] = probes.pack_pixels(probes.reconstructions(bench, run.model, damaged))
    if arm == "vae-20":
        results["samples"] = probes.pack_pixels(probes.samples(bench, run.model, run.config.code_size, 40))
    return results


if __name__ == "__main__":
    as_command("autoencoder")
