"""The claims of dropout: test error, the gap to the training error, max-norm, small data sets, noise, two blobs.

tinygrad-lab claims dropout
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from tinygrad_lab import Tensor
from tinygrad_lab.data import available
from tinygrad_lab.study import SWEEP_SEED, Lab, Record, Run, as_command, best_rate

from ..config import DropoutConfig
from ..data import BLOB_DISTANCE, bayes_accuracy
from ..model import monte_carlo
from .features import measure_features
from .settings import (
    AT_BOUND,
    BLOB_RATES,
    BLOB_SEEDS,
    BLOB_SWEEP,
    BOUNDED,
    CONFIRMING,
    FEWER,
    HELD_OUT,
    ITEMS,
    LARGE_RATE,
    LOOKS,
    PAIR,
    RATES,
    SAMPLES,
    SEEDS,
    SETTINGS,
    TRAINED,
    blob_config,
    mnist_config,
    name_of,
)


def measure(lab: Lab) -> None:
    """Everything; without MNIST's files the blobs alone."""
    measure_blobs(lab)
    if available("mnist"):
        measure_rates(lab)
        for arm in SETTINGS:
            measure_arm(lab, arm)
        measure_large_rate(lab)
        measure_sizes(lab)
        measure_features(lab)


# ---- learning rates --------------------------------------------------------------------------------------------------


def measure_rates(lab: Lab) -> None:
    """Every arm's error on held-out training images by learning rate, and how many rows its bound held."""
    errors, held = {}, {}
    for arm, items in TRAINED:
        name, shares = name_of(arm, items), dict[str, float]()
        config_of = partial(_swept, lab, arm, items)
        errors[name] = lab.bracket(config_of, _grid(lab, RATES), name, partial(_noting_rows, lab, shares))
        held[name] = {rate: shares[rate] for rate in errors[name]}
    config = mnist_config(SETTINGS[0], ITEMS, RATES[0], SWEEP_SEED, lab.quick)
    lab.save("rates", {"errors": errors, "rows_at_bound": held}, config)


def _grid(lab: Lab, rates: Sequence[float]) -> Sequence[float]:
    return rates[:2] if lab.quick else rates


def _swept(lab: Lab, arm: str, items: int, rate: float) -> DropoutConfig:
    return mnist_config(arm, items, rate, SWEEP_SEED, lab.quick)


def _noting_rows(lab: Lab, shares: dict[str, float], run: Run) -> float:
    shares[f"{run.config.learning_rate:g}"] = _rows(run)["rows_at_bound"]
    return validation_error(lab, run)


def validation_error(lab: Lab, run: Run) -> float:
    """Percent of the first items that are held out of the training."""
    batches = islice(lab.data.evaluation_batches(run.config, "validation"), HELD_OUT)
    return lab.side(run.side).evaluate(run.model, batches)["error"]


def rows(model: Any, c: float) -> dict[str, float]:
    """The longest incoming weights of a hidden unit, and the percentage of units whose weights the bound holds."""
    state = {name: np.asarray(value) for name, value in model.state_dict().items()}
    weights = [value for name, value in state.items() if name.startswith("hidden.") and value.ndim == 2]
    norms = np.concatenate([np.linalg.norm(weight, axis=1) for weight in weights])
    held = norms >= AT_BOUND * (c or np.inf)
    return {"longest_row": float(norms.max()), "rows_at_bound": 100 * float(held.mean())}


def _rows(run: Run) -> dict[str, float]:
    return rows(run.model, run.config.max_norm)


# ---- most images -----------------------------------------------------------------------------------------------------


