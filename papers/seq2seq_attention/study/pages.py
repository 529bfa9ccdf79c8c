"""The README's further blocks: every arm on dates, verses, and what to see in each picture, all from the results."""

from collections.abc import Sequence
from math import log

import numpy as np

from tinygrad_lab.study import Lab, Record, gallery, table

from .arms import ARMS
from .measured import by_pass, ends, lengths, mean, nats, of_length

SHOWN_DATES = (0, 1, 4, 5)  # Spanish, German, Russian, Greek: scripts that matplotlib's own font has
SHOWN_VERSES = 6


def tables(lab: Lab) -> dict[str, str]:
    """The blocks "variants", "examples" and "pictures"; without verses there are no examples."""
    columns = (
        "attention", "pairs", "rate", "dates right", "the longest ones", "PyTorch", "nats a token", "bits", "s a run",
    )  # fmt: skip
    rows = [row(lab, group, arm) for group in ("dates", "kinds") for arm in ARMS[group]]
    blocks = {"variants": table(columns, rows, right=8), "pictures": pictures(lab)}
    return blocks | ({"examples": examples(lab)} if lab.has("verses") else {})


def row(lab: Lab, group: str, arm: str) -> tuple[str, ...]:
    """One arm's line of the table."""
    config, loss = lab.runs(group, arm=arm)[0]["config"], lab.interval(nats(lab, group, arm))
    longest = lab.interval(of_length(lab, group, arm, lengths(lab, group)[-1])).mean
    witnessed = bool(lab.runs(group, "torch", arm))
    return (
        arm, f"{config['train_items']:,}", f"{config['learning_rate']:g}", f"{mean(lab, group, arm):.1f %}",
        f"{longest:.1f} %", f"{mean(lab, group, arm, side='torch'):.1f %}" if witnessed else "-",
        f"{loss:.3f}", f"{loss.mean / log(2):.3f}", f"{lab.spread(group, 'seconds', arm=arm).mean:.0f}",
    )  # fmt: skip


def examples(lab: Lab) -> str:
    """Verses, and what became of them."""
    shown = lab.results("shown")
    rows = [(verse["english"], verse["output"], verse["spanish"]) for verse in shown["examples"][:SHOWN_VERSES]]
    return table(("English", "the network", "Reina-Valera 1909"), rows)


# ---- what to see in the pictures -------------------------------------------------------------------------------------
def pictures(lab: Lab) -> str:
    """Each picture, and its sentence."""
    told = {
        "dates": ("Where the network looks while it writes a date", of_dates(lab)),
        "lengths": ("Quality by source length, with attention and without", of_lengths(lab)),
        "variants": ("Every kind of attention on dates", of_variants(lab)),
    }
    if lab.has("words"):
        told["words"] = ("Where it looks while it spells a word", of_words(lab))
    if lab.has("verses"):
        told["verse"] = ("Where it looks while it translates a verse", of_verse(lab))
    return gallery(told)


def of_dates(lab: Lab) -> str:
    """How sharply digits and hyphens are read."""
    shown = [lab.results("shown")["dates"][place] for place in SHOWN_DATES]
    digits, hyphens = (greatest_weight(shown, hyphen) for hyphen in (False, True))
    return (
        f"Rows are what is written, columns what is read, darker is more weight. The greatest weight of a row is "
        f"{digits:.2f} on average where a digit is written, and {hyphens:.2f} where a hyphen is."
    )


def greatest_weight(shown: Sequence[Record], hyphen: bool) -> float:
    """The mean of a row's greatest weight, where hyphens or digits are written."""
    found = [
        max(weights)
        for example in shown
        for token, weights in zip(example["target"], example["weights"], strict=True)
        if (token == "-" if hyphen else token.isdigit())
    ]
    return float(sum(found) / max(1, len(found)))


def of_lengths(lab: Lab) -> str:
    """From the shortest sources to the longest."""
    measures = {"dates": "dates right, %", "words": "phonemes wrong, %", "verses": "BLEU of verses"}
    said = [f"{measure}, {both_ways(lab, group)}" for group, measure in measures.items() if lab.has(group)]
    return f"Means over seeds from the shortest sources to the longest: {'; '.join(said)}."


def both_ways(lab: Lab, group: str) -> str:
    """Means at both ends, with attention and without."""
    names = lengths(lab, group)
    shown = {
        arm: [lab.interval(of_length(lab, group, arm, name)).mean for name in (names[0], names[-1])]
        for arm in ("general", "none")
    }
    return "with attention {:.1f} to {:.1f}, without {:.1f} to {:.1f}".format(*shown["general"], *shown["none"])


def of_variants(lab: Lab) -> str:
    """Who is ahead, how far seeds lie apart, and who is still learning."""
    found = {arm: ends(lab, "kinds", arm) for arm in ARMS["kinds"]}
    means = {arm: lab.interval(shares).mean for arm, shares in found.items()}
    best, worst = (order(means, key=means.__getitem__) for order in (max, min))
    widest = max(found, key=lambda arm: max(found[arm]) - min(found[arm]))
    before, after = by_pass(lab, "kinds", best)[-2:]
    return (
        f"Left, a point a seed, hollow with input feeding; right, means over seeds after each pass, dashed with input "
        f"feeding. Most dates come out right with {best} ({means[best]:.1f} %), fewest with {worst} "
        f"({means[worst]:.1f} %); the seeds of {widest} lie furthest apart, from {min(found[widest]):.1f} to "
        f"{max(found[widest]):.1f} %; in the last pass {best} goes from {before:.1f} to {after:.1f} %."
    )


def of_words(lab: Lab) -> str:
    """What was written, and whether it is read from left to right."""
    words = lab.results("shown")["words"]
    spelled = [f"{''.join(word['source'][:-1])} as {' '.join(word['target'][:-1])}" for word in words]
    return (
        f"From one phoneme to the next the place that is read, a mean over letters by weight, moves to the right in "
        f"{100 * rightward(words):.0f} % of the steps. Seed 0 writes {'; '.join(spelled)}."
    )


def of_verse(lab: Lab) -> str:
    """The shortest test verse, and whether it is read from left to right."""
    verses = lab.results("shown")["verses"]
    english, spanish = ("".join(verses[0][side][:-1]).replace("▁", " ").strip() for side in ("source", "target"))
    sharp = np.array(verses[0]["weights"]).max(axis=1).mean()
    return (
        f'Seed 0 makes of "{english}": "{spanish}". The place that is read moves to the right in '
        f"{100 * rightward(verses):.0f} % of the steps, and the greatest weight of a row is {sharp:.2f} on average."
    )


def rightward(shown: Sequence[Record]) -> float:
    """The share of steps in which the mean place that is read does not go back."""
    moves: list[bool] = []
    for example in shown:
        weights = np.array(example["weights"])
        moves += (np.diff(weights @ np.arange(weights.shape[1])) >= 0).tolist()
    return sum(moves) / max(1, len(moves))
