"""The README's further blocks: every arm on dates, and what to see in each picture, all from the results."""

from collections.abc import Sequence
from math import log

import numpy as np

from tinygrad_lab.study import Lab, Record, gallery, table

from ..config import VARIANTS
from ..model import SinusoidalPositions
from .arms import ARMS
from .measured import by_look, nats, share, written

SHOWN = {"dates": 1, "layers": 0}  # which date: a German one head by head, a Spanish one through every attention
LIKENED = (10, 30, 50)  # positions that all others are compared with
DISTANCE = 10


def tables(lab: Lab) -> dict[str, str]:
    """The blocks "variants", "beams" and "pictures"."""
    columns = ("model", "parameters", "rate", "dates right", "PyTorch", "nats a token", "bits", "s a run")
    rows = [row(lab, arm) for arm in ARMS["dates"]]
    return {"variants": table(columns, rows, right=7), "beams": beams(lab), "pictures": pictures(lab)}


def row(lab: Lab, arm: str) -> tuple[str, ...]:
    """One arm's line of the table."""
    run, loss = lab.runs("dates", arm=arm)[0], lab.interval(nats(lab, "dates", arm))
    seconds, name = lab.spread("dates", "seconds", arm=arm).mean, "Luong et al. 2015" if arm == "luong" else arm
    witness = share(lab, arm, side="torch") if written(lab, "dates", arm, side="torch") else "-"
    return (
        name, f"{run['parameters']:,}", f"{run['config']['learning_rate']:g}", share(lab, arm), witness,
        f"{loss:.3f}", f"{loss.mean / log(2):.3f}", f"{seconds:.0f}",
    )  # fmt: skip


def beams(lab: Lab) -> str:
    """What a wider search adds."""
    found = lab.results("shown")["beams"]
    greedy, wide = (look["exact"] for look in found.values())
    return (
        f"Seed 0 of the default writes {greedy:.1f} % of the dates right greedily, and {wide:.1f} % with "
        f"{list(found)[-1]} beams."
    )


# ---- what to see in the pictures -------------------------------------------------------------------------------------
def pictures(lab: Lab) -> str:
    """Each picture, and its sentence."""
    told = {
        "positions": ("The sinusoids, and their inner products", of_positions()),
        "dates": ("Where each head of the last layer looks while a date is written", of_dates(lab)),
        "layers": ("One date through every attention of the network", of_layers(lab)),
        "variants": ("Every arm on dates: after each pass, and at the end", of_variants(lab)),
        "warm-up": ("With and without warm-up", of_warm_up(lab)),
    }
    if lab.has("words"):
        told["words"] = ("Where each head of the last layer looks while a word is spelled", of_words(lab))
    return gallery(told)


def position_table() -> np.ndarray:
    """The sinusoids of the small size: a row for each of 60 positions."""
    return SinusoidalPositions(VARIANTS["sinusoidal"]["small"])(0, 60).numpy()


def of_positions() -> str:
    """How alike two positions are, by their distance."""
    table = position_table()
    own, apart = (float(table[LIKENED[1]] @ table[LIKENED[1] + step]) for step in (0, DISTANCE))
    return (
        f"Left, each position's row of sines and cosines; right, the inner product of position "
        f"{LIKENED[1]} with itself is {own:.0f}, and with the one {DISTANCE} further on "
        f"{apart:.1f}; the other curves are the same one, moved."
    )


def of_dates(lab: Lab) -> str:
    """How sharply digits and hyphens are read."""
    example = lab.results("shown")["dates"][SHOWN["dates"]]
    digits, hyphens = (greatest_weight(example, hyphen) for hyphen in (False, True))
    return (
        f"Rows are what is written, columns what is read, darker is more weight. The greatest weight of a head is "
        f"{digits:.2f} on average where a digit is written, and {hyphens:.2f} where a hyphen is."
    )


def greatest_weight(example: Record, hyphen: bool) -> float:
    """The mean over heads of a row's greatest weight in the last layer, where hyphens or digits are written."""
    weights = np.array(list(example["maps"].values())[-1])
    rows = [i for i, token in enumerate(example["target"]) if (token == "-" if hyphen else token.isdigit())]
    return float(weights[:, rows].max(axis=-1).mean()) if rows else 0.0


def of_layers(lab: Lab) -> str:
    """How far from the diagonal encoder and decoder look."""
    example = lab.results("shown")["dates"][SHOWN["layers"]]
    sharp = {path: np.array(weights).max(axis=-1).mean() for path, weights in example["maps"].items()}
    first, last = (f"{list(sharp.values())[place]:.2f}" for place in (0, -1))
    return (
        f"From the encoder's first layer above to the decoder's last look at the source below: the greatest weight of "
        f"a row is {first} on average at the top and {last} at the bottom; nothing is read right of the staircase in "
        f"the decoder's own attention, as that is not written yet."
    )


def of_variants(lab: Lab) -> str:
    """Who is ahead, and who is still learning."""
    ends = {arm: by_look(lab, arm) for arm in ARMS["dates"]}
    best, worst = (order(ends, key=lambda arm: ends[arm][-1]) for order in (max, min))
    before, after = ends["sinusoidal"][-2:]
    return (
        f"Left, means over seeds after each pass; right, a point a seed after the last. Most dates come out right with "
        f"{best} ({ends[best][-1]:.1f} %), fewest with {worst} ({ends[worst][-1]:.1f} %); in the last pass the default "
        f"goes from {before:.1f} to {after:.1f} %."
    )


def of_warm_up(lab: Lab) -> str:
    """The least loss of each schedule on validation pairs, and on test pairs over seeds."""
    scores = lab.results("rates")["scores"]["warm-up"]
    best = {arm: min(found.values()) for arm, found in scores.items()}
    test = {arm: lab.interval(nats(lab, "warm-up", arm)).mean for arm in best}
    said = (
        "warm-up leaves {warm-up:.2f} nats a token, the peak held from the first update {held:.2f}, 1/√step {none:.2f}"
    )
    return (
        f"Left, each schedule at its best rate; right, the loss on validation pairs at every rate that was tried, by "
        f"the highest rate of the schedule. At its best rate {said.format_map(best)}; on test pairs "
        "{warm-up:.2f}, {held:.2f} and {none:.2f}.".format_map(test)
    )


def of_words(lab: Lab) -> str:
    """What was written, and whether it is read from left to right."""
    words = lab.results("shown")["words"]
    spelled = [f"{''.join(word['source'][:-1])} as {' '.join(word['target'][:-1])}" for word in words]
    return (
        f"From one phoneme to the next the place that is read, a mean over letters by weight and over heads, moves to "
        f"the right in {100 * rightward(words):.0f} % of the steps. Seed 0 writes {'; '.join(spelled)}."
    )


def rightward(words: Sequence[Record]) -> float:
    """The share of steps in which the mean place that the last layer reads does not go back."""
    moves: list[bool] = []
    for word in words:
        weights = np.array(list(word["maps"].values())[-1]).mean(axis=0)
        moves += (np.diff(weights @ np.arange(weights.shape[1])) >= 0).tolist()
    return sum(moves) / max(1, len(moves))
