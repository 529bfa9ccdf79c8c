"""The claims of Mamba: selective copying, induction heads, a small language model, what writing and scanning cost.

tinygrad-lab claims mamba
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np

from tinygrad_lab.data import available
from tinygrad_lab.fit import Look, Metrics
from tinygrad_lab.study import Lab, Record, Run, as_command, best_rate

from .. import inference
from ..config import VARIANTS, MambaConfig
from . import probes
from .neighbours import NETWORKS, NeighbourConfig, beside

ARMS = {  # "selective" is Mamba itself, "LLaMA" rotary attention with gated layers
    "copying": ("selective", "time-invariant"),
    "induction": ("selective", "LLaMA"),
    "text": ("selective", "time-invariant", "LLaMA", "FoX"),
}
WITNESSED = ("copying", "text")  # tasks of which PyTorch trains the first two arms too, under seeds of its own
SEEDS = 5  # of everything, as no run takes three minutes
FIRST_WITNESS = 1000  # PyTorch's first seed; no other run has one from here on

# What five seeds of all arms leave time for on two cores.
SIZES: dict[str, dict[str, Any]] = {
    "copying": {"hidden_size": 32, "length": 24, "copies": 4, "batch_size": 16},
    "induction": {"hidden_size": 64, "length": 32, "batch_size": 16},
    "text": {"hidden_size": 64, "layers": 3},
}
UPDATES = {"copying": 5000, "induction": 1000, "text": 350}
WITNESS_UPDATES = {"copying": 1250, "text": 350}  # PyTorch's loop over single steps takes twice the engine's time
LAYERS = {"LLaMA": 2, "FoX": 2}  # a Transformer's layer has about the parameters of one and a half of Mamba's
FEED_FORWARD = {"induction": 84, "text": 152}  # with which the arms of a task have as many parameters within 4 %

EVERY = 250  # updates between two looks at the validation sequences of copying
SOLVED = 97.0  # percent of the answers at which copying ends: what S6 has in table 1

# A rate is chosen by one short run.  The tasks' sequences are new in every batch, so that a training loss is that of
# sequences which the network has not seen: its mean over the last half of the run is the score.  Text has a split.
RATES = {  # an arm whose best is at an end is given further ones
    "copying": (2e-3, 4e-3, 8e-3), "induction": (2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3), "text": (2e-3, 4e-3, 8e-3),
}  # fmt: skip
RATE_UPDATES = {"copying": 750, "induction": 400, "text": 100}
VALIDATION = 50_000  # characters of the training text that are left out where rates are chosen

LENGTHS = (32, 64, 128, 512, 2048, 8192)  # of induction: the first is that of training
ATTENDED = 512  # the longest that attention is asked, whose time grows with the square
TOKENS_READ = 2**17  # for the accuracy at one length, at most; and no more than 256 sequences
POSITIONS = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000]
SCANS = (64, 256, 1024)  # steps
Job = tuple[str, str, Callable[[], Run]]  # task, arm, and what makes the run


# ---- what is trained -------------------------------------------------------------------------------------------------
def configuration(task: str, arm: str, updates: int, quick: bool) -> MambaConfig:
    """An arm of a task for so many updates; an epoch ends where something is looked at."""
    base = VARIANTS["s6" if task == "text" else task]["small"]
    config = replace(base, **SIZES[task], dataset=text(), selective=arm != "time-invariant")
    every = EVERY if task == "copying" else updates
    config = replace(config, items=every * config.batch_size, epochs=updates // every)
    if arm in NETWORKS:
        wide = {"feed_forward": FEED_FORWARD[task], "context": ATTENDED}
        config = beside(config, arm, layers=LAYERS[arm], **wide)
    return shortened(config) if quick else config


def shortened(config: MambaConfig) -> MambaConfig:
    """The same at a token size."""
    return replace(config, hidden_size=8, items=4 * config.batch_size, epochs=min(2, config.epochs))


def text() -> str:
    """Tiny Shakespeare, or the embedded text where that is missing."""
    return "tinyshakespeare" if available("tinyshakespeare") else "topics"


def tried(lab: Lab, task: str, arm: str, rate: float) -> MambaConfig:
    """What a rate of an arm is chosen with."""
    config = configuration(task, arm, RATE_UPDATES[task], lab.quick)
    return replace(config, learning_rate=rate, validation=VALIDATION if task == "text" else 0)


def bench(lab: Lab, arm: str) -> Lab:
    """Where an arm is trained: other networks by Mamba's loop on its data, but on a bench of theirs."""
    return lab.beside("mamba", models="study.neighbours") if arm in NETWORKS else lab


# ---- running it ------------------------------------------------------------------------------------------------------
def measure(lab: Lab) -> None:
    """Rates, then all runs side by side, then what is timed, alone."""
    rates = {task: {arm: rate_scores(lab, task, arm) for arm in arms} for task, arms in ARMS.items()}
    lab.save("rates", {"scores": rates}, configuration("text", "selective", UPDATES["text"], lab.quick))
    chosen = {task: {arm: best_rate(scores) for arm, scores in arms.items()} for task, arms in rates.items()}
    runs = measure_runs(lab, chosen)
    save_runs(lab, runs)
    measure_costs(lab, runs["text"]["selective"][0])
    measure_scans(lab)


