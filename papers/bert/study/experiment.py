"""The claims of BERT: reading both ways, next sentences, what stands for hidden words, and pre-training at all.

tinygrad-lab claims bert
"""

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_lab.study import SWEEP_SEED, Arrays, Lab, Record, Run, as_command, best_rate

from .. import data
from ..config import VARIANTS, BertConfig
from .probes import feature_accuracy, most_frequent, naive_bayes_accuracy, word_accuracy

Start = tuple[str, int, Arrays]  # of fine-tuning: side, seed, and the encoder's weights

# Tried beforehand, one seed each, without next sentences: batches of 32 and 48 (the same loss after three times the
# work), rates of 2e-3 and 5e-3 (worse), dropout of 0.1 (worse: nothing is seen more than three times), a bias that
# starts at the words' log frequencies (no better). The same for all arms.
SIZES: Record = {
    "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 256, "vocab_size": 1000, "length": 32,
    "initializer_range": 0.12, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip
PRETRAINING: Record = {"batch_size": 8, "epochs": 3, "learning_rate": 1e-3}
ARMS: dict[str, Record] = {  # arm -> variant, and what it changes
    "bert": {"variant": "bert"},
    "no-nsp": {"variant": "no-nsp"},
    "left-to-right": {"variant": "left-to-right"},
    "always-mask": {"variant": "bert", "mask_token_share": 1.0, "random_token_share": 0.0},
}
SCRATCH = "none"  # the arm that is not pre-trained
WITNESS = "bert"  # the arm that PyTorch runs too

LABELLED = {"kjv": 1000, "topics": 400}  # sentences with a class
FINE_TUNING: Record = {"epochs": 6, "batch_size": 32, "hidden_dropout_prob": 0.1}
RATES = (5e-4, 2e-3)


def pretraining_config(arm: str, quick: bool) -> BertConfig:
    """The same size, data and number of updates for every arm."""
    changes = dict(ARMS[arm])
    config = replace(VARIANTS[changes.pop("variant")]["small"], **SIZES, **PRETRAINING, **changes)
    return tiny(config) if quick else config


def fine_tuning_config(arm: str, rate: float, quick: bool) -> BertConfig:
    """A left-to-right model stays one when it is fine-tuned, as in the paper."""
    context = "left" if arm == "left-to-right" else "both"
    changes = SIZES | FINE_TUNING | {"context": context, "learning_rate": rate}
    config = replace(VARIANTS["classification"]["small"], **changes)
    return tiny(config) if quick else replace(config, items=labelled(config, quick))


def tiny(config: BertConfig) -> BertConfig:
    """A token size, on what is always there."""
    return replace(
        config, dataset="topics", hidden_size=8, intermediate_size=8, num_hidden_layers=1, vocab_size=300, items=64,
        epochs=1, length=16,
    )  # fmt: skip


def labelled(config: BertConfig, quick: bool) -> int:
    """How many sentences come with their class."""
    return 64 if quick else LABELLED[data.dataset(config, "train").name]


def measure(lab: Lab) -> None:
    """Every arm before, then every arm after; saved piece by piece."""
    starts: dict[str, list[Start]] = {SCRATCH: [("numpy", seed, {}) for seed in lab.seeds(3)]}
    for arm in ARMS:
        starts[arm] = measure_pretraining(lab, arm)
    measure_rates(lab, {arm: weights for arm, ((_, _, weights), *_) in starts.items()})
    measure_fine_tuning(lab, starts)


def measure_pretraining(lab: Lab, arm: str) -> list[Start]:
    """Three seeds, one arm on PyTorch too, and what each model knows; where fine-tuning goes on."""
    config, name = pretraining_config(arm, lab.quick), f"pre-training {arm}"
    runs = [lab.train(config, seed, label=name, at_end=("test",)) for seed in lab.seeds(3)]
    probes = [probe(lab, config, run.model) for run in runs]
    if arm == WITNESS:
        runs.append(lab.train(config, 0, "torch", name, at_end=("test",)))
    records, nothing = [record(run) for run in runs], most_frequent(config)
    results = {"runs": records, "probes": probes, "most frequent": nothing}
    lab.save(f"pretraining-{arm}", results, config)
    return [(run.side, run.seed, encoder_of(lab.side(run.side).state(run.model))) for run in runs]


def encoder_of(weights: Arrays) -> Arrays:
    """What fine-tuning takes over: the encoder, and its pooler where there is one, but no head."""
    return {name: value for name, value in weights.items() if name.startswith("bert.")}


def record(run: Run) -> Record:
    """A run's record with means for its loss curve."""
    return run.record("history", "train_metrics") | {"losses": thinned(run.losses)}


def thinned(losses: list[float]) -> list[float]:
    """At most 200 means over as many steps each."""
    width = -(-len(losses) // 200)
    return [float(np.mean(losses[first : first + width])) for first in range(0, len(losses), width)]


def probe(lab: Lab, config: BertConfig, model: Any) -> dict[str, float]:
    """Words found where they are hidden and where they are shown; classes found from frozen features."""
    known = {
        "hidden": word_accuracy(model, config, hide=True),
        "shown": word_accuracy(model, config, hide=False),
        "features": feature_accuracy(model, config, labelled(config, lab.quick)),
    }
    lab.log("  " + ", ".join(f"{name} {value:.2f} %" for name, value in known.items()))
    return known


def measure_rates(lab: Lab, starts: dict[str, Arrays]) -> None:
    """Every learning rate of fine-tuning for every arm, one seed, on the validation data."""
    accuracy: dict[str, dict[str, float]] = {arm: {} for arm in starts}
    for arm, weights in starts.items():
        for rate in RATES:
            config, label = fine_tuning_config(arm, rate, lab.quick), f"fine-tuning {arm}, {rate:g}"
            run = lab.train(config, SWEEP_SEED, label=label, weights=weights, at_end=())
            accuracy[arm][f"{rate:g}"] = lab.evaluate(run, "validation")["accuracy"]
    lab.save("rates", {"accuracy": accuracy}, config)


def measure_fine_tuning(lab: Lab, starts: dict[str, list[Start]]) -> None:
    """Every arm with its best rate, once from each of its models; what counts is the test data."""
    records: dict[str, list[Record]] = {}
    for arm, models in starts.items():
        rate = best_rate(lab.results("rates")["accuracy"][arm], largest=True)
        config, label = fine_tuning_config(arm, rate, lab.quick), f"fine-tuning {arm}"
        records[arm] = [
            record(lab.train(config, seed, side, label, weights=weights, at_end=("test",)))
            for side, seed, weights in models
        ]
    bayes, classes = naive_bayes_accuracy(config, config.items), class_shares(config)
    lab.save("fine-tuning", {"runs": records, "naive Bayes": bayes, "classes": classes}, config)


def class_shares(config: BertConfig) -> dict[str, float]:
    """Percent of the test sentences in each class."""
    names, labels = data.dataset(config, "test").classes, data.encoded(config, "test").label
    return {name: 100 * float((labels == number).mean()) for number, name in enumerate(names)}


if __name__ == "__main__":
    as_command("bert")
