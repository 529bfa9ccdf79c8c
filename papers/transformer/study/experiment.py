"""The claims: heads, sizes of keys, positions, dropout, smoothing, warm-up; and the Luong model on the same data.

tinygrad-lab claims transformer
"""

import time
from dataclasses import replace
from itertools import islice
from typing import Any

from tinygrad_lab.data import available
from tinygrad_lab.data.translation.metrics import error_rates
from tinygrad_lab.study import Lab, Record, Run, as_command

from ...seq2seq_attention.study.translating import SHOWN_WORDS, beams, dates_right, percent, spelled
from ..inference import prompts
from .maps import translated

RIVAL = "seq2seq_attention"  # the paper whose translator is the baseline
FACTORS = (0.03, 0.1, 0.3)  # on the schedule, in the runs with and without warm-up

# what differs from the variant's ``small``
DATES: Record = {"epochs": 1}
FEW: Record = {"train_items": 4000, "epochs": 6}
DEEP: Record = {
    "layers": 6, "hidden_size": 32, "feed_forward": 128, "dropout": 0.0, "train_items": 12_000, "epochs": 1,
    "batch_size": 64, "warmup_steps": 60,
}  # fmt: skip
WORDS: Record = {"dataset": "cmudict", "train_items": 30_000, "epochs": 2}
RIVAL_WORDS = WORDS | {"source_vocabulary": 32, "target_vocabulary": 48}
QUICK: Record = {"layers": 1, "hidden_size": 16, "train_items": 256, "epochs": 1, "batch_size": 64}

# name -> (variant, what differs, seeds)
ROWS: dict[str, tuple[str, Record, int]] = {
    "sinusoidal": ("sinusoidal", {}, 3),
    "one-head": ("one-head", {}, 3),
    "narrow-keys": ("narrow-keys", {}, 3),
    "learned": ("learned", {}, 3),
    "no-smoothing": ("sinusoidal", {"label_smoothing": 0.0}, 3),
    "no-positions": ("no-positions", {}, 1),
    "luong": ("general", {}, 3),  # with general global attention
}


def configuration(bench: Lab, variant: str, changes: Record) -> Any:
    """What a setting trains, of this paper or of the rival's."""
    config = replace(bench.paper.variants[variant]["small"], **changes)
    return replace(config, **QUICK) if bench.quick else config


def measure(lab: Lab) -> None:
    """Every setting whose data are to be had; a group of results is saved as soon as it is there."""
    for name in ROWS:
        measure_dates(lab, name)
    measure_cost(lab)
    measure_dropout(lab)
    measure_warm_up(lab)
    if available("cmudict"):
        measure_words(lab)


def measure_dates(lab: Lab, name: str) -> None:
    """One row of table 3, or the Luong model, on dates; the first seed of the default on PyTorch too."""
    variant, changes, seeds = ROWS[name]
    bench = lab.beside(RIVAL) if name == "luong" else lab
    config = configuration(bench, variant, DATES | changes)
    runs = [bench.train(config, seed, label=name) for seed in lab.seeds(seeds)]
    more: Record = {}
    if name == "sinusoidal":
        first, shown = runs[0], prompts(config)[:6]
        more["maps"] = [translated(first.model, config, text, beams(lab, 1)) for text in shown]
        more["beams"] = {str(width): percent(dates_right(lab, first, width)) for width in (1, 4)}
        runs.append(lab.train(config, 0, side="torch", label=name))
    ours = configuration(lab, "sinusoidal", DATES)  # with the same data as the rival
    lab.save(f"dates-{name}", {"runs": dates_records(bench, runs), **more}, ours)


def dates_records(bench: Lab, runs: list[Run]) -> list[Record]:
    """The records of runs on dates with their exact matches."""
    return [run.record() | {"exact": percent(dates_right(bench, run))} for run in runs]


def benches(lab: Lab, ours: Record, theirs: Record) -> dict[str, tuple[Lab, Any]]:
    """Both models in a setting."""
    rival = lab.beside(RIVAL)
    return {
        "luong": (rival, configuration(rival, "general", theirs)),
        "transformer": (lab, configuration(lab, "sinusoidal", ours)),
    }


def measure_cost(lab: Lab) -> None:
    """Processor time of a pass over the dates, on each side; in turns, so that neither model has a busier machine."""
    both = benches(lab, DATES, DATES)
    _, ours = both["transformer"]
    pairs, dates = (64 if lab.quick else 1280), len(lab.data.dataset(ours, "train"))
    seconds: dict[str, dict[str, list[float]]] = {}
    for side in ("numpy", "torch"):
        loops = {name: bench.steps(config, side) for name, (bench, config) in both.items()}
        for loop in loops.values():
            next(loop)  # the first step builds model and data
        seconds[side] = {name: [] for name in loops}
        for _ in range(2 if lab.quick else 8):
            for name, loop in loops.items():
                start = time.process_time()
                for _ in islice(loop, pairs // both[name][1].batch_size):
                    pass
                seconds[side][name].append((time.process_time() - start) * dates / pairs)
    lab.save("cost", {"seconds": seconds}, ours)


def measure_dropout(lab: Lab) -> None:
    """Few dates, many passes: what dropping units is for."""
    records = []
    for dropout in (0.0, 0.1):
        config = configuration(lab, "sinusoidal", FEW | {"dropout": dropout})
        runs = [lab.train(config, seed, label=f"dropout {dropout}") for seed in lab.seeds(2)]
        records += dates_records(lab, runs)
    lab.save("few-dates", {"runs": records}, config)


def measure_warm_up(lab: Lab) -> None:
    """Six layers at three rates: with warm-up; without, from the same highest rate, or with the same later rates."""
    default = configuration(lab, "sinusoidal", DEEP)
    schedules = ("warm-up", "same highest rate", "same later rates")
    records: dict[str, list[Record]] = {name: [] for name in schedules}
    for factor in FACTORS[-1:] if lab.quick else FACTORS:
        for name in schedules:
            rate = factor * default.warmup_steps**-0.5 if name == "same highest rate" else factor
            warmup = default.warmup_steps if name == "warm-up" else 1
            config = replace(default, learning_rate=rate, warmup_steps=warmup)
            run = lab.train(config, 0, label=f"{name}, factor {factor}")
            records[name].append(run.record() | {"factor": factor})
    lab.save("warm-up", {"runs": records}, default)


def measure_words(lab: Lab) -> None:
    """Letters to phonemes: both models on the same words, two seeds each."""
    both = benches(lab, WORDS, RIVAL_WORDS)
    _, ours = both["transformer"]
    for name, (bench, config) in both.items():
        runs = [bench.train(config, seed, label=f"words, {name}") for seed in lab.seeds(2)]
        records = [run.record() | error_rates(list(spelled(bench, run).values())) for run in runs]
        shown, model = (SHOWN_WORDS if bench is lab else ()), runs[0].model
        maps = [translated(model, ours, word, beams(lab, 1)) for word in shown]
        lab.save(f"words-{name}", {"runs": records, "maps": maps}, ours)


if __name__ == "__main__":
    as_command("transformer")
