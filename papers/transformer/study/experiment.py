"""The claims: heads, sizes of keys, positions, dropout, smoothing, warm-up; and the Luong model on the same data.

tinygrad-lab claims transformer
"""

import time
from dataclasses import replace
from itertools import islice

from papers.seq2seq_attention.study.translating import SHOWN_WORDS, beams, dates_right, percent, spelled
from papers.transformer.config import VARIANTS, TransformerConfig
from papers.transformer.inference import prompts
from papers.transformer.study.maps import translated
from tinygrad_lab.data import available
from tinygrad_lab.data.translation.metrics import error_rates
from tinygrad_lab.study import Config, Lab, Record, Run, as_command

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
QUICK: Record = {"hidden_size": 16, "train_items": 256, "epochs": 1, "batch_size": 64}

# name -> (variant, what differs, seeds)
ROWS: dict[str, tuple[str, Record, int]] = {
    "sinusoidal": ("sinusoidal", {}, 3),
    "one-head": ("one-head", {}, 3),
    "narrow-keys": ("narrow-keys", {}, 3),
    "learned": ("learned", {}, 3),
    "no-smoothing": ("sinusoidal", {"label_smoothing": 0.0}, 3),
    "no-positions": ("no-positions", {}, 1),
}


def configuration(variant: str, changes: Record, quick: bool) -> TransformerConfig:
    """What a setting trains."""
    config = replace(VARIANTS[variant]["small"], **changes)
    return replace(config, layers=1, **QUICK) if quick else config


def rival_configuration(rival: Lab, changes: Record) -> Config:
    """The Luong model of one setting: general global attention."""
    config: Config = replace(rival.paper.variants["general"]["small"], **changes)
    return replace(config, **QUICK) if rival.quick else config


def measure(lab: Lab) -> None:
    """Every setting whose data are to be had; a group of results is saved as soon as it is there."""
    for name in ROWS:
        measure_dates(lab, name)
    measure_rival(lab)
    measure_cost(lab)
    measure_dropout(lab)
    measure_warm_up(lab)
    if available("cmudict"):
        measure_words(lab)


def measure_dates(lab: Lab, name: str) -> None:
    """One row of table 3 on dates; the first seed of the default on PyTorch too."""
    variant, changes, seeds = ROWS[name]
    config = configuration(variant, DATES | changes, lab.quick)
    runs = [lab.train(config, seed, label=name) for seed in lab.seeds(seeds)]
    more: Record = {}
    if name == "sinusoidal":
        first, shown = runs[0], prompts(config)[:6]
        more["maps"] = [translated(first.model, config, text, beams(lab, 1)) for text in shown]
        more["beams"] = {str(width): percent(dates_right(lab, first, width)) for width in (1, 4)}
        runs.append(lab.train(config, 0, side="torch", label=name))
    lab.save(f"dates-{name}", {"runs": dates_records(lab, runs), **more}, config)


def measure_rival(lab: Lab) -> None:
    """The Luong model on the same dates, as often."""
    rival = lab.beside(RIVAL)
    config = rival_configuration(rival, DATES)
    runs = [rival.train(config, seed, label="Luong") for seed in lab.seeds(3)]
    results = {"runs": dates_records(rival, runs)}
    lab.save("dates-luong", results, configuration("sinusoidal", DATES, lab.quick))


def measure_cost(lab: Lab) -> None:
    """Processor time of a pass over the dates, on each side; in turns, so that neither model has a busier machine."""
    rival, ours = lab.beside(RIVAL), configuration("sinusoidal", DATES, lab.quick)
    benches: dict[str, tuple[Lab, Config]] = {
        "luong": (rival, rival_configuration(rival, DATES)),
        "transformer": (lab, ours),
    }
    pairs, dates = (64 if lab.quick else 1280), len(lab.data.dataset(ours, "train"))
    seconds: dict[str, dict[str, list[float]]] = {}
    for side in ("numpy", "torch"):
        loops = {name: bench.steps(config, side) for name, (bench, config) in benches.items()}
        for loop in loops.values():
            next(loop)  # the first step builds model and data
        seconds[side] = {name: [] for name in loops}
        for _ in range(2 if lab.quick else 8):
            for name, loop in loops.items():
                start = time.process_time()
                for _ in islice(loop, pairs // benches[name][1].batch_size):
                    pass
                seconds[side][name].append((time.process_time() - start) * dates / pairs)
    lab.save("cost", {"seconds": seconds}, ours)


def measure_dropout(lab: Lab) -> None:
    """Few dates, many passes: what dropping units is for."""
    records = []
    for dropout in (0.0, 0.1):
        config = configuration("sinusoidal", FEW | {"dropout": dropout}, lab.quick)
        runs = [lab.train(config, seed, label=f"dropout {dropout}") for seed in lab.seeds(2)]
        records += dates_records(lab, runs)
    lab.save("few-dates", {"runs": records}, config)


def measure_warm_up(lab: Lab) -> None:
    """Six layers at three rates: with warm-up; without, from the same highest rate, or with the same later rates."""
    default = configuration("sinusoidal", DEEP, lab.quick)
    records: dict[str, list[Record]] = {name: [] for name in ("warm-up", "same highest rate", "same later rates")}
    for factor in FACTORS:
        for name, of_schedule in records.items():
            rate = factor * default.warmup_steps**-0.5 if name == "same highest rate" else factor
            warmup = default.warmup_steps if name == "warm-up" else 1
            config = replace(default, learning_rate=rate, warmup_steps=warmup)
            run = lab.train(config, 0, label=f"{name}, factor {factor}")
            of_schedule.append(run.record() | {"factor": factor})
    lab.save("warm-up", {"runs": records}, default)


def measure_words(lab: Lab) -> None:
    """Letters to phonemes: both models on the same words, two seeds each."""
    rival = lab.beside(RIVAL)
    ours, theirs = configuration("sinusoidal", WORDS, lab.quick), rival_configuration(rival, RIVAL_WORDS)
    benches: dict[str, tuple[Lab, Config]] = {"transformer": (lab, ours), "luong": (rival, theirs)}
    for name, (bench, config) in benches.items():
        runs = [bench.train(config, seed, label=f"words, {name}") for seed in lab.seeds(2)]
        records = [run.record() | error_rates(list(spelled(bench, run).values())) for run in runs]
        shown = SHOWN_WORDS if bench is lab else ()
        maps = [translated(runs[0].model, ours, word, beams(lab, 1)) for word in shown]
        lab.save(f"words-{name}", {"runs": records, "maps": maps}, ours)


def dates_records(bench: Lab, runs: list[Run]) -> list[Record]:
    """The records of runs on dates with their exact matches."""
    return [run.record() | {"exact": percent(dates_right(bench, run))} for run in runs]


if __name__ == "__main__":
    as_command("transformer")
