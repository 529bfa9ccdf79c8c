"""The claims of LSTM: long time lags, the embedded Reber grammar, language models, and where the gradients go.

tinygrad-lab claims lstm
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

from tinygrad_lab.fit import Metrics
from tinygrad_lab.random import generator
from tinygrad_lab.study import SWEEP_SEED, Lab, Record, Run, as_command, best_rate

from .. import inference
from ..config import LSTMConfig
from . import plan, probes


def measure(lab: Lab) -> None:
    """Run everything, and save it piece by piece."""
    for lag in plan.LAGS:
        measure_lag(lab, lag)
    for lag in plan.PLAIN_LAGS:
        measure_plain(lab, lag)
    measure_reber(lab)
    for dataset in list(plan.texts())[: 1 if lab.quick else None]:
        measure_text(lab, dataset)


# ---- learning rates --------------------------------------------------------------------------------------------------


def tried(lab: Lab, config_of: Callable[[float], LSTMConfig], label: str) -> dict[str, float]:
    """Every learning rate's score on validation data, with a seed that no trial has."""
    task = config_of(1.0).task
    rates, metric = plan.RATES[task][: 2 if lab.quick else None], plan.SCORES[task]
    return lab.bracket(config_of, rates, label, lambda run: lab.evaluate(run, "validation")[metric])


def adding_rates(lab: Lab, arm: str, lag: int) -> dict[str, float]:
    """Those of the arm at this length, or at the shorter one that speaks for it."""
    if lag in plan.TUNED:
        found: dict[str, float] = lab.results(f"adding-{plan.TUNED[lag]}")["rates"][arm]
        return found
    return tried(lab, lambda rate: plan.adding_config(arm, lag, rate, lab.quick), f"adding {arm}, T = {lag}")


def reber_rates(lab: Lab, arm: str) -> dict[str, float]:
    """Those of the arm after as many strings as the paper's best network needs."""

    def config_of(rate: float) -> LSTMConfig:
        return replace(plan.reber_config(arm, rate, lab.quick, plan.SWEEP_EPOCHS), seed=SWEEP_SEED)

    return tried(lab, config_of, f"reber {arm}")


def text_rates(lab: Lab, arm: str, dataset: str) -> dict[str, float]:
    """Those of the arm on the end of the training text, which it is not trained on."""

    def config_of(rate: float) -> LSTMConfig:
        return replace(plan.text_config(arm, dataset, rate, lab.quick), train_share=plan.TRAIN_SHARE)

    return tried(lab, config_of, f"{arm}, {dataset}")


# ---- trials that end when their task is solved -----------------------------------------------------------------------


@dataclass(frozen=True)
class Series:
    """Trials of one arm that differ in their seeds."""

    arm: str
    config: LSTMConfig
    seeds: list[int]
    side: str = "numpy"


def other_seeds(lab: Lab, count: int) -> list[int]:
    """Seeds that no other run has."""
    return [plan.OTHER_SEEDS + seed for seed in lab.seeds(count)]


def run_trials(lab: Lab, label: str, series: Sequence[Series]) -> list[list[Run]]:
    """All trials of several series, side by side."""
    runs = iter(
        lab.together(
            [
                partial(until_solved, lab, one.config, seed, f"{label}, {one.arm}", one.side)
                for one in series
                for seed in one.seeds
            ]
        )
    )
    return [list(islice(runs, len(one.seeds))) for one in series]


def until_solved(lab: Lab, config: LSTMConfig, seed: int, label: str, side: str = "numpy") -> Run:
    """Train until enough of the test items (of the Reber grammar, of the training items too) are right.

    The configuration gets the seed too, since the strings of the grammar depend on it.
    """
    config, bench = replace(config, seed=seed), lab.side(side)
    splits = ("train", "test") if config.task == "reber" else ("test",)
    seen = {split: lab.data.evaluation_batches(config, split) for split in splits}

    def look(model: Any) -> Metrics:
        found = [bench.evaluate(model, batches) for batches in seen.values()]
        return found[-1] | {"correct": min(metrics["correct"] for metrics in found)}

    return lab.train(config, seed, side, label, evaluate=look, until=lambda at: solved(config, at.metrics), at_end=())


