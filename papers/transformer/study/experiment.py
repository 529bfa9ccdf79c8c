"""The claims: heads, sizes of keys, positions, dropout, smoothing, warm-up; and the Luong model on the same data.

tinygrad-lab claims transformer
"""

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any

from papers.transformer.config import VARIANTS, TransformerConfig
from papers.transformer.inference import SearchOptions, prompts, translations
from papers.transformer.study.maps import translated
from tinygrad_lab.data import available
from tinygrad_lab.data.translation.metrics import error_rates, exact, spelled_words
from tinygrad_lab.study import Lab, as_command

RIVAL = "seq2seq_attention"  # the paper whose translator is the baseline
SHOWN_WORDS = ("PHOTOGRAPHY", "KNOWLEDGE", "SCHWARZENEGGER")
FACTORS = (0.03, 0.1, 0.3)  # on the schedule, in the runs with and without warm-up

# what differs from the variant's ``small``
DATES: dict[str, Any] = {"epochs": 1}
FEW: dict[str, Any] = {"train_items": 4000, "epochs": 6}
DEEP: dict[str, Any] = {
    "layers": 6, "hidden_size": 32, "feed_forward": 128, "dropout": 0.0, "train_items": 12_000, "epochs": 1,
    "batch_size": 64, "warmup_steps": 60,
}  # fmt: skip
WORDS: dict[str, Any] = {"dataset": "cmudict", "train_items": 30_000, "epochs": 2}
RIVAL_WORDS = WORDS | {"source_vocabulary": 32, "target_vocabulary": 48}

# name -> (variant, what differs, seeds)
ROWS: dict[str, tuple[str, dict[str, Any], int]] = {
    "sinusoidal": ("sinusoidal", {}, 3),
    "one-head": ("one-head", {}, 3),
    "narrow-keys": ("narrow-keys", {}, 3),
    "learned": ("learned", {}, 3),
    "no-smoothing": ("sinusoidal", {"label_smoothing": 0.0}, 3),
    "no-positions": ("no-positions", {}, 1),
}
Translate = Callable[[Any, Any, Any, SearchOptions], list[str]]


def configuration(variant: str, changes: dict[str, Any], quick: bool) -> TransformerConfig:
    """What a setting trains."""
    config = replace(VARIANTS[variant]["small"], **changes)
    return replace(config, layers=1, hidden_size=16, train_items=256, epochs=1, batch_size=64) if quick else config


def rival_configuration(lab: Lab, changes: dict[str, Any]) -> Any:
    """The Luong model of one setting: general global attention."""
    config = replace(lab.beside(RIVAL).paper.variants["general"]["small"], **changes)
    return replace(config, hidden_size=16, train_items=256, epochs=1, batch_size=64) if lab.quick else config


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
    if name == "sinusoidal":
        runs.append(lab.train(config, 0, side="torch", label=name))
    records = [dates_record(lab, run, lab, translations) for run in runs]
    found: dict[str, Any] = {"runs": records}
    if name == "sinusoidal":
        found["maps"] = [translated(runs[0].model, config, text, beams(lab, 1)) for text in prompts(config)[:6]]
        found["beams"] = {str(width): right(lab, runs[0], lab, translations, width) for width in (1, 4)}
    lab.save(f"dates-{name}", found, config)


def measure_rival(lab: Lab) -> None:
    """The Luong model on the same dates, as often."""
    rival = lab.beside(RIVAL)
    config = rival_configuration(lab, DATES)
    runs = [rival.train(config, seed, label="Luong") for seed in lab.seeds(3)]
    search = rival.part("inference").translations
    records = [dates_record(lab, run, rival, search) for run in runs]
    lab.save("dates-luong", {"runs": records}, configuration("sinusoidal", DATES, lab.quick))


