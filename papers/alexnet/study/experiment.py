"""The claims of AlexNet: ReLUs against tanh, and what overlapping pooling, normalisation, dropout and crops are worth.

tinygrad-lab claims alexnet
"""

import base64
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from tinygrad_lab.data import available
from tinygrad_lab.fit import Look, Metrics
from tinygrad_lab.study import Lab, Record, Run, as_command, best_rate

from ..config import VARIANTS, AlexNetConfig
from .verdicts import ARMS

ITEMS, EPOCHS = 2000, 60  # of the standard run and of all that is compared with it: few enough images to overfit
RATES = (0.003, 0.01, 0.03)  # tried for each of those on held-out images
RATE_EPOCHS = 15

UNITS = {"relu": "2012", "tanh": "tanh"}  # figure 1: the name of its curve -> the variant
STARTS: dict[str, dict[str, Any]] = {  # what a network of figure 1 begins with
    "paper": {},  # biases of 1, raw pixels
    "zero biases": {"init_bias": 0.0},
    "small pixels": {"init_bias": 0.0, "pixel_scale": 16.0, "init_std": 0.08},  # nothing saturates a tanh unit
}
SPEED_ITEMS = 10_000
SPEED_RATES = (0.01, 0.03, 0.1)
SWEEP_STEPS, SPEED_STEPS, EVERY = 150, 400, 10  # steps of a trial, of a curve, and between two of its points
LEVEL = 25.0  # percent of the training images


# ---- what each experiment trains -------------------------------------------------------------------------------------


def base(variant: str, items: int, seed: int, quick: bool) -> AlexNetConfig:
    """The small network on some images of Fashion-MNIST, or on digits, which must not be mirrored."""
    config = replace(VARIANTS[variant]["small"], seed=seed, epochs=1 if quick else EPOCHS)
    if quick:
        return replace(config, dataset="digits", flips=False, train_items=256, batch_size=32)
    if not available("fashion-mnist"):
        return replace(config, dataset="digits", flips=False, train_items=1000)
    return replace(config, dataset="fashion-mnist", train_items=items)


def arm_config(arm: str, rate: float, seed: int, quick: bool) -> AlexNetConfig:
    """The standard network, or one that lacks one thing."""
    variant, changes = ARMS[arm]
    return replace(base(variant, ITEMS, seed, quick), learning_rate=rate, **changes)


def speed_config(unit: str, start: str, rate: float, seed: int, quick: bool) -> AlexNetConfig:
    """A network of figure 1: no regularisation of any kind, a constant learning rate."""
    config = base(UNITS[unit], SPEED_ITEMS, seed, quick)
    config = replace(config, drop=0.0, weight_decay=0.0, crops=False, flips=False)
    return replace(config, learning_rate=rate, divisions=0, **STARTS[start])


# ---- running them ----------------------------------------------------------------------------------------------------


def measure(lab: Lab) -> None:
    """Everything, the comparison of units first."""
    measure_starts(lab)
    measure_speed(lab)
    measure_rates(lab)
    for arm in ARMS:
        measure_arm(lab, arm)


def measure_starts(lab: Lab) -> None:
    """Short runs of both units from every start at every learning rate, one seed."""
    steps = 2 * EVERY if lab.quick else SWEEP_STEPS
    trials = []
    for unit in UNITS:
        for start in STARTS:
            for rate in SPEED_RATES:
                curve = training_errors(lab, speed_config(unit, start, rate, 0, lab.quick), steps)
                trials.append({"unit": unit, "start": start, "rate": rate, "errors": curve})
                lab.log(f"{unit}, {start}, learning rate {rate:g}: training error {curve[-1]:.1f} % in {steps} steps")
    lab.save("starts", {"trials": trials, "every": EVERY}, speed_config("relu", "paper", 0.01, 0, lab.quick))


