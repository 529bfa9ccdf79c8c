"""The README's further blocks: the summary, the tables, and what to see in each picture, all from the results."""

import math
from statistics import mean

from tinygrad_lab.study import Interval, Lab, Record, Summary, gallery, passes, table

from .arms import ARMS, FEW, LEFT, LONGER, SCRATCH, WITNESSED

ROWS = {
    "bert": "BERT: hidden words 80/10/10, next sentences",
    "no-nsp": "masked: hidden words 80/10/10 alone",
    "always-mask": "hidden words always [MASK], next sentences",
    LEFT: "left to right, as many predicted tokens",
    LONGER: "left to right, as much text",
    SCRATCH: "not pre-trained",
}
TEXTS = {"kjv": "King James Bible, verse -> group of books", "topics": "Python's help texts, paragraph -> topic"}
PROBES = ("hidden", "shown", "features")
STANDARD = "no-nsp"  # the arm that the summary is about: the one that both sides trained


# ---- numbers ---------------------------------------------------------------------------------------------------------
def tuned(lab: Lab, task: str, side: str = "numpy") -> list[float]:
    """Percent of test sentences in the right class after fine-tuning, one a seed."""
    return lab.values("fine-tuning", "metrics", "accuracy", side=side, arm=task)


def words_counted(lab: Lab, task: str, side: str = "numpy") -> list[float]:
    """The same of naive Bayes on the labelled sentences of a task, one a seed."""
    found: list[float] = lab.results("fine-tuning")["naive Bayes"][task][side]
    return found


def probed(lab: Lab, arm: str, what: str, side: str = "numpy") -> list[float]:
    """What the models of an arm know before any fine-tuning, one a seed."""
    return [run["history"][-1][what] for run in lab.runs("pretraining", side, arm)]


def nats(lab: Lab, arm: str) -> float:
    """The mean test loss of an arm, in nats a predicted token."""
    return lab.spread("pretraining", "metrics", "loss", arm=arm).mean


def bits(loss: float) -> float:
    """Nats in bits."""
    return loss / math.log(2)


def rate(lab: Lab, name: str, arm: str) -> str:
    """The rate that an arm was given."""
    return f"{lab.runs(name, arm=arm)[0]['config']['learning_rate']:g}"


# ---- tables ----------------------------------------------------------------------------------------------------------
def tables(lab: Lab) -> dict[str, str]:
    """The blocks "arms", "labels" and "pictures"."""
    return {"arms": arms(lab), "labels": labels(lab), "pictures": pictures(lab)}


def arms(lab: Lab) -> str:
    """Everything measured of every arm."""
    columns = (
        "pre-training", "updates", "predicted tokens", "nats (bits) a predicted token", "hidden words found",
        "shown words named", "linear on frozen features", "fine-tuned", "PyTorch", "rates before, after", "s a run",
    )  # fmt: skip
    none = (ROWS[SCRATCH], *["-"] * 6, right(lab, SCRATCH), right(lab, SCRATCH, "torch"))
    rows = [*(row(lab, arm) for arm in ARMS), (*none, f"-, {rate(lab, 'fine-tuning', SCRATCH)}", "-")]
    return table(columns, rows, right=10)


def row(lab: Lab, arm: str) -> tuple[object, ...]:
    """One arm's line."""
    run, asked, loss = lab.runs("pretraining", arm=arm)[0], lab.results("pretraining")["predicted"][arm], nats(lab, arm)
    known = [f"{lab.interval(probed(lab, arm, what)):.1f %}" for what in PROBES]
    return (
        ROWS[arm], f"{run['steps']:,}", f"{asked:,}", f"{loss:.2f} ({bits(loss):.2f})", *known, right(lab, arm),
        right(lab, arm, "torch") if arm in WITNESSED else "-",
        f"{rate(lab, 'pretraining', arm)}, {rate(lab, 'fine-tuning', arm)}",
        f"{lab.spread('pretraining', 'seconds', arm=arm).mean:.0f}",
    )  # fmt: skip


def right(lab: Lab, task: str, side: str = "numpy") -> str:
    """Accuracy after fine-tuning with its interval."""
    return f"{lab.interval(tuned(lab, task, side)):.1f %}"


def labels(lab: Lab) -> str:
    """What few and many labelled sentences are worth to a pre-trained encoder, to one that is not, and to counting."""
    columns = ("labelled sentences", "masked, fine-tuned", "not pre-trained", "naive Bayes")
    rows = [
        (f"{items:,}", *(f"{found:.1f %}" for found in spreads)) for items, spreads in by_labels(lab)
    ]  # fmt: skip
    return table(columns, rows, right=3)


def by_labels(lab: Lab) -> list[tuple[int, tuple[Interval, Interval, Interval]]]:
    """Labelled sentences, and what the three make of them."""
    found = []
    for masked, nothing in (tuple(FEW), ("no-nsp", SCRATCH)):
        spreads = (
            lab.interval(tuned(lab, masked)), lab.interval(tuned(lab, nothing)),
            lab.interval(words_counted(lab, nothing)),
        )  # fmt: skip
        found.append((lab.runs("fine-tuning", arm=masked)[0]["config"]["items"], spreads))
    return found


