"""The claims of Mamba: selective copying, induction heads, a small language model, what writing and scanning cost.

tinygrad-lab claims mamba
"""

import math
from dataclasses import asdict, replace
from typing import Any

from tinygrad_lab.data import available
from tinygrad_lab.study import SWEEP_SEED, Config, Lab, Record, Run, as_command, best_rate

from .. import inference
from ..config import VARIANTS, MambaConfig
from . import probes
from .neighbours import NEIGHBOURS, nats_a_character, neighbour_config
from .verdicts import ARMS, LENGTHS, POSITIONS, SOLVED, soonest_rate

RATES = (1e-3, 3e-3)  # tried for both arms of both tasks
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
    return replace(config, hidden_size=8, layers=1, items=24, epochs=1, length=64) if quick else config


# ---- running them ----------------------------------------------------------------------------------------------------


def measure(lab: Lab) -> None:
    """Run everything, and save it piece by piece."""
    for task in EPOCHS:
        measure_task(lab, task)
    measure_ablation(lab)
    measure_text(lab)
    measure_neighbours(lab)
    measure_scans(lab)


def until_solved(lab: Lab, config: MambaConfig, seed: int, label: str, side: str = "numpy") -> Run:
    """Train until enough of the test sequences are answered, or the epochs are over."""
    enough = SOLVED.get(config.task, math.inf)
    return lab.train(
        replace(config, seed=seed), seed, side, label,
        each_epoch=True, until=lambda look: look.metrics["accuracy"] >= enough, at_end=(),
    )  # fmt: skip


def record(run: Run) -> Record:
    """What happened after every epoch, and how many updates there were."""
    return {
        "side": run.side, "seed": run.seed, "updates": len(run.losses), "history": run.history,
    }  # fmt: skip


def measure_task(lab: Lab, task: str) -> None:
    """Train three seeds of each arm with its better learning rate; the first selective one on PyTorch too."""
    results: dict[str, Record] = {"rates": {}, "runs": {}, "configs": {}, "lengths": {}}
    for arm in ARMS:
        label = f"{task}, {arm}"
        configs = {f"{rate:g}": task_config(task, arm, rate, lab.quick) for rate in RATES}
        sweep = {rate: record(until_solved(lab, config, SWEEP_SEED, label)) for rate, config in configs.items()}
        config = configs[soonest_rate(sweep)]
        runs = [until_solved(lab, config, seed, label) for seed in lab.seeds(3)]
        if task == "induction":
            results["lengths"][arm] = [lengths(lab, run, label) for run in runs]
        if ARMS[arm] and task == "copying":
            results["step_sizes"] = selected(lab, runs[0])
            runs.append(until_solved(lab, config, 0, label, side="torch"))
        results["rates"][arm], results["runs"][arm] = sweep, [record(run) for run in runs]
        results["configs"][arm] = asdict(config)
    lab.save(task, results, config)


def lengths(lab: Lab, run: Run, label: str) -> dict[str, float]:
    """Percent right at every length; one that has not learned the task is asked no further than twice the length."""
    right: dict[str, float] = {}
    for length in LENGTHS[: 3 if lab.quick else None]:
        if length > 2 * LENGTHS[0] and right[str(LENGTHS[0])] < 50:
            break
        items = max(4, min(512, TOKENS_READ // length))
        right[str(length)] = probes.accuracy_at(run.model, run.config, length, items)
    shown = ", ".join(f"{length}: {accuracy:.1f} %" for length, accuracy in right.items())
    lab.log(f"{label} seed {run.seed}: {shown}")
    return right


def selected(lab: Lab, run: Run) -> Record:
    """Step sizes of every block along one test sequence."""
    tokens = lab.data.evaluation_batches(run.config, "test")[0]["tokens"][0]
    return {"tokens": tokens.tolist(), "blocks": probes.step_sizes(run.model, tokens)}


def measure_ablation(lab: Lab) -> None:
    """Train text with and without selection: three seeds of a small network, one selective one on PyTorch too."""
    records = {}
    for arm in ARMS:
        config, label = text_config(arm, lab.quick, **ABLATION), f"text, {arm}, 2 layers"
        runs = [lab.train(config, seed, label=label) for seed in lab.seeds(3)]
        if ARMS[arm]:
            runs.append(lab.train(config, 0, side="torch", label=label))
        records[arm] = [run.record() for run in runs]
    lab.save("ablation", {"runs": records}, config)


def measure_text(lab: Lab) -> None:
    """Train the language model; it writes, and shows what a character costs wherever it is written."""
    config, positions = text_config("selective", lab.quick), POSITIONS[: 2 if lab.quick else None]
    rates, runs = tuned(lab, lab, "Mamba", config)
    model, options = runs[0].model, replace(inference.OPTIONS, length=400)
    cost = {
        "positions": positions,
        "written": probes.writing(model, config, positions),
        "reread": probes.rereading(model, config, positions),
    }
    sample = lab.sample(model, config, "ROMEO:\n", options)
    lab.save("text", {"rates": rates, "runs": judged(lab, runs), "sample": sample, "cost": cost}, config)


def measure_neighbours(lab: Lab) -> None:
    """Train LLaMA and the Forgetting Transformer on the same text."""
    config = text_config("selective", lab.quick)
    results: dict[str, Record] = {"rates": {}, "runs": {}}
    for name, (slug, _) in NEIGHBOURS.items():
        theirs = neighbour_config(lab, name, config, lab.quick)
        results["rates"][name], runs = tuned(lab, lab.beside(slug), name, theirs)
        results["runs"][name] = judged(lab, runs)
    lab.save("neighbours", results, config)


def tuned(lab: Lab, bench: Lab, name: str, config: Config) -> tuple[dict[str, float], list[Run]]:
    """Find the nats with every learning rate, and train three seeds of a model of ``bench`` with the best."""
    short, batches = replace(config, epochs=max(1, config.epochs // 4)), held_out(lab)
    tried = TEXT_RATES[: 1 if lab.quick else None]
    configs = {rate: replace(short, learning_rate=rate) for rate in tried}
    rates = bench.sweep(configs, name, lambda run: nats_a_character(run.model, batches))
    best = replace(config, learning_rate=best_rate(rates))
    return rates, [bench.train(best, seed, label=name) for seed in lab.seeds(3)]


def held_out(lab: Lab) -> list[Record]:
    """The windows that all language models are judged by."""
    batches = lab.data.evaluation_batches(text_config("selective", lab.quick), "test")
    return [lab.side("numpy").batch(batch) for batch in batches]


def judged(lab: Lab, runs: list[Run]) -> list[Record]:
    """The records of runs, with nats a character by the same windows."""
    batches = held_out(lab)
    return [run.record() | {"nats": nats_a_character(run.model, batches)} for run in runs]


def measure_scans(lab: Lab) -> None:
    """Measure the scan as one operation and step by step."""
    steps = {str(count): probes.scanning(count) for count in SCANS[: 1 if lab.quick else None]}
    lab.save("scan", {"steps": steps}, text_config("selective", lab.quick))


if __name__ == "__main__":
    as_command("mamba")
