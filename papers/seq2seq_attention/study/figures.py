"""The pictures of the experiments, drawn from their result files."""

from typing import Any

import numpy as np

from papers.seq2seq_attention.study.verdicts import SCORES, dates_right, mean_by_length
from tinygrad_lab.study import Lab


def dates(lab: Lab) -> None:
    """Where the network looks while it writes a date, in scripts that matplotlib's own font has."""
    found = lab.results("dates-general")["alignments"]
    shown = [found[i] for i in (0, 1, 4, 5)]  # Spanish, German, Russian, Greek: see ``inference.SHOWN_LANGUAGES``
    with lab.figure("dates", 11.0, 7.0) as figure:
        for axes, alignment in zip(figure.subplots(2, 2).flat, shown, strict=True):
            _matrix(axes, alignment)


def words(lab: Lab) -> None:
    """Letters and phonemes: silent letters are passed over, digraphs are read together."""
    with lab.figure("words", 11.0, 4.5) as figure:
        found = lab.results("dictionary")["alignments"]
        for axes, alignment in zip(figure.subplots(1, len(found)), found, strict=True):
            _matrix(axes, alignment)


def verses(lab: Lab) -> None:
    """A verse: words that change places leave the diagonal."""
    with lab.figure("verse", 6.0, 5.0) as figure:
        (alignment,) = lab.results("verses-general")["alignments"]
        axes = figure.subplots()
        _matrix(axes, alignment)
        axes.tick_params(axis="x", labelrotation=90)


def _matrix(axes: Any, alignment: dict[str, Any]) -> None:
    """a_t as a picture: a row for each token written, a column for each token read; darker is more."""
    axes.imshow(np.array(alignment["weights"]), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for direction, side in (("x", "source"), ("y", "target")):
        tokens = [_shown(token) for token in alignment[side]]
        getattr(axes, f"set_{direction}ticks")(range(len(tokens)), tokens, fontsize=9)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)


def _shown(token: str) -> str:
    return {" ": "␣", "</s>": "end"}.get(token, token).replace("▁", " ")


def lengths(lab: Lab) -> None:
    """Figure 6 of the paper: quality by source length, with attention and without."""
    panels: list[tuple[str, str | None, str, str]] = [("dates", None, "exact match, %", "characters of the date")]
    if lab.has("words-general"):
        panels.append(("words", "PER", "phoneme error rate, %", "letters of the word"))
    if lab.has("verses-general"):
        panels.append(("verses", None, "BLEU", "words of the verse"))
    with lab.figure("lengths", 4.0 * len(panels), 3.6) as figure:
        columns = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (name, metric, ylabel, xlabel) in zip(columns, panels, strict=True):
            for variant, style in (("general", "o-"), ("none", "s--")):
                means = mean_by_length(lab, f"{name}-{variant}", metric)
                axes.plot(
                    list(means), list(means.values()), style, label={"none": "no attention"}.get(variant, variant)
                )
            axes.set(xlabel=xlabel, ylabel=ylabel, ylim=(0, None), title=name)
            axes.legend()


def variants(lab: Lab) -> None:
    """Exact match of every variant, each seed a point; and the first seed's training losses."""
    names = ("none", *SCORES, "input-feeding")
    with lab.figure("variants", 10.0, 4.0) as figure:
        left, right = figure.subplots(1, 2)
        for place, name in enumerate(names):
            values = dates_right(lab, name)
            left.plot([place] * len(values), values, "o", color=f"C{place}", alpha=0.6)
            right.plot(*_curve(lab.results(f"dates-{name}")["runs"][0]), color=f"C{place}", label=name, linewidth=1)
        left.set_xticks(range(len(names)), names, rotation=30, ha="right")
        left.set(ylabel="dates right, %", title="unseen dates, a point a seed")
        right.set(xlabel="update", ylabel="training loss, nats a token", yscale="log", title="seed 0")
        right.legend(fontsize="small")


def _curve(run: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Update numbers and losses, already thinned, as a mean over up to five neighbours."""
    width = min(5, len(run["losses"]))
    losses = np.convolve(run["losses"], np.ones(width) / width, mode="valid")
    return np.linspace(0, run["steps"], len(losses)), losses


def figures(lab: Lab) -> None:
    """Every picture whose results are there."""
    dates(lab)
    lengths(lab)
    variants(lab)
    if lab.has("dictionary"):
        words(lab)
    if lab.has("verses-general"):
        verses(lab)