def runs_of(lab: Lab, arm: str, items: int, rate: float, seeds: Sequence[int], side: str = "numpy") -> list[Run]:
    """One run for each seed, on the images that it draws."""
    configs = [mnist_config(arm, items, rate, seed, lab.quick) for seed in seeds]
    every = max(1, updates(configs[0]) // LOOKS)
    order = partial(lab.train, side=side, label=name_of(arm, items), each_epoch=True, every=every)
    return lab.together([partial(order, config, config.seed) for config in configs])


def updates(config: DropoutConfig) -> int:
    """Of a whole run."""
    return config.epochs * -(-config.train_items // config.batch_size)


def best(lab: Lab, arm: str, items: int) -> float:
    """The learning rate with the smallest error on held-out images."""
    return best_rate(lab.results("rates")["errors"][name_of(arm, items)])


def measure_arm(lab: Lab, arm: str) -> None:
    """One setting at its best rate; dropout and standard on PyTorch too, under other seeds."""
    rate = best(lab, arm, ITEMS)
    runs = runs_of(lab, arm, ITEMS, rate, lab.seeds(SEEDS))
    config = mnist_config(arm, ITEMS, rate, 0, lab.quick)
    if arm == "dropout":
        samples = SAMPLES[:3] if lab.quick else SAMPLES
        averaged = [monte_carlo_errors(lab, run, samples) for run in runs]
        lab.save("monte_carlo", {"samples": samples, "errors": averaged}, config)
    if arm in PAIR:
        runs += runs_of(lab, arm, ITEMS, rate, [CONFIRMING + seed for seed in lab.seeds(FEWER)], "torch")
    lab.save(arm, {"runs": [run.record() | _rows(run) for run in runs]}, config)


def monte_carlo_errors(lab: Lab, run: Run, averaged: Sequence[int]) -> list[float]:
    """Test error of the average over so many thinned networks."""
    wrong, total = np.zeros(len(averaged)), 0
    for batch in lab.data.evaluation_batches(run.config, "test"):
        summed, drawn = np.zeros(()), 0  # probabilities of the networks drawn so far
        for k, samples in enumerate(averaged):
            more = samples - drawn
            summed = summed + more * monte_carlo(run.model, Tensor(batch["image"]), more).numpy()
            drawn = samples
            wrong[k] += (summed.argmax(axis=1) != batch["label"]).sum()
        total += len(batch["label"])
    return list(100 * wrong / total)


def measure_large_rate(lab: Lab) -> None:
    """Dropout at one large rate, without a bound and with either."""
    runs = {}
    for arm in ("dropout", *BOUNDED):
        made = runs_of(lab, arm, ITEMS, LARGE_RATE, lab.seeds(FEWER))
        runs[arm] = [_finite(run) for run in made]
    lab.save("large_rate", {"runs": runs}, mnist_config("dropout", ITEMS, LARGE_RATE, 0, lab.quick))


def _finite(run: Run) -> Record:
    """What is kept of a run that may have come apart: nothing that can be infinite."""
    numbers = {"error": run.metrics["error"], "rows_at_bound": _rows(run)["rows_at_bound"]}
    return {"side": run.side, "seed": run.seed, "seconds": run.seconds, **numbers}


# ---- few images ------------------------------------------------------------------------------------------------------


def measure_sizes(lab: Lab) -> None:
    """With and without dropout on few images, each at its own best rate."""
    errors: dict[str, dict[str, list[float]]] = {arm: {} for arm in PAIR}
    for arm, items in TRAINED:
        if items < ITEMS:
            runs = runs_of(lab, arm, items, best(lab, arm, items), lab.seeds(SEEDS))
            errors[arm][str(items)] = [run.metrics["error"] for run in runs]
    arm, items = TRAINED[0]
    lab.save("sizes", {"errors": errors}, mnist_config(arm, items, RATES[0], 0, lab.quick))


# ---- two blobs -------------------------------------------------------------------------------------------------------


def measure_blobs(lab: Lab) -> None:
    """The same points and the same initial weights with and without dropout, many seeds; as many others on PyTorch."""
    runs, rates = [], {}
    for arm in PAIR:
        config_of = partial(_blob_config, arm)
        rates[arm] = lab.bracket(config_of, _grid(lab, BLOB_RATES), f"blobs, {arm}", partial(blob_error, lab))
        runs += _blob_runs(lab, arm, best_rate(rates[arm]))
    results = {"rates": rates, "runs": runs, "bayes": bayes_accuracy(), "distance": BLOB_DISTANCE}
    lab.save("blobs", results, blob_config("dropout", BLOB_RATES[0], 0))


def _blob_config(arm: str, rate: float) -> DropoutConfig:
    return blob_config(arm, rate, SWEEP_SEED)


def blob_error(lab: Lab, first: Run) -> float:
    """Percent of the validation points, mean over several samples of 100 points; a run on the first is given."""
    arm, rate = first.config.variant, first.config.learning_rate
    others = [
        lab.train(blob_config(arm, rate, seed), seed, label=f"blobs, {arm}, {rate:g}", at_end=())
        for seed in BLOB_SWEEP[1 : len(lab.seeds(len(BLOB_SWEEP)))]
    ]
    return float(np.mean([validation_error(lab, run) for run in (first, *others)]))


def _blob_runs(lab: Lab, arm: str, rate: float) -> list[Record]:
    def call(side: str, seed: int) -> Callable[[], Run]:
        return partial(lab.train, blob_config(arm, rate, seed), seed, side=side, label=f"blobs, {arm}")

    seeds = lab.seeds(BLOB_SEEDS)
    asked = [*(("numpy", seed) for seed in seeds), *(("torch", CONFIRMING + seed) for seed in seeds)]
    return _accuracies(arm, lab.together([call(side, seed) for side, seed in asked]))


def _accuracies(arm: str, runs: Sequence[Run]) -> list[dict[str, Any]]:
    return [
        {
            "variant": arm,
            "side": run.side,
            "seed": run.seed,
            "train": 100 - run.train_metrics["error"],
            "test": 100 - run.metrics["error"],
        }
        for run in runs
    ]


if __name__ == "__main__":
    as_command("dropout")
