"""What is compared: every arm, what it trains on, and the rates that are tried for it.

All of them, Luong's recurrent model included, get the same pairs, passes and batches, and a rate of their own.
"""

from dataclasses import dataclass, replace
from typing import Any

from tinygrad_lab.study import Lab, Record

RIVAL = "seq2seq_attention"  # the paper whose translator is the baseline, with general global attention

# Half as wide as ``small``, and about a seventh of the dates: four passes take about 12 s of a core, so that five seeds
# of every arm, rates for each and PyTorch's witnesses make a study of a quarter of an hour on two cores.
SIZE: Record = {
    "hidden_size": 32, "feed_forward": 128, "batch_size": 32, "train_items": 9000, "epochs": 4,
    "warmup_steps": 225,  # a fifth of the updates: with the paper's twenty-fifth too few would be left to rise in
}  # fmt: skip
RIVAL_SIZE: Record = {"hidden_size": 64, "batch_size": 32, "train_items": 9000, "epochs": 4}
FEW: Record = {"train_items": 1000, "epochs": 36}  # as many updates, on pairs that can be learned by heart
DEEP: Record = {  # the paper's six layers, where a start at the full rate should hurt most
    "layers": 6, "dropout": 0.0, "train_items": 6400, "epochs": 1, "warmup_steps": 60,
}  # fmt: skip
WORDS: Record = {"dataset": "cmudict"}
RIVAL_WORDS = WORDS | {"source_vocabulary": 32, "target_vocabulary": 48}
QUICK: Record = {"layers": 1, "hidden_size": 16, "train_items": 256, "epochs": 1, "batch_size": 64}

# an arm whose best rate is at an end is given further ones
RATES = (0.125, 0.25, 0.5, 1.0)  # factors on the paper's schedule
DEEP_RATES = (0.05, 0.1, 0.2, 0.4)
HELD_RATES = (0.025, 0.05, 0.1, 0.2)
AT_ONCE_RATES = (0.005, 0.01, 0.02, 0.04)  # 1/√step from the first update on begins with its highest rate
RIVAL_RATES = (0.003, 0.006, 0.012, 0.024)


@dataclass(frozen=True)
class Arm:
    """One side of a comparison.

    Attributes:
        variant: of this paper, or "general", which is the rival's.
        changes: what differs from ``SIZE``.
        rates: that are tried at first.
    """

    variant: str
    changes: Record
    rates: tuple[float, ...] = RATES


ARMS: dict[str, dict[str, Arm]] = {
    "dates": {
        "sinusoidal": Arm("sinusoidal", {}),
        "one-head": Arm("one-head", {}),
        "narrow-keys": Arm("narrow-keys", {"key_size": 2}),  # a quarter of d / h = 8, as 16 is of the paper's 64
        "learned": Arm("learned", {}),
        "no-smoothing": Arm("sinusoidal", {"label_smoothing": 0.0}),
        "no-positions": Arm("no-positions", {}),
        "luong": Arm("general", {}, RIVAL_RATES),
    },
    "few-dates": {"without": Arm("sinusoidal", FEW | {"dropout": 0.0}), "dropout": Arm("sinusoidal", FEW)},
    "words": {"transformer": Arm("sinusoidal", WORDS), "luong": Arm("general", RIVAL_WORDS, RIVAL_RATES)},
    "warm-up": {
        "warm-up": Arm("sinusoidal", DEEP, DEEP_RATES),
        "held": Arm("sinusoidal", DEEP | {"rising": False}, HELD_RATES),  # the same but for the rise
        "none": Arm("sinusoidal", DEEP | {"warmup_steps": 1}, AT_ONCE_RATES),
    },
}


def bench_of(lab: Lab, arm: Arm) -> Lab:
    """Where an arm is trained."""
    return lab.beside(RIVAL) if arm.variant == "general" else lab


def configuration(bench: Lab, arm: Arm, rate: float) -> Any:
    """What an arm trains at a rate; at a token size where that is all that is asked for."""
    size = RIVAL_SIZE if arm.variant == "general" else SIZE
    config = replace(bench.paper.variants[arm.variant]["small"], **(size | arm.changes), learning_rate=rate)
    return replace(config, **QUICK) if bench.quick else config


def tried(bench: Lab, arm: Arm, rate: float) -> Any:
    """What a rate is chosen with: half of the passes, and where there is but one that one."""
    config = configuration(bench, arm, rate)
    return replace(config, epochs=max(1, config.epochs // 2))