def solved(config: LSTMConfig, metrics: Metrics) -> bool:
    """Whether enough of the items are right."""
    return metrics["correct"] >= plan.SOLVED[config.task]


def record(run: Run) -> Record:
    """What happened after every epoch, whether it was solved, and after how many sequences."""
    return {
        "side": run.side,
        "seed": run.seed,
        "solved": solved(run.config, run.history[-1]),
        "sequences": len(run.losses) * run.config.batch_size,
        "seconds": round(run.seconds, 1),
        "history": run.history,
    }


def measure_trials(
    lab: Lab, name: str, rates: dict[str, dict[str, float]], ours: Sequence[Series], theirs: Sequence[Series]
) -> list[list[Run]]:
    """Run and save the trials of all arms, and those that PyTorch makes of some under other seeds."""
    runs = run_trials(lab, name, [*theirs, *ours])
    others, trials = runs[: len(theirs)], runs[len(theirs) :]
    configs = {
        one.arm: asdict(one.config) | {"parameters": some[0].parameters} for one, some in zip(ours, trials, strict=True)
    }
    results = {
        "rates": rates,
        "configs": configs,
        "trials": {one.arm: [record(run) for run in some] for one, some in zip(ours, trials, strict=True)},
        "others": {one.arm: [record(run) for run in some] for one, some in zip(theirs, others, strict=True)},
    }
    lab.save(name, results, ours[0].config)
    return trials


# ---- the adding problem ----------------------------------------------------------------------------------------------


def measure_lag(lab: Lab, lag: int) -> None:
    """Run the adding problem with each of its arms; where a claim asks for it, on PyTorch too, and the gradients."""
    rates = {arm: adding_rates(lab, arm, lag) for arm in plan.LAGS[lag]}
    configs = {arm: plan.adding_config(arm, lag, best_rate(scores), lab.quick) for arm, scores in rates.items()}
    ours = [Series(arm, config, lab.seeds(plan.TRIALS[lag])) for arm, config in configs.items()]
    theirs = repeated(lab, lag, configs)
    runs = measure_trials(lab, f"adding-{lag}", rates, ours, theirs)
    if lag == plan.GRADIENT_LAG:
        shown = {
            one.arm: some[: plan.GRADIENT_SEEDS]
            for one, some in zip(ours, runs, strict=True)
            if one.arm in plan.CARRIERS
        }
        gradients = {arm: [gradients_of(lab, run) for run in some] for arm, some in shown.items()}
        lab.save("gradients", {"lag": lag, "gradients": gradients}, ours[0].config)


def repeated(lab: Lab, lag: int, configs: dict[str, LSTMConfig]) -> list[Series]:
    """The trials that PyTorch makes at this length."""
    arms = plan.REPEATED.get(lag, ())
    return [Series(arm, configs[arm], other_seeds(lab, plan.OTHER_TRIALS[lag]), "torch") for arm in arms]


def measure_plain(lab: Lab, lag: int) -> None:
    """Run the plain network for as long as any network of the paper, at rates that are tried for as long."""

    def config_of(rate: float) -> LSTMConfig:
        return plan.adding_config("rnn", lag, rate, lab.quick, plan.PLAIN_UPDATES)

    rates = tried(lab, config_of, f"plain network, T = {lag}")
    seeds = [plan.PLAIN_SEEDS + seed for seed in lab.seeds(plan.PLAIN_TRIALS[lag])]
    measure_trials(lab, f"plain-{lag}", {"rnn": rates}, [Series("rnn", config_of(best_rate(rates)), seeds)], [])


