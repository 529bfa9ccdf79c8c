"""The claims of Mamba: selective copying, induction heads, a small language model, what writing and scanning cost.

tinygrad-lab claims mamba
"""

import math
from dataclasses import asdict, replace
from typing import Any

from papers.mamba import inference
from papers.mamba.config import VARIANTS, MambaConfig
from papers.mamba.study import probes
from papers.mamba.study.neighbours import NEIGHBOURS, nats_a_character, neighbour_config
from papers.mamba.study.verdicts import ARMS, LENGTHS, POSITIONS, SOLVED, best_rate
from tinygrad_lab.data import available
from tinygrad_lab.random import generator
from tinygrad_lab.study import Lab, as_command

RATES = (1e-3, 3e-3)  # tried for both arms of both tasks
SWEEP_SEED = 100  # learning rates are chosen with a seed that no comparison uses
EPOCHS = {"copying": 12, "induction": 12}  # of 100 updates; how well it does is looked at after each
TOKENS_READ = 2**20  # for the accuracy at one length, at most; and no more than 512 sequences
ABLATION = {"hidden_size": 64, "layers": 2, "epochs": 3}  # text again, but small, so that both arms have three seeds
TEXT_RATES = (1.5e-3, 3e-3, 6e-3)  # tried for the language model and its neighbours, in a quarter of the updates
SCANS = (64, 256, 1024)  # steps


def task_config(task: str, arm: str, rate: float, quick: bool) -> MambaConfig:
    """One arm of a synthetic task."""
    config = replace(VARIANTS[task]["small"], selective=ARMS[arm], learning_rate=rate, epochs=EPOCHS[task])
    return replace(config, hidden_size=8, items=64, epochs=2, length=12) if quick else config


def text_config(arm: str, quick: bool, **changes: Any) -> MambaConfig:
    """A character model of Tiny Shakespeare, or of the embedded text where that is missing."""
    dataset = "tinyshakespeare" if available("tinyshakespeare") else "topics"
    config = replace(VARIANTS["s6"]["small"], selective=ARMS[arm], dataset=dataset, **changes)
    return replace(config, hidden_size=8, layers=1, items=24, epochs=1, length=500) if quick else config


# ---- running them ----------------------------------------------------------------------------------------------------


def measure(lab: Lab) -> None:
    """Everything, saved piece by piece."""
    for task in EPOCHS:
        measure_task(lab, task)
    measure_ablation(lab)
    measure_text(lab)
    measure_neighbours(lab)
    measure_scans(lab)


def until_solved(lab: Lab, config: MambaConfig, label: str, side: str = "numpy") -> dict[str, Any]:
    """Train until enough of the test sequences are answered, or the epochs are over.

    Returns:
        What happened after every epoch, and the model.
    """
    bench, seed = lab.side(side), config.seed
    model = bench.build(config, seed)
    if side == "torch":
        engine = lab.side("numpy")
        bench.load(model, engine.state(engine.build(config, seed)))
    batches = lab.data.training_batches(config, generator(seed))
    optimizer, scheduler = bench.optimizer(model, config, config.epochs * len(batches))
    history: list[dict[str, float]] = []
    enough = SOLVED.get(config.task, math.inf)
    while len(history) < config.epochs and not (history and history[-1]["accuracy"] >= enough):
        list(bench.train(model, optimizer, scheduler, batches))
        history.append(bench.evaluate(model, lab.data.evaluation_batches(config, "test")))
    updates = len(history) * len(batches)
    lab.log(f"{label} seed {seed} ({side}): {history[-1]['accuracy']:.1f} % after {updates} updates")
    return {"side": side, "seed": seed, "updates": updates, "history": history, "model": model}


def measure_task(lab: Lab, task: str) -> None:
    """For each arm the better learning rate, then three seeds with it; the first selective one on PyTorch too."""
    found: dict[str, dict[str, Any]] = {"rates": {}, "runs": {}, "configs": {}, "lengths": {}}
    for arm in ARMS:
        label = f"{task}, {arm}"
        sweep = {
            f"{rate:g}": record(until_solved(lab, _seeded(task_config(task, arm, rate, lab.quick), SWEEP_SEED), label))
            for rate in RATES
        }
        config = task_config(task, arm, float(best_rate(sweep)), lab.quick)
        runs = [until_solved(lab, _seeded(config, seed), label) for seed in lab.seeds(3)]
        if task == "induction":
            found["lengths"][arm] = [lengths(lab, run["model"], config, f"{label} seed {run['seed']}") for run in runs]
        if ARMS[arm] and task == "copying":
            found["step_sizes"] = selected(lab, runs[0]["model"], config)
            runs.append(until_solved(lab, config, label, side="torch"))
        found["rates"][arm], found["runs"][arm] = sweep, [record(run) for run in runs]
        found["configs"][arm] = asdict(config)
    lab.save(task, found, config)


