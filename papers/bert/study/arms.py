"""What BERT's study trains: the arms of pre-training and fine-tuning, and every budget, grid and size beforehand.

Masked and left-to-right models are compared at equal numbers of *predicted* tokens: a masked one is asked about 15 % of
the tokens that it reads, a left-to-right one about all, so that it stops after about a sixth of the text.  A second arm
reads as much text from left to right as the masked ones do, in as many updates, which is how the paper compares them.
"""

import math
from dataclasses import replace

import numpy as np

from tinygrad_lab.study import SWEEP_SEED, Record

from .. import data
from ..config import VARIANTS, BertConfig

# Tried beforehand, one seed each, without next sentences: batches of 32 and 48 (the same loss after three times the
# work), dropout of 0.1 (worse: nothing is seen more than twice), a bias that starts at the words' log frequencies (no
# better), a width of 32 for twice as many updates (no better in more time). The same for all arms.
SIZES: Record = {
    "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 256, "vocab_size": 1000, "length": 32,
    "initializer_range": 0.12, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "batch_size": 8,
}  # fmt: skip
LEFT, LONGER = "left-to-right", "left-to-right-longer"
ARMS: dict[str, Record] = {  # arm -> variant, and what it changes
    "bert": {"variant": "bert"},
    "no-nsp": {"variant": "no-nsp"},
    "always-mask": {"variant": "bert", "mask_token_share": 1.0, "random_token_share": 0.0},
    LEFT: {"variant": "left-to-right"},
    LONGER: {"variant": "left-to-right"},
}
SCRATCH = "none"  # the arm that is not pre-trained

PAIRS = 33_600  # that a masked model reads, 4,200 updates: what five seeds of all arms leave time for
RATES = (5e-4, 1e-3, 2e-3, 4e-3)  # around size small's; an arm whose best is at an end is given further ones
RATE_PART = 3  # a rate is chosen with a third of an arm's pairs

LABELLED = {"kjv": 1000, "topics": 400}  # sentences with a class
FEW_LABELS = 100
TUNING_UPDATES = 192  # six passes over a thousand sentences, and as many updates on fewer
TUNING_BATCH = 32
TUNING_RATES = (1.25e-4, 2.5e-4, 5e-4, 1e-3)  # the paper's are 2e-5 to 5e-5, of a model twelve times as wide
FEW = {f"{arm}, few labels": arm for arm in ("no-nsp", SCRATCH)}  # task -> what it starts from
TASKS = {**{arm: arm for arm in (*ARMS, SCRATCH)}, **FEW}

SEEDS = 5  # of everything, as no run takes three minutes; each pre-training run is fine-tuned once
WITNESSED = (
    "no-nsp",
    LEFT,
)  # the arms that PyTorch pre-trains too, under seeds of its own; with SCRATCH it tunes three
FIRST_WITNESS = 1000  # PyTorch's first seed; no other run has one from here on


def pretraining_config(
    arm: str, rate: float = RATES[1], seed: int = 0, part: int = 1, quick: bool = False
) -> BertConfig:
    """An arm before any task, on pairs of sentences that the seed draws.

    Args:
        arm: one of ARMS.
        rate: of learning.
        seed: 0, 1, ...
        part: 3 for a third of the arm's pairs.
        quick: at a token size.
    """
    changes = dict(ARMS[arm])
    config = replace(VARIANTS[changes.pop("variant")]["small"], **SIZES, **changes, learning_rate=rate, seed=seed)
    if quick:
        return tiny(config)
    pairs = pairs_read(arm, config) / part
    epochs = math.ceil(pairs / len(data.encoded(config, "train").starts()))
    return replace(config, epochs=epochs, items=round(pairs / epochs))


def tried(arm: str, rate: float, quick: bool) -> BertConfig:
    """What a rate of an arm is chosen with."""
    return pretraining_config(arm, rate, SWEEP_SEED, RATE_PART, quick)


def pairs_read(arm: str, config: BertConfig) -> float:
    """Pairs of sentences that an arm reads in all: fewer where it is stopped after as many predicted tokens."""
    if arm != LEFT:
        return float(PAIRS)
    return PAIRS * asked_of_pair(replace(config, task="masked", context="both")) / asked_of_pair(config)


def asked_of_pair(config: BertConfig) -> float:
    """How many tokens of a pair of sentences that follow each other are to be predicted, on average."""
    found = data.encoded(config, "train")
    lengths, first = np.array([len(tokens) for tokens in found.tokens]), found.starts()
    tokens = np.minimum(lengths[first] + lengths[first + 1] + 3, config.length)
    asked = tokens - 1 if config.context == "left" else np.maximum(1, np.rint(config.masked_share * tokens))
    return float(asked.mean())


def predicted(config: BertConfig) -> int:
    """Tokens that a whole run is asked about; with random second sentences a few more or less."""
    return round(config.epochs * config.items * asked_of_pair(config))


def fine_tuning_config(task: str, rate: float, seed: int = 0, quick: bool = False) -> BertConfig:
    """The classifier of a task, on labelled sentences that the seed draws; left to right it stays, as in the paper."""
    context = "left" if TASKS[task] in (LEFT, LONGER) else "both"
    changes = SIZES | {"context": context, "hidden_dropout_prob": 0.1, "batch_size": TUNING_BATCH}
    config = replace(VARIANTS["classification"]["small"], **changes, learning_rate=rate, seed=seed)
    if quick:
        return tiny(config)
    labels = FEW_LABELS if task in FEW else LABELLED[data.dataset(config, "train").name]
    return replace(config, items=labels, epochs=round(TUNING_UPDATES / math.ceil(labels / TUNING_BATCH)))


def tiny(config: BertConfig) -> BertConfig:
    """A token size, on what is always there."""
    return replace(
        config, dataset="topics", hidden_size=8, intermediate_size=8, num_hidden_layers=1, vocab_size=300, items=64,
        epochs=1, length=16,
    )  # fmt: skip


def updates(config: BertConfig) -> int:
    """Of a whole run."""
    return config.epochs * math.ceil(config.items / config.batch_size)
