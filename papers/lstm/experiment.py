"""The claims of LSTM: long time lags, the embedded Reber grammar, language models, and where the gradients go.

tinygrad-lab claims lstm
"""

from dataclasses import asdict, replace
from typing import Any

from papers.lstm import figures as drawing
from papers.lstm import inference
from papers.lstm.config import VARIANTS, LSTMConfig
from papers.lstm.probes import error_by_lag
from papers.lstm.verdicts import best_rate, claims, summary, tables
from tinygrad_lab.data import available
from tinygrad_lab.random import generator

__all__ = ["claims", "figures", "measure", "summary", "tables"]

RATES = (3e-3, 1e-2, 3e-2)
SWEEP_SEED = 100  # learning rates are chosen with a seed that no comparison uses

# name -> what an arm changes; the plain layer has no fewer parameters than the others
ADDING_ARMS: dict[str, dict[str, Any]] = {
    "1997": {"cell": "1997", "hidden": 32},
    "2000, forget bias 5": {"cell": "2000", "hidden": 32, "forget_bias": 5.0},
    "2000, forget bias 1": {"cell": "2000", "hidden": 32},
    "rnn": {"cell": "rnn", "hidden": 64},
}
# T, the shortest length -> the arms: all, and the longest way only the paper's cell and the baseline
LAGS: dict[int, tuple[str, ...]] = {lag: tuple(ADDING_ARMS) for lag in (20, 50, 100)} | {200: ("1997", "rnn")}
SWEEP_LAG = 50
ADDING_STEPS = 2500
ADDING_CHECK = 250  # steps between two looks at the test sequences
SOLVED = 99.0  # percent of the test sequences answered correctly

REBER_ARMS: dict[str, dict[str, Any]] = {  # about as many parameters each, as the paper's 264 to 276
    "1997": {"cell": "1997", "hidden": 5},
    "2000": {"cell": "2000", "hidden": 5},
    "rnn": {"cell": "rnn", "hidden": 11},
}
REBER_EPOCHS = 50  # of 256 strings, one at a time

TEXT_ARMS: dict[str, dict[str, Any]] = {  # about as many parameters each
    "2000": {"cell": "2000", "hidden": 128},
    "rnn": {"cell": "rnn", "hidden": 263},
}
TEXTS = {"timemachine": 15, "tinyshakespeare": 3}  # passes: about as many steps each
STAND_IN = {"topics": 6}
TEXT_RATES = (3e-3, 1e-2)


# ---- what each experiment trains -------------------------------------------------------------------------------------