def _seeded(config: MambaConfig, seed: int) -> MambaConfig:
    return replace(config, seed=seed)


def record(run: dict[str, Any]) -> dict[str, Any]:
    """A run without its model."""
    return {name: value for name, value in run.items() if name != "model"}


def lengths(lab: Lab, model: Any, config: MambaConfig, label: str) -> dict[str, float]:
    """Percent right at every length; an arm that has not learned the task is asked no further than twice the length."""
    found: dict[str, float] = {}
    for length in LENGTHS[: 3 if lab.quick else None]:
        if length > 2 * LENGTHS[0] and found[str(LENGTHS[0])] < 50:
            break
        found[str(length)] = probes.accuracy_at(model, config, length, max(4, min(512, TOKENS_READ // length)))
    lab.log(f"{label}: " + ", ".join(f"{length}: {accuracy:.1f} %" for length, accuracy in found.items()))
    return found


def selected(lab: Lab, model: Any, config: MambaConfig) -> dict[str, Any]:
    """Step sizes of every block along one test sequence."""
    tokens = lab.data.evaluation_batches(config, "test")[0]["tokens"][0]
    return {"tokens": tokens.tolist(), "blocks": probes.step_sizes(model, tokens)}


def measure_ablation(lab: Lab) -> None:
    """Text with and without selection: three seeds each of a small network; the first selective one on PyTorch too."""
    found: dict[str, Any] = {"runs": {}}
    for arm in ARMS:
        config = text_config(arm, lab.quick, **ABLATION)
        label = f"text, {arm}, 2 layers"
        runs = [lab.train(config, seed, label=label) for seed in lab.seeds(3)]
        if ARMS[arm]:
            runs.append(lab.train(config, 0, side="torch", label=label))
        found["runs"][arm] = [run.record() for run in runs]
    lab.save("ablation", found, config)


def measure_text(lab: Lab) -> None:
    """The language model; a sample, and what a character costs wherever it is written."""
    config = text_config("selective", lab.quick)
    rates, runs = tuned(lab, lab, "Mamba", config)
    positions = POSITIONS[: 2 if lab.quick else None]
    cost = {
        "positions": positions,
        "written": probes.writing(runs[0].model, config, positions),
        "reread": probes.rereading(runs[0].model, config, positions),
    }
    found = {"rates": rates, "runs": judged(lab, runs), "sample": sample(lab, runs[0]), "cost": cost}
    lab.save("text", found, config)


def measure_neighbours(lab: Lab) -> None:
    """LLaMA and the Forgetting Transformer on the same text."""
    config = text_config("selective", lab.quick)
    found: dict[str, dict[str, Any]] = {"rates": {}, "runs": {}}
    for name, (slug, _) in NEIGHBOURS.items():
        rates, runs = tuned(lab, lab.beside(slug), name, neighbour_config(lab, name, config, lab.quick))
        found["rates"][name], found["runs"][name] = rates, judged(lab, runs)
    lab.save("neighbours", found, config)


def tuned(lab: Lab, bench: Any, name: str, config: Any) -> tuple[dict[str, float], list[Any]]:
    """A model of ``bench`` with the best of the learning rates, three seeds; and nats with each rate, one seed."""
    short, batches, rates = replace(config, epochs=max(1, config.epochs // 4)), held_out(lab), {}
    for rate in TEXT_RATES[: 1 if lab.quick else None]:
        run = bench.train(replace(short, learning_rate=rate), SWEEP_SEED, label=f"{name}, {rate:g}")
        rates[f"{rate:g}"] = nats_a_character(run.model, batches)
    best = replace(config, learning_rate=float(min(rates, key=rates.__getitem__)))
    return rates, [bench.train(best, seed, label=name) for seed in lab.seeds(3)]


def held_out(lab: Lab) -> list[dict[str, Any]]:
    """The windows that all language models are judged by."""
    batches = lab.data.evaluation_batches(text_config("selective", lab.quick), "test")
    return [lab.side("numpy").batch(batch) for batch in batches]


def judged(lab: Lab, runs: list[Any]) -> list[dict[str, Any]]:
    """The records of runs, with nats a character by the same windows."""
    batches = held_out(lab)
    return [run.record() | {"nats": nats_a_character(run.model, batches)} for run in runs]


def sample(lab: Lab, run: Any) -> str:
    """What the trained network writes."""

    def search(tokens: list[int], options: Any) -> Any:
        return lab.side("numpy").search(run.model, run.config, tokens, options)

    options = replace(inference.OPTIONS, length=400)
    return "".join(inference.generate(search, run.config, "ROMEO:\n", options, {}))


def measure_scans(lab: Lab) -> None:
    """The scan as one operation and step by step."""
    steps = SCANS[: 1 if lab.quick else None]
    found = {str(count): probes.scanning(count) for count in steps}
    lab.save("scan", {"steps": found}, text_config("selective", lab.quick))


if __name__ == "__main__":
    as_command("mamba")