def rate_scores(lab: Lab, task: str, arm: str) -> dict[str, float]:
    """One arm's scores by rate, the smallest the best."""
    place = bench(lab, arm)

    def score(run: Run) -> float:
        return place.evaluate(run, "validation")["bits"] if task == "text" else fmean(run.losses[-half(run) :])

    return place.bracket(lambda rate: tried(lab, task, arm, rate), RATES[task], f"rate of {task}, {arm}", score)


def half(run: Run) -> int:
    """Half of a run's updates."""
    return max(1, len(run.losses) // 2)


def measure_runs(lab: Lab, rates: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, list[Run]]]:
    """All runs that are judged, on both sides and side by side; by task and arm, the engine's first."""
    jobs = [
        *(job(lab, task, arm, rates[task][arm], seed, "numpy")
          for task, arms in ARMS.items() for arm in reversed(arms) for seed in lab.seeds(SEEDS)),
        *(job(lab, task, arm, rates[task][arm], FIRST_WITNESS + seed, "torch")
          for task in WITNESSED for arm in reversed(ARMS[task][:2]) for seed in lab.seeds(SEEDS)),
    ]  # fmt: skip
    made = lab.together([call for *_, call in jobs])
    found: dict[str, dict[str, list[Run]]] = {task: {arm: [] for arm in arms} for task, arms in ARMS.items()}
    for (task, arm, _), run in zip(jobs, made, strict=True):
        found[task][arm].append(run)
    return found


def job(lab: Lab, task: str, arm: str, rate: float, seed: int, side: str) -> Job:
    """One of them; what it is looked at for depends on the task."""
    updates = UPDATES[task] if side == "numpy" else WITNESS_UPDATES[task]
    config = replace(configuration(task, arm, updates, lab.quick), learning_rate=rate)
    place = bench(lab, arm)
    asked: dict[str, Any] = {}
    if task == "copying":
        asked = {"evaluate": partial(validated, lab, config, side), "until": solved}
    if task == "induction":
        asked = {"evaluate": partial(by_length, config, lab.quick)}
    splits = () if task == "induction" else ("test",)
    return task, arm, partial(place.train, config, seed, side, f"{task}, {arm}", at_end=splits, **asked)


def validated(lab: Lab, config: MambaConfig, side: str, model: Any) -> Metrics:
    """How a network does on sequences that are for looking at while it learns."""
    return lab.side(side).evaluate(model, lab.data.evaluation_batches(config, "validation"))


def solved(look: Look) -> bool:
    """Whether enough of the tokens are copied."""
    return look.metrics["accuracy"] >= SOLVED


def by_length(config: MambaConfig, quick: bool, model: Any) -> Metrics:
    """Percent of the induction sequences that are answered, at every length that the network is asked."""
    most = ATTENDED if isinstance(config, NeighbourConfig) else LENGTHS[-1]
    lengths = [length for length in LENGTHS[: 3 if quick else None] if length <= most]
    items = {length: min(256, TOKENS_READ // length) for length in lengths}
    return {str(length): probes.accuracy_at(model, config, length, count) for length, count in items.items()}


def save_runs(lab: Lab, runs: dict[str, dict[str, list[Run]]]) -> None:
    """A file for each task; copying's with the step sizes of the networks that select, text's with a sample."""
    model, config = runs["text"]["selective"][0].model, runs["text"]["selective"][0].config
    with_more: dict[str, Record] = {
        "copying": {"step_sizes": selected(lab, [run for run in runs["copying"]["selective"] if run.side == "numpy"])},
        "induction": {},
        "text": {"sample": lab.sample(model, config, "ROMEO:\n", replace(inference.OPTIONS, length=400))},
    }
    for task, arms in runs.items():
        records = {arm: [run.record() for run in made] for arm, made in arms.items()}
        lab.save(task, {"runs": records, **with_more[task]}, arms["selective"][0].config)


def selected(lab: Lab, runs: list[Run]) -> Record:
    """Step sizes along one test sequence in the first network, and their means over many in each."""
    config = runs[0].config
    batches = lab.data.evaluation_batches(config, "test")
    tokens = np.concatenate([batch["tokens"] for batch in batches])
    since = probes.since_a_token(tokens[:, : config.length])
    sizes = [probes.step_sizes(run.model, tokens) for run in runs]
    means = [probes.sizes_since([block[:, : config.length] for block in blocks], since) for blocks in sizes]
    return {"tokens": tokens[0].tolist(), "blocks": [block[0].tolist() for block in sizes[0]], "since": means}


def measure_costs(lab: Lab, run: Run) -> None:
    """What a character costs the language model, wherever it is written."""
    positions = POSITIONS[: 2 if lab.quick else None]
    written = probes.writing(run.model, run.config, positions)
    reread = probes.rereading(run.model, run.config, positions)
    lab.save("cost", {"positions": positions, "written": written, "reread": reread}, run.config)


def measure_scans(lab: Lab) -> None:
    """Measure the scan as one operation and step by step."""
    steps = {str(count): probes.scanning(count) for count in SCANS[: 1 if lab.quick else None]}
    lab.save("scan", {"steps": steps}, configuration("text", "selective", UPDATES["text"], lab.quick))


if __name__ == "__main__":
    as_command("mamba")