def adding_config(arm: str, lag: int, rate: float, quick: bool) -> LSTMConfig:
    """An epoch is what is trained between two looks."""
    config = replace(VARIANTS["adding"]["small"], length=lag, learning_rate=rate, **ADDING_ARMS[arm])
    steps, check = (20, 10) if quick else (ADDING_STEPS, ADDING_CHECK)
    return replace(config, items=check * config.batch_size, epochs=steps // check)


def reber_config(arm: str, rate: float, seed: int, quick: bool) -> LSTMConfig:
    """Online, as in the paper."""
    config = replace(VARIANTS["reber"]["small"], batch_size=1, learning_rate=rate, seed=seed, **REBER_ARMS[arm])
    return replace(config, batch_size=64, epochs=2) if quick else replace(config, epochs=REBER_EPOCHS)


def text_config(arm: str, dataset: str, rate: float, quick: bool) -> LSTMConfig:
    """One layer, windows of 64 characters."""
    config = replace(VARIANTS["2000"]["small"], embedding=64, dataset=dataset, learning_rate=rate, **TEXT_ARMS[arm])
    return replace(config, hidden=8, length=500, epochs=1) if quick else replace(config, epochs=texts()[dataset])


def texts() -> dict[str, int]:
    """The texts there are, and how many passes are made over them."""
    return {name: passes for name, passes in TEXTS.items() if available(name)} or STAND_IN


# ---- running them ----------------------------------------------------------------------------------------------------


def measure(lab: Any) -> None:
    """Everything, saved piece by piece."""
    measure_adding(lab)
    measure_reber(lab)
    measure_text_rates(lab)
    for dataset in texts():
        measure_text(lab, dataset)


def until_solved(lab: Any, config: LSTMConfig, seed: int, goal: float, label: str, side: str = "numpy") -> dict:
    """Train until ``goal`` percent of the test items (of the Reber grammar, of the training items too) are right.

    Returns:
        What happened after every epoch, whether and after how many sequences it was solved, and the model.
    """
    bench = lab.side(side)
    model = bench.build(config, seed)
    if side == "torch":
        engine = lab.side("numpy")
        bench.load(model, engine.state(engine.build(config, seed)))
    batches = lab.data.training_batches(config, generator(seed))
    optimizer, scheduler = bench.optimizer(model, config, config.epochs * len(batches))
    splits = ("train", "test") if config.task == "reber" else ("test",)
    history: list[dict[str, float]] = []
    solved = False
    while not solved and len(history) < config.epochs:
        list(bench.train(model, optimizer, scheduler, batches))
        found = [bench.evaluate(model, lab.data.evaluation_batches(config, split)) for split in splits]
        history.append(found[-1] | {"correct": min(metrics["correct"] for metrics in found)})
        solved = history[-1]["correct"] >= goal
    sequences = len(history) * batches.items
    lab.log(f"{label} seed {seed} ({side}): {history[-1]['correct']:.1f} % after {sequences:,} sequences")
    return {
        "side": side, "seed": seed, "solved": solved, "sequences": sequences, "history": history, "model": model,
        "learning_rate": config.learning_rate,
    }  # fmt: skip


def record(trial: dict[str, Any]) -> dict[str, Any]:
    """A trial without its model."""
    return {name: value for name, value in trial.items() if name != "model"}


def measure_adding(lab: Any) -> None:
    """Every arm at every lag, with the learning rate that was best for it at one of them."""
    sweep: dict[str, dict[str, Any]] = {arm: {} for arm in ADDING_ARMS}
    for arm in ADDING_ARMS:
        for rate in RATES:
            config = adding_config(arm, SWEEP_LAG, rate, lab.quick)
            trial = until_solved(lab, config, SWEEP_SEED, SOLVED, f"adding {arm}, learning rate {rate:g}")
            sweep[arm][f"{rate:g}"] = record(trial)
    config = adding_config("1997", SWEEP_LAG, RATES[0], lab.quick)
    lab.save("adding-rates", {"trials": sweep, "lag": SWEEP_LAG}, config)
    for lag, arms in list(LAGS.items())[: 2 if lab.quick else None]:
        measure_lag(lab, lag, arms)


def measure_lag(lab: Any, lag: int, arms: tuple[str, ...]) -> None:
    """Three seeds of every arm; at the lag of the sweep the first also on PyTorch, and the gradients by time lag."""
    trials: dict[str, list[dict[str, Any]]] = {}
    gradients: dict[str, Any] = {}
    configs: dict[str, Any] = {}
    for arm in arms:
        config = adding_config(arm, lag, best_rate(lab.results("adding-rates")["trials"][arm]), lab.quick)
        configs[arm] = asdict(config)
        runs = [until_solved(lab, config, seed, SOLVED, f"adding {arm}, T = {lag}") for seed in lab.seeds(3)]
        gradients[arm] = gradients_of(lab, config, runs[0]["model"])
        if lag == SWEEP_LAG and arm == "1997":
            runs.append(until_solved(lab, config, 0, SOLVED, f"adding {arm}, T = {lag}", side="torch"))
        trials[arm] = [record(run) for run in runs]
    lab.save(f"adding-{lag}", {"trials": trials, "gradients": gradients, "configs": configs}, config)


def gradients_of(lab: Any, config: LSTMConfig, trained: Any) -> dict[str, dict[str, list[float]]]:
    """Gradient norms by lag, before and after training, on the same sequences."""
    bench = lab.side("numpy")
    batch = lab.data.example_batch(replace(config, batch_size=256), generator(0))
    if config.task == "adding":
        longest = batch["length"] == batch["length"].max()
        batch = {name: value[longest] if name != "count" else value for name, value in batch.items()}
    tensors = bench.batch(batch)
    return {"untrained": error_by_lag(bench.build(config, 0), tensors), "trained": error_by_lag(trained, tensors)}


def measure_reber(lab: Any) -> None:
    """A learning rate for every arm, then many trials, each with strings of its own."""
    rates: dict[str, dict[str, Any]] = {}
    trials: dict[str, list[dict[str, Any]]] = {}
    kept: dict[str, Any] = {}
    for arm in REBER_ARMS:
        rates[arm] = {}
        for rate in RATES:
            config = reber_config(arm, rate, SWEEP_SEED, lab.quick)
            label = f"reber {arm}, learning rate {rate:g}"
            rates[arm][f"{rate:g}"] = record(until_solved(lab, config, SWEEP_SEED, 100.0, label))
        best = best_rate(rates[arm])
        configs = {seed: reber_config(arm, best, seed, lab.quick) for seed in lab.seeds(6)}
        runs = [until_solved(lab, config, seed, 100.0, f"reber {arm}") for seed, config in configs.items()]
        if arm == "1997":
            runs.append(until_solved(lab, configs[0], 0, 100.0, f"reber {arm}", side="torch"))
        trials[arm] = [record(run) for run in runs]
        parameters = sum(parameter.numel() for parameter in runs[0]["model"].parameters())
        kept[arm] = asdict(configs[0]) | {"parameters": parameters}
    lab.save("reber", {"rates": rates, "trials": trials, "configs": kept}, configs[0])


def measure_text_rates(lab: Any) -> None:
    """Bits per character on the first text at every learning rate, one seed."""
    dataset = next(iter(texts()))
    bits: dict[str, dict[str, float]] = {}
    for arm in TEXT_ARMS:
        configs = {f"{rate:g}": text_config(arm, dataset, rate, lab.quick) for rate in TEXT_RATES}
        runs = {rate: lab.train(config, SWEEP_SEED, label=f"{arm}, {rate}") for rate, config in configs.items()}
        bits[arm] = {rate: run.metrics["bits"] for rate, run in runs.items()}
    lab.save("text-rates", {"bits": bits, "dataset": dataset}, configs[f"{TEXT_RATES[0]:g}"])


def measure_text(lab: Any, dataset: str) -> None:
    """Three seeds of both arms, the first LSTM also on PyTorch; a sample of each arm, and its gradients by time lag."""
    found: dict[str, Any] = {"runs": {}, "samples": {}, "gradients": {}}
    for arm in TEXT_ARMS:
        bits = lab.results("text-rates")["bits"][arm]
        config = text_config(arm, dataset, float(min(bits, key=bits.__getitem__)), lab.quick)
        runs = [lab.train(config, seed, label=f"{arm}, {dataset}", each_epoch=True) for seed in lab.seeds(3)]
        found["samples"][arm] = sample(lab, runs[0])
        found["gradients"][arm] = gradients_of(lab, config, runs[0].model)
        if arm == "2000":
            runs.append(lab.train(config, 0, side="torch", label=f"{arm}, {dataset}"))
        found["runs"][arm] = [run.record() for run in runs]
    lab.save(f"text-{dataset}", found, config)


PROMPTS = {"timemachine": "The Time Traveller", "tinyshakespeare": "ROMEO:\n", "topics": "The "}


def sample(lab: Any, run: Any) -> str:
    """What the trained network writes."""
    options = replace(inference.OPTIONS, length=400)

    def search(tokens: list[int], options: Any) -> Any:
        return lab.side("numpy").search(run.model, run.config, tokens, options)

    return "".join(inference.generate(search, run.config, PROMPTS[run.config.dataset], options, {}))


def figures(lab: Any) -> None:
    """Every picture whose results are there."""
    drawing.lags(lab)
    drawing.reber(lab)
    drawing.text(lab)
    drawing.gradients(lab)


if __name__ == "__main__":
    import runpy
    import sys

    sys.argv = ["tinygrad-lab", "claims", "lstm", *sys.argv[1:]]
    runpy.run_module("tinygrad_lab", run_name="__main__")
