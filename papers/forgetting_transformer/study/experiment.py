"""The claims of the Forgetting Transformer: language models with gates, positions, both or neither; needles; costs.

tinygrad-lab claims forgetting_transformer
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from tinygrad_lab.fit import Metrics
from tinygrad_lab.study import Lab, Record, Run, as_command, best_rate

from .. import inference
from ..config import FoXConfig
from . import costs, needles
from .arms import (
    FIRST_WITNESS,
    LONG,
    NEEDLES,
    OPEN,
    RATES,
    ROTARY,
    SEEDS,
    TEXT,
    TRIALS,
    configuration,
    shortened,
    tried,
)
from .far import PRUNING, far_look, gates_of

# study -> arms that PyTorch trains too, under seeds of its own
WITNESSED = {"text": ("FoX (LLaMA)", "Transformer (LLaMA)"), "stale": (OPEN, ROTARY)}
SAMPLED = ("FoX (LLaMA)", "FoX (Pro)")  # whose first seed writes
ARMS = {"text": tuple(TEXT), "long": LONG, **NEEDLES}  # of every study
Job = tuple[str, str, Callable[[], Run]]  # study, arm, and what makes the run


# ---- running it ------------------------------------------------------------------------------------------------------
def measure(lab: Lab) -> None:
    """Run everything; costs first, while nothing else runs."""
    measure_costs(lab)
    measure_rates(lab)
    measure_runs(lab)


def measure_costs(lab: Lab) -> None:
    """Time and memory by length: of the attention forward and backward, and of writing a token."""
    config = configuration("text", "FoX (LLaMA)")
    results = {
        "attention": costs.attention(costs.LENGTHS[: 1 if lab.quick else None], PRUNING),
        "writing": costs.writing(config, costs.WRITTEN[: 1 if lab.quick else None]),
    }
    lab.save("costs", results, config)


def measure_rates(lab: Lab) -> None:
    """Every arm's loss on data that is neither trained on nor judged, until the best rate lies between two others."""
    losses = {named(study, arm): rate_losses(lab, study, arm) for study, arms in ARMS.items() for arm in arms}
    lab.save("rates", {"losses": losses}, tried("text", "FoX (LLaMA)", RATES[0], lab.quick))


def rate_losses(lab: Lab, study: str, arm: str) -> dict[str, float]:
    """One arm's losses by rate."""
    place = bench(lab, study)
    return place.bracket(
        lambda rate: tried(study, arm, rate, lab.quick), RATES, f"rate of {named(study, arm)}",
        lambda run: place.evaluate(run, "validation")["loss"],
    )  # fmt: skip


def named(study: str, arm: str) -> str:
    """An arm's name among all rates."""
    return f"{arm} ({study})"


def bench(lab: Lab, study: str) -> Lab:
    """Where a study is run: needles are the study's own data, for the paper's models and loop."""
    if study not in NEEDLES:
        return lab
    place = lab.beside("forgetting_transformer")
    place.data = needles
    return place


def measure_runs(lab: Lab) -> None:
    """All runs that are judged, on both sides and side by side, the longest first; then what the first ones show."""
    jobs = [job for study in ("long", "text", "stale", "far") for job in jobs_of(lab, study)]
    runs = lab.together([call for *_, call in jobs])
    for study, arms in ARMS.items():
        found = {arm: [run for (of, name, _), run in zip(jobs, runs, strict=True) if (of, name) == (study, arm)]
                 for arm in arms}  # fmt: skip
        records: Record = {"runs": {arm: [run.record() for run in made] for arm, made in found.items()}}
        records |= shown(
            lab, study, {arm: next(run for run in made if run.side == "numpy") for arm, made in found.items()}
        )
        bench(lab, study).save(study, records, configuration(study, arms[0]))


def jobs_of(lab: Lab, study: str) -> list[Job]:
    """A study's runs on both sides."""
    seeds = lab.seeds(TRIALS if study in NEEDLES else SEEDS)
    witnesses = [
        job(lab, study, arm, FIRST_WITNESS + seed, "torch") for arm in WITNESSED.get(study, ()) for seed in seeds
    ]
    return [*witnesses, *(job(lab, study, arm, seed, "numpy") for arm in ARMS[study] for seed in seeds)]


def job(lab: Lab, study: str, arm: str, seed: int, side: str) -> Job:
    """One run at its arm's best rate."""
    config = rated(lab, study, arm)
    call = partial(
        bench(lab, study).train, config, seed, side, named(study, arm), each_epoch=study == "text",
        evaluate=look_of(lab, study, config, side), at_end=("test",),
    )  # fmt: skip
    return study, arm, call


def look_of(lab: Lab, study: str, config: FoXConfig, side: str) -> Callable[[Any], Metrics] | None:
    """What is found of a model besides its test loss: much of long windows, of needles the loss as in training."""
    if study not in NEEDLES:
        return far_look(lab, config) if study == "long" else None
    place = bench(lab, study)
    within = place.data.evaluation_batches(config, "validation")
    return lambda model: place.side(side).evaluate(model, within)


def rated(lab: Lab, study: str, arm: str) -> FoXConfig:
    """An arm at the best of its rates."""
    rate = best_rate(lab.results("rates")["losses"][named(study, arm)])
    return shortened(replace(configuration(study, arm), learning_rate=rate), lab.quick)


# ---- what trained models show ----------------------------------------------------------------------------------------
def shown(lab: Lab, study: str, first: dict[str, Run]) -> Record:
    """Of short windows what models write, of long ones their gates along a text."""
    if study == "text":
        return {"samples": {arm: sample(lab, first[arm]) for arm in SAMPLED}}
    return {"gates": gates_of(lab, first[OPEN])} if study == "long" else {}


def sample(lab: Lab, run: Run) -> str:
    """Three windows of text, written by a model."""
    options = replace(inference.OPTIONS, length=3 * run.config.length)
    return lab.sample(run.model, run.config, inference.prompts(run.config)[0], options)


if __name__ == "__main__":
    as_command("forgetting_transformer")
