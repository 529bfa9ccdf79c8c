"""The claims of LeNet-5: its error on handwritten digits, beside other methods, distorted, and with fewer images.

tinygrad-lab claims lenet
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tinygrad_lab.data import available, load_images
from tinygrad_lab.data.transforms import flatten
from tinygrad_lab.study import SWEEP_SEED, Lab, Record, Run, as_command, best_rate

from ..config import PAPER_SIZE, LeNetConfig
from .neighbours import NEIGHBOURS, error
from .networks import NETWORKS, NetworkConfig

IMAGES = 60_000  # that MNIST has for training
ARMS = (*NETWORKS, "lenet5", "distorted")  # all that learn, from the least to the most
WITNESSED = ("lenet1", "lenet5", "distorted")  # what PyTorch trains too, under seeds of its own
PASSES = 10  # half of the paper's: what five seeds of all arms leave time for
SIZES = (15_000, 30_000, IMAGES)  # images in the manner of figure 6
SIZE_PASSES = 4  # over all images; over fewer as many more, so that every size gets as many updates

RATES = (1e-3, 2e-3, 4e-3, 8e-3)  # around LeNet-5's; an arm whose best is at an end is given further ones
RATE_IMAGES = 50_000  # trained on to choose a rate; the 10,000 others judge it
RATE_PASSES = 2

SEEDS = 5  # of everything, as no run takes three minutes
FIRST_WITNESS = 1000  # PyTorch's first seed; no other run has one from here on
DIGITS_PASSES = 30  # over 1,500 images: the training error has been 0 for long

QUICK_IMAGES = 640
Job = tuple[str, str, Callable[[], Run]]  # results file, arm, and what makes the run


# ---- what is trained -------------------------------------------------------------------------------------------------
def configuration(arm: str) -> LeNetConfig:
    """An arm on MNIST, at the rate of the paper's size."""
    if arm in NETWORKS:
        return NetworkConfig(network=arm, dataset="mnist", epochs=PASSES)
    return replace(PAPER_SIZE, dataset="mnist", distort=arm == "distorted", epochs=PASSES)


def sized(items: int, seed: int) -> LeNetConfig:
    """LeNet-5 on some of the images, which the seed draws, for as many updates as on all."""
    epochs = SIZE_PASSES * IMAGES // items
    return replace(configuration("lenet5"), train_items=items % IMAGES, epochs=epochs, seed=seed)


def tried(arm: str, rate: float) -> LeNetConfig:
    """What a rate of an arm is chosen with; an arm that is a number is LeNet-5 on so many images."""
    items = min(int(arm), RATE_IMAGES) if arm.isdigit() else RATE_IMAGES
    config = configuration("lenet5" if arm.isdigit() else arm)
    epochs = RATE_PASSES * RATE_IMAGES // items
    return replace(config, train_items=items, epochs=epochs, learning_rate=rate, seed=SWEEP_SEED)


def shortened(config: LeNetConfig, quick: bool) -> LeNetConfig:
    """The same at a token size, where that is all that is asked for."""
    return replace(config, train_items=QUICK_IMAGES, epochs=1) if quick else config


def bench(lab: Lab, arm: str) -> Lab:
    """Where an arm is trained: the study's own networks by the paper's loop, but on a bench of theirs."""
    return lab.beside("lenet", models="study.networks") if arm in NETWORKS else lab


# ---- running it ------------------------------------------------------------------------------------------------------
def measure(lab: Lab) -> None:
    """Everything; without MNIST's files the embedded digits alone."""
    measure_digits(lab)
    if available("mnist"):
        measure_rates(lab)
        measure_neighbours(lab)
        measure_runs(lab)


def measure_digits(lab: Lab) -> None:
    """LeNet-5 on the images that everybody has; PyTorch from the same weights on the same batches."""
    config = replace(PAPER_SIZE, dataset="digits", epochs=1 if lab.quick else DIGITS_PASSES)
    calls = [partial(lab.train, config, seed, label="digits") for seed in lab.seeds(SEEDS)]
    runs = lab.together([*calls, partial(lab.train, config, 0, "torch", "digits")])
    lab.save("digits", {"runs": [run.record() for run in runs]}, config)


