"""The claims of BERT: reading both ways, next sentences, what stands for hidden words, and pre-training at all.

tinygrad-lab claims bert
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tinygrad_lab.study import SWEEP_SEED, Arrays, Lab, Record, Run, as_command, best_rate

from .. import data
from ..config import BertConfig
from . import naive_bayes
from .arms import (
    ARMS,
    FEW,
    FIRST_WITNESS,
    RATES,
    SCRATCH,
    SEEDS,
    TASKS,
    TUNING_RATES,
    WITNESSED,
    fine_tuning_config,
    predicted,
    pretraining_config,
    tried,
    updates,
)
from .probes import feature_accuracy, most_frequent, word_accuracy

Start = tuple[str, int, Arrays]  # of fine-tuning: side, seed, and the encoder's weights
Job = tuple[str, Callable[[], Run]]  # an arm or a task, and what makes a run of it


def measure(lab: Lab) -> None:
    """Every arm before, then every task after, each at a rate of its own."""
    measure_rates(lab)
    starts = measure_pretraining(lab)
    measure_tuning_rates(lab, {arm: models[0][2] for arm, models in starts.items()})
    measure_fine_tuning(lab, starts)


def witnesses(lab: Lab) -> list[int]:
    """PyTorch's seeds."""
    return [FIRST_WITNESS + seed for seed in lab.seeds(SEEDS)]


# ---- before any task -------------------------------------------------------------------------------------------------
def measure_rates(lab: Lab) -> None:
    """Every arm's validation loss in nats a predicted token, until the best rate lies between two others."""
    losses = {arm: rate_losses(lab, arm) for arm in ARMS}
    lab.save("rates", {"losses": losses}, tried("bert", RATES[0], lab.quick))


def rate_losses(lab: Lab, arm: str) -> dict[str, float]:
    """One arm's losses by rate."""
    return lab.bracket(
        lambda rate: tried(arm, rate, lab.quick), RATES, f"rate of {arm}",
        lambda run: lab.evaluate(run, "validation")["loss"],
    )  # fmt: skip


def measure_pretraining(lab: Lab) -> dict[str, list[Start]]:
    """Every arm on both sides, side by side; where fine-tuning goes on from each run."""
    rates = {arm: best_rate(losses) for arm, losses in lab.results("rates")["losses"].items()}
    jobs = [pretraining_job(lab, arm, rates[arm], seed, "torch") for arm in WITNESSED for seed in witnesses(lab)]
    jobs += [pretraining_job(lab, arm, rates[arm], seed, "numpy") for arm in ARMS for seed in lab.seeds(SEEDS)]
    runs = made(lab, jobs)
    config = pretraining_config("bert", quick=lab.quick)
    records = {arm: [record(run) for run in found] for arm, found in runs.items()}
    asked = {arm: predicted(found[0].config) for arm, found in runs.items()}
    lab.save("pretraining", {"runs": records, "predicted": asked, "most frequent": most_frequent(config)}, config)
    starts = {arm: [start(lab, run) for run in runs[arm]] for arm in ARMS}
    return starts | {SCRATCH: untrained(lab)}


def pretraining_job(lab: Lab, arm: str, rate: float, seed: int, side: str) -> Job:
    """One run, looked at once, when it is done."""
    config = pretraining_config(arm, rate, seed, quick=lab.quick)
    look, steps = partial(probe, lab, config, side), updates(config)
    label = f"pre-training {arm}"
    call = partial(lab.train, config, seed, side, label, evaluate=look, every=steps, at_end=("test",))
    return arm, call


def probe(lab: Lab, config: BertConfig, side: str, model: Any) -> dict[str, float]:
    """Words found where they are hidden and where they are shown; classes found from frozen features."""
    if side != "numpy":
        engine = lab.side("numpy")
        ours = engine.build(config)
        engine.load(ours, lab.side(side).state(model))
        model = ours
    labelled = fine_tuning_config(SCRATCH, 1.0, config.seed, lab.quick).items
    return {
        "hidden": word_accuracy(model, config, hide=True),
        "shown": word_accuracy(model, config, hide=False),
        "features": feature_accuracy(model, config, labelled),
    }


def start(lab: Lab, run: Run) -> Start:
    """Where fine-tuning goes on: the encoder, and its pooler where there is one, but no head."""
    return run.side, run.seed, encoder_of(lab.side(run.side).state(run.model))


