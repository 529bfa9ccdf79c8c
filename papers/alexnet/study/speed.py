"""Figure 1: ReLUs against tanh units, each at its own learning rate and from its own initial weights."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

from tinygrad_lab.fit import Look, Metrics
from tinygrad_lab.study import SWEEP_SEED, Lab, Record, best_rate

from ..config import VARIANTS, AlexNetConfig
from .images import FIRST_WITNESS, SEEDS, on_images

UNITS = {"relu": "2012", "tanh": "tanh"}  # the name of a curve -> the variant
# A start that saturates no unit: biases of 0 and pixels of a sixteenth; the spread of its weights is tuned.
PALE: dict[str, Any] = {"init_bias": 0.0, "pixel_scale": 16.0}
ITEMS = 10_000  # no image is seen more than a few times, so that training error is speed and not memory

RATES = (0.01, 0.03, 0.1)  # of a unit whose best is at an end further ones
SPREADS = (0.04, 0.08, 0.16)  # standard deviations of the initial weights; the first is the small network's
FIRST_SPREAD = 0.08  # with which a rate is chosen to try the spreads at; then the rates are tried again
TRIAL_EPOCHS = 1  # 79 updates: about what ReLUs need to the level

LEVEL, LAST_LEVEL = 25.0, 20.0  # percent of training errors: the paper's, and where a curve ends
STEPS, EVERY = 300, 10  # of a curve, about three times what ReLUs need; and between two of its points
SHOWN = 1000  # training images that a point is measured on

Job = tuple[str, str, str, Callable[[], list[float]]]  # comparison, unit, side, and what makes a curve


# ---- what is trained -------------------------------------------------------------------------------------------------
def configuration(unit: str, start: Record, rate: float, seed: int, quick: bool) -> AlexNetConfig:
    """A network of figure 1: no regularisation of any kind, a constant learning rate."""
    small = replace(VARIANTS[UNITS[unit]]["small"], epochs=TRIAL_EPOCHS, divisions=0)
    bare = replace(small, drop=0.0, weight_decay=0.0)
    plain = replace(on_images(bare, ITEMS, seed, quick), crops=False, flips=False)
    return replace(plain, learning_rate=rate, **start)


def with_spread(spread: float) -> Record:
    """The start that saturates nothing, with weights of that spread."""
    return {**PALE, "init_std": spread}


# ---- tuning ----------------------------------------------------------------------------------------------------------
def measure_starts(lab: Lab) -> None:
    """Held-out errors of short runs of both units: by rate from the paper's start, then by spread and rate."""
    errors = {unit: tuned(lab, unit) for unit in UNITS}
    lab.save("starts", {"errors": errors}, configuration("relu", {}, RATES[0], SWEEP_SEED, lab.quick))


def tuned(lab: Lab, unit: str) -> dict[str, dict[str, float]]:
    """One unit's errors: "paper" and "tuned" by rate, the latter with the best of "spreads"."""
    paper = by_rate(lab, unit, {}, "paper")
    rate = best_rate(by_rate(lab, unit, with_spread(FIRST_SPREAD), f"weights of {FIRST_SPREAD:g}"))
    spreads = lab.bracket(
        lambda spread: configuration(unit, with_spread(spread), rate, SWEEP_SEED, lab.quick),
        SPREADS, f"spread for {unit}", partial(held_out_error, lab),
    )  # fmt: skip
    spread = best_rate(spreads)
    again = by_rate(lab, unit, with_spread(spread), f"weights of {spread:g}")
    return {"paper": paper, "spreads": spreads, "tuned": again}


def by_rate(lab: Lab, unit: str, start: Record, name: str) -> dict[str, float]:
    """Errors of one unit from one start, by rate."""
    return lab.bracket(
        lambda rate: configuration(unit, start, rate, SWEEP_SEED, lab.quick),
        RATES, f"rate of {unit}, {name}", partial(held_out_error, lab),
    )  # fmt: skip


def held_out_error(lab: Lab, run: Any) -> float:
    """What rates and spreads are chosen by."""
    return lab.evaluate(run, "validation")["error"]


def chosen(results: Record, unit: str, comparison: str) -> Record:
    """The start and the rate of a unit's curves; the comparison is "paper" or "tuned"."""
    errors = results["errors"][unit]
    start = with_spread(best_rate(errors["spreads"])) if comparison == "tuned" else {}
    return {"start": start, "rate": best_rate(errors[comparison])}


# ---- the curves ------------------------------------------------------------------------------------------------------
def measure_speed(lab: Lab) -> None:
    """Training error by step of both units: from the paper's start, and with start and rate tuned for each."""
    jobs = [*witness_jobs(lab), *engine_jobs(lab)]
    curves = lab.together([call for *_, call in jobs])
    found: dict[str, dict[str, dict[str, list[list[float]]]]] = {}
    for (comparison, unit, side, _), curve in zip(jobs, curves, strict=True):
        found.setdefault(comparison, {}).setdefault(unit, {}).setdefault(side, []).append(curve)
    budget = {"steps": steps(lab), "every": EVERY, "level": LEVEL}
    lab.save("speed", {"curves": found, **budget}, configuration("relu", {}, RATES[0], 0, lab.quick))


def engine_jobs(lab: Lab) -> list[Job]:
    """The engine's curves of both comparisons."""
    comparisons = ("paper", "tuned")
    return [job(lab, name, unit, seed, "numpy") for name in comparisons for unit in UNITS for seed in lab.seeds(SEEDS)]


def witness_jobs(lab: Lab) -> list[Job]:
    """PyTorch's curves of the fair comparison, under seeds that nothing else has."""
    seeds = [FIRST_WITNESS + seed for seed in lab.seeds(SEEDS)]
    return [job(lab, "tuned", unit, seed, "torch") for unit in UNITS for seed in seeds]


def job(lab: Lab, comparison: str, unit: str, seed: int, side: str) -> Job:
    """One curve."""
    settings = chosen(lab.results("starts"), unit, comparison)
    config = configuration(unit, settings["start"], settings["rate"], seed, lab.quick)
    return comparison, unit, side, partial(training_errors, lab, config, side, f"{unit}, {comparison}")


def training_errors(lab: Lab, config: AlexNetConfig, side: str, label: str) -> list[float]:
    """Errors in percent on the first training images every few steps, up to the last level or to the budget's end."""
    shown = list(islice(lab.data.evaluation_batches(config, "train"), -(-SHOWN // config.batch_size)))

    def evaluate(model: Any) -> Metrics:
        return {"error": lab.side(side).evaluate(model, shown)["error"]}

    run = lab.train(
        config, config.seed, side, label, steps=steps(lab), every=EVERY, evaluate=evaluate, until=arrived, at_end=()
    )
    return [metrics["error"] for metrics in run.history]


def arrived(look: Look) -> bool:
    """Whether a curve has all that is read off it."""
    return look.metrics["error"] <= LAST_LEVEL


def steps(lab: Lab) -> int:
    """The budget of a curve."""
    return 4 * EVERY if lab.quick else STEPS
