"""The claims of BERT: reading both ways, next sentences, what stands for hidden words, and pre-training at all.

tinygrad-lab claims bert
"""

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from papers.bert import figures as drawing
from papers.bert.config import VARIANTS, BertConfig
from papers.bert.probes import feature_accuracy, most_frequent, naive_bayes_accuracy, word_accuracy
from papers.bert.verdicts import claims, summary, tables
from tinygrad_lab.random import generator

__all__ = ["claims", "figures", "measure", "summary", "tables"]

Weights = dict[str, np.ndarray]

# Tried beforehand with one seed each: rates of 1e-3 (as good) and 5e-3 (worse), for all arms the same.
SIZES: dict[str, Any] = {
    "hidden_size": 64, "intermediate_size": 256, "vocab_size": 1000, "initializer_range": 0.07, "length": 48,
}  # fmt: skip
PRETRAINING: dict[str, Any] = {"items": 20_800, "epochs": 2, "learning_rate": 2e-3}
ARMS: dict[str, dict[str, Any]] = {  # arm -> variant, and what it changes
    "bert": {"variant": "bert"},
    "no-nsp": {"variant": "no-nsp"},
    "left-to-right": {"variant": "left-to-right"},
    "always-mask": {"variant": "bert", "mask_token_share": 1.0, "random_token_share": 0.0},
}
SCRATCH = "none"  # the arm that is not pre-trained
WITNESS = "bert"  # the arm that PyTorch runs too

LABELLED = {"kjv": 1000, "topics": 400}  # sentences with a class
FINE_TUNING: dict[str, Any] = {"epochs": 6}
RATES = (5e-4, 2e-3)
SWEEP_SEED = 100  # rates are chosen on the validation data with a seed that no comparison uses


# ---- what is trained -------------------------------------------------------------------------------------------------


def pretraining_config(arm: str, quick: bool) -> BertConfig:
    """The same size, data and number of updates for every arm."""
    changes = dict(ARMS[arm])
    config = replace(VARIANTS[changes.pop("variant")]["small"], **SIZES, **PRETRAINING, **changes)
    return tiny(config, 64) if quick else config


def fine_tuning_config(arm: str, rate: float, quick: bool) -> BertConfig:
    """A left-to-right model stays one when it is fine-tuned, as in the paper."""
    context = "left" if arm == "left-to-right" else "both"
    config = replace(VARIANTS["classification"]["small"], **SIZES, **FINE_TUNING, context=context, learning_rate=rate)
    return tiny(config, 64) if quick else config


def tiny(config: BertConfig, items: int) -> BertConfig:
    """A token size, on what is always there."""
    return replace(
        config, dataset="topics", hidden_size=8, intermediate_size=8, num_hidden_layers=1, vocab_size=300, items=items,
        epochs=1, length=16,
    )  # fmt: skip


# ---- running it ------------------------------------------------------------------------------------------------------


def measure(lab: Any) -> None:
    """Every arm before, then every arm after; saved piece by piece."""
    weights: dict[str, list[Weights]] = {SCRATCH: []}
    for arm in ARMS:
        weights[arm] = measure_pretraining(lab, arm)
    measure_rates(lab, weights)
    measure_fine_tuning(lab, weights)


def measure_pretraining(lab: Any, arm: str) -> list[Weights]:
    """Three seeds, one arm also on PyTorch, and what each model knows; returns the weights, PyTorch's last."""
    config = pretraining_config(arm, lab.quick)
    runs = [lab.train(config, seed, label=f"pre-training {arm}") for seed in lab.seeds(3)]
    probes = [probe(lab, run) for run in runs]
    if arm == WITNESS:
        runs.append(lab.train(config, 0, side="torch", label=f"pre-training {arm}"))
    results = {"runs": [run.record() for run in runs], "probes": probes, "most frequent": most_frequent(config)}
    lab.save(f"pretraining-{arm}", results, config)
    return [lab.side(run.side).state(run.model) for run in runs]


