"""The pictures of the experiments, drawn from their result files."""

from typing import Any

import numpy as np

from tinygrad_lab.study import Lab, Record, curve

from .verdicts import SCORES, dates_right, mean_by_length


def dates(lab: Lab) -> None:
    """Where the network looks while it writes a date, in scripts that matplotlib's own font has."""
    alignments = lab.results("dates-general")["alignments"]
    shown = [alignments[i] for i in (0, 1, 4, 5)]  # Spanish, German, Russian, Greek
    with lab.figure("dates", 11.0, 7.0) as figure:
        for axes, alignment in zip(figure.subplots(2, 2).flat, shown, strict=True):
            _matrix(axes, alignment)


def words(lab: Lab) -> None:
    """Letters and phonemes: silent letters are passed over, digraphs are read together."""
    alignments = lab.results("dictionary")["alignments"]
    with lab.figure("words", 11.0, 4.5) as figure:
        for axes, alignment in zip(figure.subplots(1, len(alignments)), alignments, strict=True):
            _matrix(axes, alignment)


def verses(lab: Lab) -> None:
    """A verse: words that change places leave the diagonal."""
    with lab.figure("verse", 6.0, 5.0) as figure:
        axes = figure.subplots()
        _matrix(axes, *lab.results("verses-general")["alignments"])
        axes.tick_params(axis="x", labelrotation=90)


def _matrix(axes: Any, alignment: Record) -> None:
    """a_t as a picture: a row for each token written, a column for each token read; darker is more."""
    axes.imshow(np.array(alignment["weights"]), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for direction, side in (("x", "source"), ("y", "target")):
        label_tokens(axes, direction, alignment[side], 9)
    axes.xaxis.tick_top()


def label_tokens(axes: Any, direction: str, tokens: list[str], size: int) -> None:
    """Tokens along an axis, what is not seen of them made visible."""
    shown = [{" ": "␣", "</s>": "end"}.get(token, token).replace("▁", " ") for token in tokens]
    getattr(axes, f"set_{direction}ticks")(range(len(shown)), shown, fontsize=size)
    axes.tick_params(length=0)


def lengths(lab: Lab) -> None:
    """Figure 6 of the paper: quality by source length, with attention and without."""
    panels = [  # results, metric, what is shown, of what length
        ("dates", (), "exact match, %", "characters of the date"),
        ("words", ("PER",), "phoneme error rate, %", "letters of the word"),
        ("verses", (), "BLEU", "words of the verse"),
    ]
    arms = (("general", "general", "o-"), ("none", "no attention", "s--"))
    panels = [panel for panel in panels if lab.has(f"{panel[0]}-general")]
    with lab.figure("lengths", 4.0 * len(panels), 3.6) as figure:
        columns = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (name, metric, ylabel, xlabel) in zip(columns, panels, strict=True):
            for variant, label, style in arms:
                means = mean_by_length(lab, f"{name}-{variant}", *metric)
                axes.plot(list(means), list(means.values()), style, label=label)
            axes.set(xlabel=xlabel, ylabel=ylabel, ylim=(0, None), title=name)
            axes.legend()


def variants(lab: Lab) -> None:
    """Exact match of every variant, each seed a point; and the first seed's training losses."""
    names = ("none", *SCORES, "input-feeding")
    with lab.figure("variants", 10.0, 4.0) as figure:
        left, right = figure.subplots(1, 2)
        for place, name in enumerate(names):
            shares = dates_right(lab, name)
            left.plot([place] * len(shares), shares, "o", color=f"C{place}", alpha=0.6)
            first = lab.runs(f"dates-{name}")[0]
            right.plot(*curve(first), color=f"C{place}", label=name, linewidth=1)
        left.set_xticks(range(len(names)), names, rotation=30, ha="right")
        left.set(ylabel="dates right, %", title="unseen dates, a point a seed")
        right.set(xlabel="update", ylabel="training loss, nats a token", yscale="log", title="seed 0")
        right.legend(fontsize="small")


def figures(lab: Lab) -> None:
    """Every picture whose results are there."""
    dates(lab)
    lengths(lab)
    variants(lab)
    if lab.has("dictionary"):
        words(lab)
    if lab.has("verses-general"):
        verses(lab)
