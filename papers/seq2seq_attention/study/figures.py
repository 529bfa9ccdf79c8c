"""Pictures of the runs; what to see in each stands in pages.py."""

from typing import Any

import numpy as np

from tinygrad_lab.study import Lab, Record

from .arms import ARMS, KINDS, fed
from .measured import by_pass, ends, lengths, of_length
from .pages import SHOWN_DATES

SIZE = 10  # points of the letters along alignments


def figures(lab: Lab) -> None:
    """Every picture whose results are there."""
    shown = lab.results("shown")
    dates(lab, [shown["dates"][place] for place in SHOWN_DATES])
    by_length(lab)
    variants(lab)
    if "words" in shown:
        words(lab, shown["words"])
    if "verses" in shown:
        verse(lab, *shown["verses"])


# ---- where it looks --------------------------------------------------------------------------------------------------
def dates(lab: Lab, alignments: list[Record]) -> None:
    """Dates in four languages."""
    with lab.figure("dates", 11.0, 7.0) as figure:
        for axes, alignment in zip(figure.subplots(2, 2).flat, alignments, strict=True):
            matrix(axes, alignment)


def words(lab: Lab, alignments: list[Record]) -> None:
    """Letters and phonemes: silent letters are passed over, digraphs are read together."""
    with lab.figure("words", 11.0, 4.5) as figure:
        for axes, alignment in zip(figure.subplots(1, len(alignments)), alignments, strict=True):
            matrix(axes, alignment)


def verse(lab: Lab, alignment: Record) -> None:
    """A verse, in subwords."""
    with lab.figure("verse", 6.0, 5.0) as figure:
        axes = figure.subplots()
        matrix(axes, alignment)
        axes.tick_params(axis="x", labelrotation=90)


def matrix(axes: Any, alignment: Record) -> None:
    """a_t as a picture: a row for each token written, a column for each token read; darker is more."""
    axes.imshow(np.array(alignment["weights"]), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for direction, side in (("x", "source"), ("y", "target")):
        label_tokens(axes, direction, alignment[side], SIZE)
    axes.xaxis.tick_top()


def label_tokens(axes: Any, direction: str, tokens: list[str], size: int) -> None:
    """Tokens along an axis, what is not seen of them made visible."""
    shown = [{" ": "␣", "</s>": "end"}.get(token, token).replace("▁", " ") for token in tokens]
    getattr(axes, f"set_{direction}ticks")(range(len(shown)), shown, fontsize=size)
    axes.tick_params(length=0)


# ---- how much is right -----------------------------------------------------------------------------------------------
def by_length(lab: Lab) -> None:
    """Figure 6 of the paper: quality by source length, with attention and without."""
    panels = {
        "dates": ("dates right, %", "characters of the date"),
        "words": ("phonemes wrong, %", "letters of the word"),
        "verses": ("BLEU", "words of the verse"),
    }
    shown = [group for group in panels if lab.has(group)]
    with lab.figure("lengths", 4.0 * len(shown), 3.6) as figure:
        columns = figure.subplots(1, len(shown), squeeze=False)[0]
        for axes, group in zip(columns, shown, strict=True):
            draw_lengths(axes, lab, group)
            axes.set(ylabel=panels[group][0], xlabel=panels[group][1], ylim=(0, None), title=group)
        columns[0].legend()  # the colours are the same in all


def draw_lengths(axes: Any, lab: Lab, group: str) -> None:
    """Both networks' means with their intervals over seeds."""
    for arm, label, style in (("general", "general attention", "o-"), ("none", "no attention", "s--")):
        found = [lab.interval(of_length(lab, group, arm, length)) for length in lengths(lab, group)]
        reach = [spread.half_width if spread.count > 1 else 0.0 for spread in found]
        axes.errorbar(
            lengths(lab, group), [spread.mean for spread in found], yerr=reach, fmt=style, capsize=3, label=label
        )


def variants(lab: Lab) -> None:
    """Exact match of every kind of attention: a point a seed at the end, and means by pass."""
    with lab.figure("variants", 10.0, 4.0) as figure:
        left, right = figure.subplots(1, 2)
        for place, kind in enumerate(KINDS):
            for arm, fill, line in ((kind, "full", "-"), (fed(kind), "none", "--")):
                if arm in ARMS["kinds"]:
                    shares, means = ends(lab, "kinds", arm), by_pass(lab, "kinds", arm)
                    left.plot(shares, [arm] * len(shares), "o", color=f"C{place}", fillstyle=fill)
                    right.plot(range(1, len(means) + 1), means, line, marker=".", color=f"C{place}")
        left.set(xlabel="unseen dates right, %", xlim=(0, 100), title="after the last pass, a point a seed")
        left.invert_yaxis()
        right.set(xlabel="passes", ylabel="unseen dates right, %", ylim=(0, 100))
        right.set_title("means over seeds, colours as at the left")
        right.set_xticks(range(1, len(means) + 1))
