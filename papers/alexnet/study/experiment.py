"""The claims of AlexNet: ReLUs against tanh, and what its layers, dropout, crops and ten views are worth.

tinygrad-lab claims alexnet
"""

import base64
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tinygrad_lab.fit import Metrics
from tinygrad_lab.study import SWEEP_SEED, Lab, Record, Run, as_command, best_rate

from ..config import VARIANTS, AlexNetConfig
from .images import FIRST_WITNESS, SEEDS, on_images
from .speed import measure_speed, measure_starts

# The networks that are compared: name -> variant and what else is changed.
ARMS: dict[str, tuple[str, dict[str, Any]]] = {
    "standard": ("2012", {}),
    "plain-pooling": ("plain-pooling", {}),
    "no-lrn": ("no-lrn", {}),
    "no-dropout": ("no-dropout", {}),
    "no-augmentation": ("2012", {"crops": False, "flips": False}),
    # half the maps, but for conv5: so the paper keeps most of the weights, which are in the layers after it
    "one-tower": ("2012", {"groups": 1, "maps": (6, 16, 24, 24, 32)}),
}
WITNESSED = ("standard", "plain-pooling", "one-tower")  # what PyTorch trains too, under seeds of its own

# Few images, so that a network can overfit, and small batches, so that so few images make many updates: 36 passes
# are 1,152 of them, what six arms of five seeds leave time for.
ITEMS, BATCH, EPOCHS = 1000, 32, 36
RATES = (0.005, 0.01, 0.02, 0.04)  # of an arm whose best is at an end further ones, to 0.64
RATE_EPOCHS = 9  # a quarter of the passes, for every arm alike
EVALUATED = 250  # images in a batch that is only looked at

Job = tuple[str, Callable[[], Run]]  # an arm, and what makes the run


# ---- what is trained -------------------------------------------------------------------------------------------------
def configuration(arm: str, rate: float, seed: int, quick: bool, epochs: int = EPOCHS) -> AlexNetConfig:
    """The standard network, or one that lacks one thing."""
    variant, changes = ARMS[arm]
    small = replace(VARIANTS[variant]["small"], batch_size=BATCH, epochs=epochs, learning_rate=rate)
    return replace(on_images(small, ITEMS, seed, quick), **changes)


# ---- running it ------------------------------------------------------------------------------------------------------
def measure(lab: Lab) -> None:
    """Everything, the comparison of units first."""
    measure_starts(lab)
    measure_speed(lab)
    measure_rates(lab)
    measure_arms(lab)


def measure_rates(lab: Lab) -> None:
    """Every arm's error on images that are not trained on, at every rate, until the best lies between two others."""
    errors = {arm: rate_errors(lab, arm) for arm in ARMS}
    lab.save("rates", {"errors": errors}, configuration("standard", RATES[0], SWEEP_SEED, lab.quick, RATE_EPOCHS))


def rate_errors(lab: Lab, arm: str) -> dict[str, float]:
    """One arm's errors by rate."""
    return lab.bracket(
        lambda rate: configuration(arm, rate, SWEEP_SEED, lab.quick, RATE_EPOCHS), RATES, f"rate of {arm}",
        lambda run: lab.evaluate(run, "validation")["error"],
    )  # fmt: skip


def measure_arms(lab: Lab) -> None:
    """All runs that are judged, on both sides and side by side, the longest first."""
    rates = {arm: best_rate(errors) for arm, errors in lab.results("rates")["errors"].items()}
    jobs = [*witness_jobs(lab, rates), *engine_jobs(lab, rates)]
    runs = lab.together([call for _, call in jobs])
    found: dict[str, list[Record]] = {arm: [] for arm in ARMS}
    for (arm, _), run in zip(jobs, runs, strict=True):
        found[arm].append(run.record("losses", "metrics", "train_metrics"))
    kernels = [
        picture(run.model.conv1.weight.numpy())
        for (arm, _), run in zip(jobs, runs, strict=True)
        if arm == "standard" and run.side == "numpy"
    ]
    config = configuration("standard", rates["standard"], 0, lab.quick)
    lab.save("arms", {"runs": found, "kernels": kernels}, config)


def witness_jobs(lab: Lab, rates: dict[str, float]) -> list[Job]:
    """PyTorch's runs, under seeds that nothing else has."""
    seeds = [FIRST_WITNESS + seed for seed in lab.seeds(SEEDS)]
    return [job(lab, arm, rates[arm], seed, "torch") for arm in WITNESSED for seed in seeds]


def engine_jobs(lab: Lab, rates: dict[str, float]) -> list[Job]:
    """The engine's runs of every arm."""
    return [job(lab, arm, rates[arm], seed, "numpy") for arm in ARMS for seed in lab.seeds(SEEDS)]


def job(lab: Lab, arm: str, rate: float, seed: int, side: str) -> Job:
    """One run, looked at after its last step."""
    config = configuration(arm, rate, seed, lab.quick)
    steps = config.epochs * -(-config.train_items // config.batch_size)
    look = partial(errors, lab, replace(config, batch_size=EVALUATED), side, arm == "standard")
    return arm, partial(lab.train, config, seed, side, arm, evaluate=look, every=steps, at_end=())


def errors(lab: Lab, config: AlexNetConfig, side: str, ten_views: bool, model: Any) -> Metrics:
    """Errors in percent on the training and the test images, each seen at its centre, and for ten views of those."""
    bench, batches = lab.side(side), lab.data.evaluation_batches
    found = {split: bench.evaluate(model, batches(config, split))["error"] for split in ("train", "test")}
    if ten_views:
        found["ten_views"] = bench.evaluate(model, batches(replace(config, ten_views=True), "test"))["error"]
    return found


def picture(kernels: np.ndarray) -> dict[str, Any]:
    """Kernels (maps, 1, side, side) as bytes: 0 at 128, the largest weight of each kernel at 1 or 255."""
    scaled = kernels / np.abs(kernels).max(axis=(1, 2, 3), keepdims=True)
    pixels = np.round(128 + 127 * scaled).astype(np.uint8)
    return {"shape": list(kernels.shape), "pixels": base64.b64encode(pixels.tobytes()).decode()}


if __name__ == "__main__":
    as_command("alexnet")