def measure_cost(lab: Lab) -> None:
    """Processor time of a pass over the dates, on each side; in turns, so that neither model has a busier machine."""
    ours = configuration("sinusoidal", DATES, lab.quick)
    benches = {"luong": (lab.beside(RIVAL), rival_configuration(lab, DATES)), "transformer": (lab, ours)}
    pairs, dates = (64 if lab.quick else 1280), len(lab.data.dataset(ours, "train"))
    found: dict[str, dict[str, list[float]]] = {}
    for side in ("numpy", "torch"):
        loops = {name: lab_of.steps(config, side) for name, (lab_of, config) in benches.items()}
        for loop in loops.values():
            next(loop)  # the first step builds model and data
        found[side] = {name: [] for name in loops}
        for _ in range(2 if lab.quick else 8):
            for name, loop in loops.items():
                start = time.process_time()
                for _ in islice(loop, pairs // benches[name][1].batch_size):
                    pass
                found[side][name].append((time.process_time() - start) * dates / pairs)
    lab.save("cost", {"seconds": found}, ours)


def measure_dropout(lab: Lab) -> None:
    """Few dates, many passes: what dropping units is for."""
    records = []
    for dropout in (0.0, 0.1):
        config = configuration("sinusoidal", FEW | {"dropout": dropout}, lab.quick)
        runs = [lab.train(config, seed, label=f"dropout {dropout}") for seed in lab.seeds(2)]
        records += [dates_record(lab, run, lab, translations) for run in runs]
    lab.save("few-dates", {"runs": records}, config)


def measure_warm_up(lab: Lab) -> None:
    """Six layers at three rates: with warm-up; without, from the same highest rate, or with the same later rates."""
    default = configuration("sinusoidal", DEEP, lab.quick)
    found: dict[str, list[dict[str, Any]]] = {"warm-up": [], "same highest rate": [], "same later rates": []}
    for factor in FACTORS:
        for name, runs in found.items():
            warm = name == "warm-up"
            rate = factor * default.warmup_steps**-0.5 if name == "same highest rate" else factor
            config = replace(default, learning_rate=rate, warmup_steps=default.warmup_steps if warm else 1)
            runs.append(lab.train(config, 0, label=f"{name}, factor {factor}").record() | {"factor": factor})
    lab.save("warm-up", {"runs": found}, default)


def measure_words(lab: Lab) -> None:
    """Letters to phonemes: both models on the same words, two seeds each."""
    rival = lab.beside(RIVAL)
    ours, theirs = configuration("sinusoidal", WORDS, lab.quick), rival_configuration(lab, RIVAL_WORDS)
    for name, bench, config in (("transformer", lab, ours), ("luong", rival, theirs)):
        records, maps = [], []
        for seed in lab.seeds(2):
            run = bench.train(config, seed, label=f"words, {name}")
            translate = bench.part("inference").translations
            records.append(run.record() | spelling_errors(bench, run, translate))
            lab.log(f"words, {name} seed {seed}: PER {records[-1]['PER']:.2f}, WER {records[-1]['WER']:.2f}")
            if name == "transformer" and seed == 0:
                maps = [translated(run.model, config, word, beams(lab, 1)) for word in SHOWN_WORDS]
        lab.save(f"words-{name}", {"runs": records, "maps": maps}, ours)


def beams(lab: Lab, width: int) -> SearchOptions:
    """How to search; what is written by a network that has learned nothing need not be long."""
    return SearchOptions(beam=width, max_length=3 if lab.quick else 100, length_penalty=0.6)


def test_pairs(bench: Any, config: Any) -> tuple[tuple[str, str], ...]:
    """The test pairs, a few of them when quick."""
    pairs = bench.data.dataset(config, "test").pairs
    return pairs[:60] if bench.quick else pairs


def right(lab: Lab, run: Any, bench: Any, translate: Translate, width: int = 1) -> float:
    """Unseen dates translated exactly, in percent; a witness's weights are searched on the engine."""
    model = run.model
    if run.side != "numpy":
        model = bench.side("numpy").build(run.config, run.seed)
        bench.side("numpy").load(model, bench.side("torch").state(run.model))
    written, iso = zip(*test_pairs(bench, run.config), strict=True)
    found = exact(translate(model, run.config, written, beams(lab, width)), iso)
    return 100 * sum(found) / len(found)


def dates_record(lab: Lab, run: Any, bench: Any, translate: Translate) -> dict[str, Any]:
    """A run's record with its exact matches."""
    record = run.record() | {"exact": right(lab, run, bench, translate)}
    lab.log(f"seed {run.seed} ({run.side}): {record['exact']:.2f} % of the dates right")
    return record


def spelling_errors(bench: Any, run: Any, translate: Translate) -> dict[str, float]:
    """PER and WER over the test words."""
    pairs = test_pairs(bench, run.config)
    spelled = spelled_words(pairs, lambda words: translate(run.model, run.config, words, beams(bench, 1)))
    return error_rates(list(spelled.values()))


if __name__ == "__main__":
    as_command("transformer")
