"""The claims: heads, sizes of keys, positions, dropout, smoothing, warm-up; and the Luong model on the same data.

tinygrad-lab claims transformer
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from math import log
from typing import Any

import numpy as np

from tinygrad_lab import generator
from tinygrad_lab.data import available
from tinygrad_lab.fit import Metrics
from tinygrad_lab.study import SWEEP_SEED, Config, Lab, Record, Run, as_command, best_rate

from ...seq2seq_attention.study.looks import dates_right, phonemes_wrong
from ...seq2seq_attention.study.translating import SHOWN_WORDS, beams
from ..inference import prompts
from .arms import ARMS, bench_of, configuration, tried
from .maps import translated

SEEDS = 5  # of everything, as no run takes three minutes
WITNESSED = {  # what PyTorch trains too, by group
    "dates": ("sinusoidal", "luong", "no-positions", "narrow-keys"), "words": ("transformer", "luong"),
}  # fmt: skip
FIRST_WITNESS = 1000  # PyTorch's first seed; no other run has one from here on
LOOKS = 4  # at what a model writes, evenly over its training: on dates and words one after each pass
QUICK_RATES = 2
RATE_SEEDS = {"warm-up": 5}  # with which a rate is tried, if not one: seeds of six layers lie further apart than rates

Rates = dict[str, dict[str, float]]  # group -> arm -> the rate that was chosen


def measure(lab: Lab) -> None:
    """Everything; without CMUdict's files the dates alone."""
    groups = [group for group in ARMS if group != "words" or available("cmudict")]
    rates = measure_rates(lab, groups)
    measure_runs(lab, rates)
    measure_cost(lab, rates["dates"])


# ---- rates -----------------------------------------------------------------------------------------------------------
def measure_rates(lab: Lab, groups: list[str]) -> Rates:
    """Every arm's score on validation pairs at every rate, until the best lies between two others."""
    scores = {group: {name: rate_scores(lab, group, name) for name in ARMS[group]} for group in groups}
    lab.save("rates", {"scores": scores}, tried(lab, ARMS["dates"]["sinusoidal"], 1.0))
    return {group: {name: best_rate(found) for name, found in of_group.items()} for group, of_group in scores.items()}


def rate_scores(lab: Lab, group: str, name: str) -> dict[str, float]:
    """One arm's scores by rate."""
    arm = ARMS[group][name]
    bench = bench_of(lab, arm)
    rates = arm.rates[:QUICK_RATES] if lab.quick else arm.rates
    seeds = [SWEEP_SEED + seed for seed in range(1 if lab.quick else RATE_SEEDS.get(group, 1))]

    def means(rates: Sequence[float]) -> dict[str, float]:
        configs = {rate: tried(bench, arm, rate) for rate in rates}
        label, score = f"rate of {group}, {name}", partial(lost, bench, group)
        found = [bench.sweep(configs, label, score, seed) for seed in seeds]
        return {rate: float(np.mean([scores[rate] for scores in found])) for rate in found[0]}

    return bench.widened(means, rates)


def lost(bench: Lab, group: str, run: Run) -> float:
    """What is to be small on validation pairs: the share of tokens predicted wrong, or nats a token of six layers."""
    found = bench.evaluate(run, "validation")
    return log(found["perplexity"]) if group == "warm-up" else 100 - found["forced accuracy"]


# ---- the runs that are judged ----------------------------------------------------------------------------------------
def measure_runs(lab: Lab, rates: Rates) -> None:
    """All of them, on both sides and side by side, PyTorch's first, as they take longest; each group into its file."""
    jobs = [*witness_jobs(lab, rates), *engine_jobs(lab, rates)]
    made = lab.together([call for *_, call in jobs])
    found: dict[str, dict[str, list[Run]]] = {}
    for (group, name, _), run in zip(jobs, made, strict=True):
        found.setdefault(group, {}).setdefault(name, []).append(run)
    for group, arms in found.items():
        records = {name: [run.record() for run in runs] for name, runs in arms.items()}
        lab.save(group, {"runs": records}, configuration(lab, next(iter(ARMS[group].values())), 1.0))
    measure_shown(lab, found)


Job = tuple[str, str, Callable[[], Run]]  # group, arm, and what makes the run