def probe(lab: Any, run: Any) -> dict[str, float]:
    """Words found where they are hidden and where they are shown; classes found from frozen features."""
    config = run.config
    found = {
        "hidden": word_accuracy(run.model, config, hide=True),
        "shown": word_accuracy(run.model, config, hide=False),
        "features": feature_accuracy(run.model, config, labelled(lab, config)),
    }
    lab.log("  " + ", ".join(f"{name} {value:.2f} %" for name, value in found.items()))
    return found


def labelled(lab: Any, config: BertConfig) -> int:
    """How many sentences come with their class."""
    return 64 if lab.quick else LABELLED[lab.data.dataset(config, "train").name]


def measure_rates(lab: Any, weights: dict[str, list[Weights]]) -> None:
    """Every learning rate of fine-tuning for every arm, one seed, on the validation data."""
    found: dict[str, dict[str, float]] = {}
    for arm, states in weights.items():
        found[arm] = {}
        for rate in RATES:
            config = with_labels(lab, fine_tuning_config(arm, rate, lab.quick))
            run = fine_tune(lab, config, SWEEP_SEED, states[0] if states else {}, "validation", f"{arm}, {rate:g}")
            found[arm][f"{rate:g}"] = run["metrics"]["accuracy"]
    lab.save("rates", {"accuracy": found}, config)


def measure_fine_tuning(lab: Any, weights: dict[str, list[Weights]]) -> None:
    """Every arm with its best rate, a seed for each of its pre-trained models; what counts is the test data."""
    runs: dict[str, list[dict[str, Any]]] = {}
    seeds = lab.seeds(3)
    for arm, states in weights.items():
        accuracy = lab.results("rates")["accuracy"][arm]
        config = with_labels(lab, fine_tuning_config(arm, float(max(accuracy, key=accuracy.__getitem__)), lab.quick))
        starts = states or [{} for _ in seeds]
        runs[arm] = [
            fine_tune(lab, config, seed, start, "test", arm) for seed, start in zip(seeds, starts, strict=False)
        ]
        if arm == WITNESS:
            runs[arm].append(fine_tune(lab, config, 0, starts[-1], "test", arm, side="torch"))
    bayes = naive_bayes_accuracy(config, config.items)
    lab.save("fine-tuning", {"runs": runs, "naive Bayes": bayes, "classes": class_shares(lab, config)}, config)


def with_labels(lab: Any, config: BertConfig) -> BertConfig:
    """The configuration with as many labelled sentences as the data set is given."""
    return replace(config, items=labelled(lab, config))


def class_shares(lab: Any, config: BertConfig) -> dict[str, float]:
    """Percent of the test sentences in each class."""
    corpus, labels = lab.data.dataset(config, "test"), lab.data.encoded(config, "test").label
    return {name: 100 * float((labels == number).mean()) for number, name in enumerate(corpus.classes)}


def fine_tune(
    lab: Any, config: BertConfig, seed: int, weights: Weights, split: str, label: str, side: str = "numpy"
) -> dict[str, Any]:
    """Train a classifier whose encoder starts from ``weights``, as far as it has them; what came out on a split."""
    bench, engine = lab.side(side), lab.side("numpy")
    model = bench.build(config, seed)
    fresh = engine.state(engine.build(config, seed))
    kept = {name: value for name, value in weights.items() if name.startswith("bert.") and name in fresh}
    bench.load(model, fresh | kept)
    batches = lab.data.training_batches(config, generator(seed))
    optimizer, scheduler = bench.optimizer(model, config, config.epochs * len(batches))
    losses = [loss for _ in range(config.epochs) for loss in bench.train(model, optimizer, scheduler, batches)]
    metrics = bench.evaluate(model, lab.data.evaluation_batches(config, split))
    lab.log(f"fine-tuning {label} seed {seed} ({side}): {metrics['accuracy']:.2f} % of {split}")
    return {"side": side, "seed": seed, "metrics": metrics, "losses": losses, "config": asdict(config)}


def figures(lab: Any) -> None:
    """Every picture."""
    drawing.pretraining_figure(lab)
    drawing.fine_tuning_figure(lab)


if __name__ == "__main__":
    import runpy
    import sys

    sys.argv = ["tinygrad-lab", "claims", "bert", *sys.argv[1:]]
    runpy.run_module("tinygrad_lab", run_name="__main__")
