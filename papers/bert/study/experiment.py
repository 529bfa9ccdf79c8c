"""The claims of BERT: reading both ways, next sentences, what stands for hidden words, and pre-training at all.

tinygrad-lab claims bert
"""

import time
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from papers.bert.config import VARIANTS, BertConfig
from papers.bert.study.probes import feature_accuracy, most_frequent, naive_bayes_accuracy, word_accuracy
from tinygrad_lab.random import generator
from tinygrad_lab.study import Lab, as_command

Weights = dict[str, np.ndarray]

# Tried beforehand, one seed each, without next sentences: batches of 32 and 48 (the same loss after three times the
# work), rates of 2e-3 and 5e-3 (worse), dropout of 0.1 (worse: nothing is seen more than three times), a bias that
# starts at the words' log frequencies (no better). The same for all arms.
SIZES: dict[str, Any] = {
    "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 256, "vocab_size": 1000, "length": 32,
    "initializer_range": 0.12, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip
PRETRAINING: dict[str, Any] = {"batch_size": 8, "epochs": 3, "learning_rate": 1e-3}
ARMS: dict[str, dict[str, Any]] = {  # arm -> variant, and what it changes
    "bert": {"variant": "bert"},
    "no-nsp": {"variant": "no-nsp"},
    "left-to-right": {"variant": "left-to-right"},
    "always-mask": {"variant": "bert", "mask_token_share": 1.0, "random_token_share": 0.0},
}
SCRATCH = "none"  # the arm that is not pre-trained
WITNESS = "bert"  # the arm that PyTorch runs too

LABELLED = {"kjv": 1000, "topics": 400}  # sentences with a class
FINE_TUNING: dict[str, Any] = {"epochs": 6, "batch_size": 32, "hidden_dropout_prob": 0.1}
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
    changes = SIZES | FINE_TUNING | {"context": context, "learning_rate": rate}
    config = replace(VARIANTS["classification"]["small"], **changes)
    return tiny(config, 64) if quick else config


def tiny(config: BertConfig, items: int) -> BertConfig:
    """A token size, on what is always there."""
    return replace(
        config, dataset="topics", hidden_size=8, intermediate_size=8, num_hidden_layers=1, vocab_size=300, items=items,
        epochs=1, length=16,
    )  # fmt: skip


# ---- running it ------------------------------------------------------------------------------------------------------


def measure(lab: Lab) -> None:
    """Every arm before, then every arm after; saved piece by piece."""
    weights: dict[str, list[Weights]] = {SCRATCH: []}
    for arm in ARMS:
        weights[arm] = measure_pretraining(lab, arm)
    measure_rates(lab, weights)
    measure_fine_tuning(lab, weights)


def measure_pretraining(lab: Lab, arm: str) -> list[Weights]:
    """Three seeds, one arm also on PyTorch, and what each model knows; returns the weights, PyTorch's last."""
    config, name = pretraining_config(arm, lab.quick), f"pre-training {arm}"
    runs = [trained(lab, config, seed, {}, "test", name) for seed in lab.seeds(3)]
    probes = [probe(lab, config, model) for _, model in runs]
    states = [lab.side("numpy").state(model) for _, model in runs]
    if arm == WITNESS:
        runs.append(trained(lab, config, 0, {}, "test", name, side="torch"))
        states.append(lab.side("torch").state(runs[-1][1]))
    results = {"runs": [run for run, _ in runs], "probes": probes, "most frequent": most_frequent(config)}
    lab.save(f"pretraining-{arm}", results, config)
    return states


def trained(
    lab: Lab, config: BertConfig, seed: int, start: Weights, split: str, label: str, side: str = "numpy"
) -> tuple[dict[str, Any], Any]:
    """Train from ``start``, as far as it goes, and the engine's initial weights; what came out on a split, and the
    model. Both sides see the same batches.
    """
    bench, engine = lab.side(side), lab.side("numpy")
    model = bench.build(config, seed)
    bench.load(model, engine.state(engine.build(config, seed)) | start)
    batches = lab.data.training_batches(config, generator(seed))
    steps = config.epochs * len(batches)
    optimizer, scheduler = bench.optimizer(model, config, steps)
    clock = time.perf_counter()
    losses = [loss for _ in range(config.epochs) for loss in bench.train(model, optimizer, scheduler, batches)]
    seconds = time.perf_counter() - clock
    metrics = bench.evaluate(model, lab.data.evaluation_batches(config, split))
    lab.log(f"{label} seed {seed} ({side}): {metrics['accuracy']:.2f} % of {split}, {seconds:.0f} s")
    record = {
        "side": side, "seed": seed, "metrics": metrics, "losses": thinned(losses), "steps": steps, "seconds": seconds,
        "parameters": sum(parameter.numel() for parameter in model.parameters()), "config": asdict(config),
    }  # fmt: skip
    return record, model


def thinned(losses: list[float]) -> list[float]:
    """At most 200 means over as many steps each."""
    width = -(-len(losses) // 200)
    return [float(np.mean(losses[first : first + width])) for first in range(0, len(losses), width)]


def probe(lab: Lab, config: BertConfig, model: Any) -> dict[str, float]:
    """Words found where they are hidden and where they are shown; classes found from frozen features."""
    found = {
        "hidden": word_accuracy(model, config, hide=True),
        "shown": word_accuracy(model, config, hide=False),
        "features": feature_accuracy(model, config, labelled(lab, config)),
    }
    lab.log("  " + ", ".join(f"{name} {value:.2f} %" for name, value in found.items()))
    return found


def labelled(lab: Lab, config: BertConfig) -> int:
    """How many sentences come with their class."""
    return 64 if lab.quick else LABELLED[lab.data.dataset(config, "train").name]


def measure_rates(lab: Lab, weights: dict[str, list[Weights]]) -> None:
    """Every learning rate of fine-tuning for every arm, one seed, on the validation data."""
    found: dict[str, dict[str, float]] = {}
    for arm, states in weights.items():
        found[arm] = {}
        for rate in RATES:
            config = with_labels(lab, fine_tuning_config(arm, rate, lab.quick))
            start = encoder_of(states[0]) if states else {}
            run, _ = trained(lab, config, SWEEP_SEED, start, "validation", f"fine-tuning {arm}, {rate:g}")
            found[arm][f"{rate:g}"] = run["metrics"]["accuracy"]
    lab.save("rates", {"accuracy": found}, config)


def measure_fine_tuning(lab: Lab, weights: dict[str, list[Weights]]) -> None:
    """Every arm with its best rate, a seed for each of its pre-trained models; what counts is the test data."""
    runs: dict[str, list[dict[str, Any]]] = {}
    seeds = lab.seeds(3)
    for arm, states in weights.items():
        accuracy = lab.results("rates")["accuracy"][arm]
        config = with_labels(lab, fine_tuning_config(arm, float(max(accuracy, key=accuracy.__getitem__)), lab.quick))
        starts = [encoder_of(state) for state in states] or [{}] * len(seeds)
        name = f"fine-tuning {arm}"
        pairs = zip(seeds, starts, strict=False)  # PyTorch's weights are left over
        runs[arm] = [trained(lab, config, seed, start, "test", name)[0] for seed, start in pairs]
        if arm == WITNESS:
            runs[arm].append(trained(lab, config, 0, starts[-1], "test", name, side="torch")[0])
    bayes = naive_bayes_accuracy(config, config.items)
    lab.save("fine-tuning", {"runs": runs, "naive Bayes": bayes, "classes": class_shares(lab, config)}, config)


def with_labels(lab: Lab, config: BertConfig) -> BertConfig:
    """The configuration with as many labelled sentences as the data set is given."""
    return replace(config, items=labelled(lab, config))


def class_shares(lab: Lab, config: BertConfig) -> dict[str, float]:
    """Percent of the test sentences in each class."""
    corpus, labels = lab.data.dataset(config, "test"), lab.data.encoded(config, "test").label
    return {name: 100 * float((labels == number).mean()) for number, name in enumerate(corpus.classes)}


def encoder_of(weights: Weights) -> Weights:
    """What fine-tuning takes over: the encoder, and its pooler where there is one, but no head."""
    return {name: value for name, value in weights.items() if name.startswith("bert.")}


if __name__ == "__main__":
    as_command("bert")