def witness_jobs(lab: Lab, rates: Rates) -> list[Job]:
    """PyTorch's runs, under seeds that nothing else has."""
    seeds = [FIRST_WITNESS + seed for seed in lab.seeds(SEEDS)]
    arms = [(group, name) for group in rates for name in WITNESSED.get(group, ())]
    return [(group, name, call) for group, name in arms for call in calls(lab, group, name, rates, seeds, "torch")]


def engine_jobs(lab: Lab, rates: Rates) -> list[Job]:
    """The engine's runs of every arm."""
    arms = [(group, name) for group in rates for name in ARMS[group]]
    return [(group, name, call) for group, name in arms for call in calls(lab, group, name, rates, lab.seeds(SEEDS))]


def calls(
    lab: Lab, group: str, name: str, rates: Rates, seeds: list[int], side: str = "numpy"
) -> list[Callable[[], Run]]:
    """One run for each seed, looked at while it trains."""
    arm = ARMS[group][name]
    bench = bench_of(lab, arm)
    config = configuration(bench, arm, rates[group][name])
    look = LOOK[group](bench, side, config)
    every = max(1, config.epochs * len(bench.data.training_batches(config, generator(0))) // LOOKS)
    at_end = ("test", "train") if group == "few-dates" else ("test",)
    run = partial(bench.train, config, side=side, label=f"{group}, {name}", evaluate=look, every=every, at_end=at_end)
    return [partial(run, seed=seed) for seed in seeds]


def nats_left(lab: Lab, side: str, config: Config) -> Callable[[Any], Metrics]:
    """What finds the loss on test pairs, in nats a token."""

    def look(model: Any) -> Metrics:
        return {"nats": log(lab.side(side).evaluate(model, lab.data.evaluation_batches(config, "test"))["perplexity"])}

    return look


LOOK = {"dates": dates_right, "few-dates": dates_right, "words": phonemes_wrong, "warm-up": nats_left}


# ---- what is shown of them -------------------------------------------------------------------------------------------
def measure_shown(lab: Lab, runs: dict[str, dict[str, list[Run]]]) -> None:
    """What the default with seed 0 looks at while it writes, and whether more beams write more dates right."""
    first = on_the_engine(runs["dates"]["sinusoidal"])
    shown: Record = {
        "dates": maps(lab, first, prompts(first.config)[:2]),
        "beams": {str(width): dates_right(lab, "numpy", first.config, width)(first.model) for width in (1, 4)},
    }
    if "words" in runs:
        shown["words"] = maps(lab, on_the_engine(runs["words"]["transformer"]), SHOWN_WORDS)
    lab.save("shown", shown, first.config)


def on_the_engine(runs: list[Run]) -> Run:
    """The first of an arm's runs that PyTorch did not make."""
    return next(run for run in runs if run.side == "numpy")


def maps(lab: Lab, run: Run, texts: tuple[str, ...] | list[str]) -> list[Record]:
    """Translations and what each head looks at for them."""
    return [translated(run.model, run.config, text, beams(lab, 1)) for text in texts]


# ---- time ------------------------------------------------------------------------------------------------------------
def measure_cost(lab: Lab, rates: dict[str, float]) -> None:
    """Processor time of a pass over the dates, on each side; in turns, so that neither model has a busier machine."""
    seconds = {side: seconds_a_pass(lab, rates, side) for side in ("numpy", "torch")}
    lab.save("cost", {"seconds": seconds}, configuration(lab, ARMS["dates"]["sinusoidal"], 1.0))


def seconds_a_pass(lab: Lab, rates: dict[str, float], side: str) -> dict[str, list[float]]:
    """Those of both models on one side, some times each."""
    both = {name: ARMS["dates"][name] for name in ("luong", "sinusoidal")}
    benches = {name: bench_of(lab, arm) for name, arm in both.items()}
    configs = {name: configuration(benches[name], arm, rates[name]) for name, arm in both.items()}
    loops = {name: benches[name].steps(config, side) for name, config in configs.items()}
    taken: dict[str, list[float]] = {name: [] for name in loops}
    for loop in loops.values():
        next(loop)  # the first step builds model and data
    for _ in range(2 if lab.quick else 8):
        for name, loop in loops.items():
            start, steps = time.process_time(), 2 if lab.quick else 40
            for _ in islice(loop, steps):
                pass
            passed = steps * configs[name].batch_size / configs[name].train_items
            taken[name].append((time.process_time() - start) / passed)
    return taken


if __name__ == "__main__":
    as_command("transformer")
