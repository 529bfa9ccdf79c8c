"""What is compared: every arm, what it trains on, and the rates that are tried for it.

All arms of a group get the same pairs, passes and batches, and each gets a rate of its own.
"""

from dataclasses import dataclass, replace

from tinygrad_lab.study import Lab, Record

from ..config import VARIANTS, Seq2SeqConfig

# Half as wide as ``small``, and a fraction of the pairs: a run takes 3 to 25 s of a core, so that five seeds of every
# arm, rates for each and PyTorch's witnesses make a study of about twelve minutes on two cores.
SIZE: Record = {"hidden_size": 64, "batch_size": 32, "train_items": 9000, "epochs": 4}
DATES: Record = {"epochs": 6}  # without attention few of the shortest would be right after four
FEW: Record = {"train_items": 2000, "epochs": 8}  # with 9,000 nearly every date is right, whatever the kind
WORDS: Record = {"dataset": "cmudict", "source_vocabulary": 32, "target_vocabulary": 48}
VERSES: Record = {  # smaller batches, as attention is found after so many updates, not after so many pairs
    "dataset": "eng-spa", "source_vocabulary": 1000, "target_vocabulary": 1000, "batch_size": 16,
    "max_length": 40, "train_items": 15_000,  # of which about half are that short
}  # fmt: skip
QUICK: Record = {"hidden_size": 16, "train_items": 256, "epochs": 1, "batch_size": 64}

RATES = (0.006, 0.012, 0.024, 0.048)  # for every arm; one whose best is at an end is given further ones


def fed(kind: str) -> str:
    """The arm of a kind of attention with input feeding."""
    return f"{kind}, fed"


@dataclass(frozen=True)
class Arm:
    """One side of a comparison.

    Attributes:
        variant: of the paper's model.
        changes: what differs from ``SIZE``.
    """

    variant: str
    changes: Record


KINDS = ("dot", "general", "concat", "local-m", "local-p")
FED = ("general", "local-p")  # with input feeding too, which takes three times as long: the kinds that the paper feeds
ARMS: dict[str, dict[str, Arm]] = {
    "dates": {"none": Arm("none", DATES), "general": Arm("general", DATES)},
    "kinds": {kind: Arm(kind, FEW) for kind in KINDS}
    | {fed(kind): Arm(kind, FEW | {"input_feeding": True}) for kind in FED},
    "words": {"none": Arm("none", WORDS), "general": Arm("general", WORDS)},
    "verses": {"none": Arm("none", VERSES), "general": Arm("general", VERSES)},
}
FILES = {"words": "cmudict", "verses": "eng-spa"}  # that a group needs; dates are there wherever the lab is


def configuration(lab: Lab, arm: Arm, rate: float) -> Seq2SeqConfig:
    """What an arm trains at a rate; at a token size where that is all that is asked for."""
    config = replace(VARIANTS[arm.variant]["small"], **(SIZE | arm.changes), learning_rate=rate)
    return replace(config, **QUICK) if lab.quick else config


def tried(lab: Lab, arm: Arm, rate: float) -> Seq2SeqConfig:
    """What a rate is chosen with: half of the passes."""
    config = configuration(lab, arm, rate)
    return replace(config, epochs=max(1, config.epochs // 2))