# ---- what to see in the pictures -------------------------------------------------------------------------------------
def pictures(lab: Lab) -> str:
    """Each picture, and its sentence."""
    told = {
        "pretraining": ("Training loss by predicted tokens, and hidden words found", of_pretraining(lab)),
        "fine-tuning": ("Classes found after fine-tuning, by arm and by labelled sentences", of_tuning(lab)),
    }
    return gallery(told)


def of_pretraining(lab: Lab) -> str:
    """Where the losses end, and who finds hidden words."""
    both, left, longer = (last_loss(lab, arm) for arm in ("no-nsp", LEFT, LONGER))
    asked = lab.results("pretraining")["predicted"]
    words = [f"{mean(probed(lab, arm, 'hidden')):.1f} %" for arm in ("no-nsp", LEFT, LONGER)]
    return (
        f"Left: after {asked['no-nsp']:,} predicted tokens the masked model is at {both:.2f} nats ({bits(both):.2f} "
        f"bits) a token, the left-to-right one after {asked[LEFT]:,} at {left:.2f} ({bits(left):.2f}); with as much "
        f"text as the masked one it comes to {longer:.2f} ({bits(longer):.2f}) after {asked[LONGER]:,}. Hidden tokens "
        "and next ones are not the same question, so that losses compare within a task alone. Right: the same hidden "
        f"words are found by these three in {words[0]}, {words[1]} and {words[2]}; the commonest word (dashed) is "
        f"right in {lab.results('pretraining')['most frequent']:.1f} %. Lines and dots are seeds; dotted lines are "
        "PyTorch's."
    )


def last_loss(lab: Lab, arm: str) -> float:
    """The mean training loss of the last twentieth of the updates, over seeds."""
    ends = [run["losses"][-max(1, len(run["losses"]) // 20) :] for run in lab.runs("pretraining", arm=arm)]
    return float(mean(mean(losses) for losses in ends))


def of_tuning(lab: Lab) -> str:
    """What pre-training is worth, and what counting words is."""
    (few, little), (many, much) = by_labels(lab)
    best = max((*ARMS, SCRATCH), key=lambda arm: mean(tuned(lab, arm)))
    return (
        f"Left: with {many:,} labelled sentences the most are right for: {ROWS[best]} "
        f"({mean(tuned(lab, best)):.1f} %); naive Bayes (dashed) has {much[2].mean:.1f} %. Right: with {few:,} the "
        f"masked model has {little[0].mean:.1f} %, one that starts from nothing {little[1].mean:.1f} %, naive Bayes "
        f"{little[2].mean:.1f} %; with {many:,} they have {much[0].mean:.1f} %, {much[1].mean:.1f} % and "
        f"{much[2].mean:.1f} %."
    )


# ---- the summary -----------------------------------------------------------------------------------------------------
def summary(lab: Lab) -> Summary:
    """Pre-training on hidden words, and the classifier that is made of it."""
    data = lab.results("pretraining")["environment"]["data"]
    run = lab.runs("pretraining", arm=STANDARD)[0]
    config = run["config"]
    return Summary(
        data=f"{TEXTS[data['name']]}: {data['items']:,} sentences to train on, a twelfth of the chapters for testing",
        model=f"encoder of {config['num_hidden_layers']} layers, width {config['hidden_size']}, "
        f"{run['parameters']:,} parameters, {config['vocab_size']:,} word pieces",
        loss="cross-entropy of the hidden tokens (with next sentences: and of the second one's being the next)",
        optimiser=f"Adam as in BERT's code, rate {config['learning_rate']:g}, decay {config['weight_decay']:g}, "
        f"batch {config['batch_size']}, gradients clipped to norm {config['clip']:g}",
        schedule=f"{passes(config)} over {config['items']:,} pairs of sentences; warm-up over "
        f"{config['warmup_share']:.0%} of {run['steps']:,} updates, then down to 0 in a line",
        metric="percent of the chosen tokens named, a tenth of which are visible; of sentences in the right class",
        expected="a plateau where only frequencies are known, then a slow descent as neighbours are used",
        numpy=_reached(lab, "numpy"),
        torch=_reached(lab, "torch"),
        command="tinygrad-lab claims bert (all), tinygrad-lab train bert (one run of width 128)",
        time=lab.run_time("pretraining", arm=STANDARD, threads=False, run="pre-training run")
        + ", two of them side by side, each on one core",
    )


def _reached(lab: Lab, side: str) -> str:
    tokens = lab.spread("pretraining", "metrics", "accuracy", side=side, arm=STANDARD)
    return f"{tokens:.1f %} of chosen tokens; {right(lab, STANDARD, side)} of sentences"


def curve(run: Record, asked: int) -> tuple[list[float], list[float]]:
    """Predicted tokens, and the mean loss of the stretch that ends there."""
    losses: list[float] = run["losses"]
    return [asked * (place + 1) / len(losses) for place in range(len(losses))], losses