def gradients_of(lab: Lab, run: Run) -> dict[str, dict[str, list[float]]]:
    """Gradient norms by lag, before and after training, on the same sequences; in float64, since some are tiny."""
    bench, config = lab.side("numpy"), run.config
    batch = shown_batch(lab, config)
    if config.task == "adding":
        longest = batch["length"] == batch["length"].max()
        batch = {name: value[longest] if name != "count" else value for name, value in batch.items()}
    tensors = bench.batch(batch, "float64")
    models = {"untrained": bench.build(config, run.seed, "float64"), "trained": lab.on_engine(run).double()}
    return {when: _rounded(probes.error_by_lag(model, tensors)) for when, model in models.items()}


def _rounded(norms: dict[str, list[float]]) -> dict[str, list[float]]:
    """As many digits as are worth keeping."""
    return {part: [float(f"{value:.4g}") for value in values] for part, values in norms.items()}


def shown_batch(lab: Lab, config: LSTMConfig) -> Record:
    """256 sequences like those of training, or windows of the training text itself."""
    batch: Record = next(iter(lab.data.training_batches(replace(config, batch_size=256), generator(0))))
    return batch


# ---- the embedded Reber grammar --------------------------------------------------------------------------------------


def measure_reber(lab: Lab) -> None:
    """Run the trials of every arm, each with strings of its own; those of the cell of 1997 on PyTorch too."""
    rates = {arm: reber_rates(lab, arm) for arm in plan.REBER_ARMS}
    configs = {arm: plan.reber_config(arm, best_rate(scores), lab.quick) for arm, scores in rates.items()}
    ours = [Series(arm, config, lab.seeds(plan.REBER_TRIALS[arm])) for arm, config in configs.items()]
    theirs = [Series("1997", configs["1997"], other_seeds(lab, plan.OTHER_REBER_TRIALS), "torch")]
    measure_trials(lab, "reber", rates, ours, theirs)


# ---- text ------------------------------------------------------------------------------------------------------------


def measure_text(lab: Lab, dataset: str) -> None:
    """Train both arms, the first LSTM also on PyTorch; each arm writes, and shows its gradients."""
    rates = {arm: text_rates(lab, arm, dataset) for arm in plan.TEXT_ARMS}
    configs = {arm: plan.text_config(arm, dataset, best_rate(scores), lab.quick) for arm, scores in rates.items()}
    asked = [("2000", 0, "torch"), *((arm, seed, "numpy") for arm in configs for seed in lab.seeds(plan.TEXT_SEEDS))]
    made = lab.together(
        [
            partial(lab.train, configs[arm], seed, side, f"{arm}, {dataset}", each_epoch=True, at_end=("test",))
            for arm, seed, side in asked
        ]
    )
    runs = {arm: [run for (whose, *_), run in zip(asked, made, strict=True) if whose == arm] for arm in configs}
    records = {arm: [run.record("train_metrics") for run in some] for arm, some in runs.items()}
    ours = {arm: [run for run in some if run.side == "numpy"] for arm, some in runs.items()}
    samples = {arm: written(lab, some[0], dataset) for arm, some in ours.items()}
    results = {"rates": rates, "runs": records, "samples": samples, **seen_through_time(lab, ours)}
    lab.save(f"text-{dataset}", results, configs["2000"])


def written(lab: Lab, run: Run, dataset: str) -> str:
    """What a network writes after the text's prompt."""
    options = replace(inference.OPTIONS, length=400)
    return lab.sample(run.model, run.config, plan.PROMPTS[dataset], options)


def seen_through_time(lab: Lab, runs: dict[str, list[Run]]) -> Record:
    """The gradients of every run, and what explains them: its gates, or its recurrent weights."""
    sequence = lab.side("numpy").batch(shown_batch(lab, runs["2000"][0].config))["sequence"]
    return {
        "kept": [probes.kept_by_cell(run.model, sequence) for run in runs["2000"]],
        "eigenvalue": [probes.largest_eigenvalue(run.model) for run in runs["rnn"]],
        "gradients": {arm: [gradients_of(lab, run) for run in some] for arm, some in runs.items()},
    }


if __name__ == "__main__":
    as_command("lstm")