def measure_rates(lab: Lab) -> None:
    """Every arm's error on images that are not trained on, at every rate, until the best lies between two others."""
    errors = {arm: rate_errors(lab, arm) for arm in (*ARMS, *map(str, SIZES[:-1]))}
    lab.save("rates", {"errors": errors}, shortened(tried("lenet5", RATES[0]), lab.quick))


def rate_errors(lab: Lab, arm: str) -> dict[str, float]:
    """One arm's errors by rate."""
    place = bench(lab, arm)
    return place.bracket(
        lambda rate: shortened(tried(arm, rate), lab.quick), RATES, f"rate of {arm}",
        lambda run: place.evaluate(run, "validation")["error"],
    )  # fmt: skip


def measure_neighbours(lab: Lab) -> None:
    """The error of the nearest neighbours among all training images, or when quick among a few."""
    known, images = load_images("mnist"), load_images("mnist", "test")
    items = QUICK_IMAGES if lab.quick else IMAGES
    begin = time.perf_counter()
    found = error(flatten(images.images), images.labels, flatten(known.images[:items]), known.labels[:items])
    seconds = time.perf_counter() - begin
    lab.log(f"{NEIGHBOURS} nearest neighbours: error {found:.4g}, {seconds:.0f} s")
    lab.save("neighbours", {"k": NEIGHBOURS, "error": found, "seconds": seconds}, configuration("lenet5"))


def measure_runs(lab: Lab) -> None:
    """All runs that are judged, on both sides and side by side, the longest first."""
    rates = {arm: best_rate(errors) for arm, errors in lab.results("rates")["errors"].items()}
    jobs = [*witness_jobs(lab, rates), *arm_jobs(lab, rates), *size_jobs(lab, rates)]
    runs = lab.together([call for *_, call in jobs])
    found: dict[str, dict[str, list[Record]]] = {}
    for (name, arm, _), run in zip(jobs, runs, strict=True):
        found.setdefault(name, {}).setdefault(arm, []).append(run.record())
    for name, records in found.items():
        lab.save(name, {"runs": records}, configuration("lenet5"))


def witness_jobs(lab: Lab, rates: dict[str, float]) -> list[Job]:
    """PyTorch's runs, under seeds that nothing else has."""
    seeds = [FIRST_WITNESS + seed for seed in lab.seeds(SEEDS)]
    return [witness_job(lab, arm, rates[arm], seed) for arm in reversed(WITNESSED) for seed in seeds]


def witness_job(lab: Lab, arm: str, rate: float, seed: int) -> Job:
    """One of them, which has to say its test error alone."""
    call = partial(bench(lab, arm).train, rated(lab, arm, rate), seed, "torch", arm, at_end=("test",))
    return "methods", arm, call


def arm_jobs(lab: Lab, rates: dict[str, float]) -> list[Job]:
    """The engine's runs of every arm."""
    return [arm_job(lab, arm, rates[arm], seed) for arm in reversed(ARMS) for seed in lab.seeds(SEEDS)]


def arm_job(lab: Lab, arm: str, rate: float, seed: int) -> Job:
    """One run of an arm, looked at after every pass."""
    call = partial(bench(lab, arm).train, rated(lab, arm, rate), seed, label=arm, each_epoch=True)
    return "methods", arm, call


def rated(lab: Lab, arm: str, rate: float) -> LeNetConfig:
    """An arm at a rate."""
    return shortened(replace(configuration(arm), learning_rate=rate), lab.quick)


def size_jobs(lab: Lab, rates: dict[str, float]) -> list[Job]:
    """LeNet-5 with each number of images at its own rate; each seed draws its own images."""
    return [size_job(lab, items, rates, seed) for items in SIZES for seed in lab.seeds(SEEDS)]


def size_job(lab: Lab, items: int, rates: dict[str, float], seed: int) -> Job:
    """One run with so many images."""
    rate = rates.get(str(items), rates["lenet5"])
    config = shortened(replace(sized(items, seed), learning_rate=rate), lab.quick)
    return "sizes", str(items), partial(lab.train, config, seed, label=f"{items} images")


if __name__ == "__main__":
    as_command("lenet")