def measure_speed(lab: Lab) -> None:
    """Figure 1: both units at their fastest, once from the paper's start and once each from the best of all."""
    steps = 4 * EVERY if lab.quick else SPEED_STEPS
    trials = lab.results("starts")["trials"]
    fastest_of = []
    for comparison, starts in (("paper", ["paper"]), ("best", list(STARTS))):
        for unit in UNITS:
            chosen = fastest([trial for trial in trials if trial["unit"] == unit and trial["start"] in starts])
            settings = {"unit": unit, "start": chosen["start"], "rate": chosen["rate"]}
            curves = [
                training_errors(lab, speed_config(**settings, seed=seed, quick=lab.quick), steps)
                for seed in lab.seeds(3)
            ]
            fastest_of.append({"comparison": comparison, **settings, "curves": curves})
            lab.log(f"{comparison}: {unit}, {chosen['start']}, {chosen['rate']:g}: {[curve[-1] for curve in curves]}")
    results = {"curves": fastest_of, "every": EVERY, "level": LEVEL}
    lab.save("speed", results, speed_config("relu", "paper", 0.01, 0, lab.quick))


def fastest(trials: list[dict[str, Any]]) -> dict[str, Any]:
    """The trial that came below LEVEL first; where none did, the one with the smallest error at its end."""

    def key(trial: dict[str, Any]) -> tuple[int, float]:
        below = [point for point, error in enumerate(trial["errors"]) if error <= LEVEL]
        return (below[0] if below else len(trial["errors"]), trial["errors"][-1])

    return min(trials, key=key)


def training_errors(lab: Lab, config: AlexNetConfig, steps: int) -> list[float]:
    """Error in percent on the first 1,000 training images every 10 steps; 100 once the weights are infinite."""
    shown = list(islice(lab.data.evaluation_batches(config, "train"), -(-1000 // config.batch_size)))

    def evaluate(model: Any) -> Metrics:
        return lab.side("numpy").evaluate(model, shown)

    def infinite(look: Look) -> bool:
        return not np.isfinite(look.losses).all()

    label = f"{config.variant}, rate {config.learning_rate:g}"
    run = lab.train(
        config, config.seed, label=label, steps=steps, every=EVERY, evaluate=evaluate, until=infinite, at_end=()
    )
    errors = [metrics["error"] for metrics in run.history]
    if not np.isfinite(run.losses).all():
        errors = errors[:-1]
    return errors + [100.0] * (steps // EVERY - len(errors))


def measure_rates(lab: Lab) -> None:
    """The error on held-out images of every network that is compared, at every learning rate, one seed."""
    epochs, errors = 1 if lab.quick else RATE_EPOCHS, {}
    for arm in ARMS:
        configs = {rate: replace(arm_config(arm, rate, 0, lab.quick), epochs=epochs) for rate in RATES}
        errors[arm] = lab.sweep(configs, arm, lambda run: lab.evaluate(run, "validation")["error"], 0)
    lab.save("rates", {"errors": errors}, arm_config("standard", RATES[0], 0, lab.quick))


def measure_arm(lab: Lab, arm: str) -> None:
    """Three seeds on the engine; of the standard network also ten views, the first seed on PyTorch, and pictures."""
    rate = best_rate(lab.results("rates")["errors"][arm])
    configs = [arm_config(arm, rate, seed, lab.quick) for seed in lab.seeds(3)]
    runs = [lab.train(config, config.seed, label=arm) for config in configs]
    results: Record = {}
    if arm == "standard":
        results["ten_views"] = [ten_views_error(lab, run) for run in runs]
        results["kernels"] = [picture(run.model.conv1.weight.numpy()) for run in runs]
        runs.append(lab.train(configs[0], 0, side="torch", label=arm))
    lab.save(arm, {"runs": [run.record() for run in runs], **results}, configs[0])


def ten_views_error(lab: Lab, run: Run) -> float:
    """Test error in percent of a trained network when its answers to ten views of each image are averaged."""
    views = lab.data.evaluation_batches(replace(run.config, ten_views=True), "test")
    return lab.side("numpy").evaluate(run.model, views)["error"]


def picture(kernels: np.ndarray) -> dict[str, Any]:
    """Kernels (maps, 1, side, side) as bytes: 0 at 128, the largest weight of each kernel at 1 or 255."""
    scaled = kernels / np.abs(kernels).max(axis=(1, 2, 3), keepdims=True)
    pixels = np.round(128 + 127 * scaled).astype(np.uint8)
    return {"shape": list(kernels.shape), "pixels": base64.b64encode(pixels.tobytes()).decode()}


if __name__ == "__main__":
    as_command("alexnet")