def encoder_of(weights: Arrays) -> Arrays:
    """What fine-tuning takes over."""
    return {name: value for name, value in weights.items() if name.startswith("bert.")}


def untrained(lab: Lab) -> list[Start]:
    """What starts from nothing, under the seeds of both sides."""
    ours: list[Start] = [("numpy", seed, {}) for seed in lab.seeds(SEEDS)]
    return [*ours, *(("torch", seed, {}) for seed in witnesses(lab))]


# ---- for a task ------------------------------------------------------------------------------------------------------
def measure_tuning_rates(lab: Lab, weights: dict[str, Arrays]) -> None:
    """Every task's accuracy on validation sentences, from the engine's first model, until the best rate is inside."""
    accuracy = {task: tuning_accuracies(lab, task, weights[arm]) for task, arm in TASKS.items()}
    config = fine_tuning_config(SCRATCH, TUNING_RATES[0], quick=lab.quick)
    lab.save("tuning-rates", {"accuracy": accuracy}, config)


def tuning_accuracies(lab: Lab, task: str, weights: Arrays) -> dict[str, float]:
    """One task's accuracies by rate."""
    return lab.bracket(
        lambda rate: fine_tuning_config(task, rate, SWEEP_SEED, lab.quick), TUNING_RATES, f"tuning rate of {task}",
        lambda run: lab.evaluate(run, "validation")["accuracy"], largest=True, weights=weights,
    )  # fmt: skip


def measure_fine_tuning(lab: Lab, starts: dict[str, list[Start]]) -> None:
    """Every task with its best rate, once from each model; and what naive Bayes makes of the same sentences."""
    rates = {task: best_rate(found, largest=True) for task, found in lab.results("tuning-rates")["accuracy"].items()}
    runs = made(lab, [
        tuning_job(lab, task, rates[task], model)
        for task, arm in TASKS.items() for model in starts[arm] if task not in FEW or model[0] == "numpy"
    ])  # fmt: skip
    config = fine_tuning_config(SCRATCH, TUNING_RATES[0], quick=lab.quick)
    results = {
        "runs": {task: [record(run) for run in found] for task, found in runs.items()},
        "naive Bayes": {task: counted(runs[task]) for task in (SCRATCH, f"{SCRATCH}, few labels")},
        "classes": class_shares(config),
    }
    lab.save("fine-tuning", results, config)


def tuning_job(lab: Lab, task: str, rate: float, model: Start) -> Job:
    """One run from one model."""
    side, seed, weights = model
    config, label = fine_tuning_config(task, rate, seed, lab.quick), f"fine-tuning {task}"
    return task, partial(lab.train, config, seed, side, label, weights=weights, at_end=("test",))


def counted(runs: list[Run]) -> dict[str, list[float]]:
    """What naive Bayes gets from the labelled sentences of each of these runs, by side."""
    sides = ("numpy", "torch")
    return {side: [naive_bayes.accuracy(run.config) for run in runs if run.side == side] for side in sides}


def class_shares(config: BertConfig) -> dict[str, float]:
    """Percent of the test sentences in each class."""
    names, labels = data.dataset(config, "test").classes, data.encoded(config, "test").label
    return {name: 100 * float((labels == number).mean()) for number, name in enumerate(names)}


# ---- runs ------------------------------------------------------------------------------------------------------------
def made(lab: Lab, jobs: list[Job]) -> dict[str, list[Run]]:
    """All runs, side by side, by arm or task; the engine's stand first."""
    found: dict[str, list[Run]] = {}
    for (name, _), run in zip(jobs, lab.together([call for _, call in jobs]), strict=True):
        found.setdefault(name, []).append(run)
    return {name: sorted(runs, key=lambda run: run.side) for name, runs in found.items()}


def record(run: Run) -> Record:
    """A run's record with means for its loss curve."""
    return run.record("train_metrics") | {"losses": thinned(run.losses)}


def thinned(losses: list[float]) -> list[float]:
    """At most 200 means over as many steps each."""
    width = -(-len(losses) // 200)
    return [float(np.mean(losses[first : first + width])) for first in range(0, len(losses), width)]


if __name__ == "__main__":
    as_command("bert")
