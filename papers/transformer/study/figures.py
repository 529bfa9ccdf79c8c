"""The pictures of the experiments, drawn from their result files."""

import numpy as np

from tinygrad_lab.study import Lab, Record, curve

from ...seq2seq_attention.study.figures import label_tokens
from ..config import VARIANTS
from ..model import SinusoidalPositions
from .verdicts import dates_right, rows_measured, warm_up_losses


def positions(lab: Lab) -> None:
    """Section 3.5: the sinusoids, and how alike the vectors of two positions are."""
    table = SinusoidalPositions(VARIANTS["sinusoidal"]["small"])(0, 60).numpy()
    with lab.figure("positions", 10.0, 3.4) as figure:
        left, right = figure.subplots(1, 2)
        image = left.imshow(table, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
        left.set(xlabel="column", ylabel="position", title="PE: a sine and a cosine for each rate")
        figure.colorbar(image, ax=left)
        for position, style in ((10, "-"), (30, "--"), (50, ":")):
            right.plot(table @ table[position], style, label=f"with position {position}")
        right.set(xlabel="position", ylim=(12, 41), title="inner products: alike where near, wherever that is")
        right.legend(fontsize="small")


def dates(lab: Lab) -> None:
    """Where each head of the last layer looks in the source while a date is written, in scripts that the font has."""
    examples = lab.results("dates-sinusoidal")["maps"]
    shown = [examples[i] for i in (0, 1, 4)]  # Spanish, German, Russian
    _heads(lab, "dates", [(example, list(example["maps"])[-1]) for example in shown], 3.0)


def layers(lab: Lab) -> None:
    """One date through the network: what the heads of every attention look at."""
    example = lab.results("dates-sinusoidal")["maps"][0]
    _heads(lab, "layers", [(example, path) for path in example["maps"]], 3.4)


def words(lab: Lab) -> None:
    """Letters and phonemes: where each head of the last layer looks."""
    examples = lab.results("words-transformer")["maps"]
    _heads(lab, "words", [(example, list(example["maps"])[-1]) for example in examples], 3.0)


def _heads(lab: Lab, name: str, rows: list[tuple[Record, str]], height: float) -> None:
    """A line of pictures for each example and attention, one for each head; darker is more."""
    heads = max(len(example["maps"][path]) for example, path in rows)
    with lab.figure(name, 3.6 * heads, height * len(rows)) as figure:
        grid = figure.subplots(len(rows), heads, squeeze=False)
        for line, (example, path) in zip(grid, rows, strict=True):
            queries, keys = _read_by(example, path)
            for head, (axes, weights) in enumerate(zip(line, example["maps"][path], strict=True)):
                axes.imshow(np.array(weights), cmap="Blues", vmin=0, vmax=1, aspect="auto")
                axes.set_title(f"{path.replace('.layers', '')}, head {head + 1}", fontsize=8)
                label_tokens(axes, "x", keys, 7)
                label_tokens(axes, "y", queries, 7)


def _read_by(example: Record, path: str) -> tuple[list[str], list[str]]:
    """The tokens at the rows and columns of an attention; rows of the decoder are what is predicted there."""
    source, target = example["source"], example["target"]
    if path.startswith("encoder"):
        return source, source
    return target, source if "multihead" in path else ["<s>", *target[:-1]]


def variants(lab: Lab) -> None:
    """Exact match of every row, each seed a point; and our own models' losses, with the smoothing of their targets."""
    names = rows_measured(lab)
    with lab.figure("variants", 10.0, 4.0) as figure:
        left, right = figure.subplots(1, 2)
        for place, name in enumerate(names):
            shares = dates_right(lab, name)
            left.plot([place] * len(shares), shares, "o", color=f"C{place}", alpha=0.6)
            if name != "luong":
                first = lab.runs(f"dates-{name}")[0]
                right.plot(*curve(first), color=f"C{place}", label=name, linewidth=1)
        left.set_xticks(range(len(names)), names, rotation=30, ha="right")
        left.set(ylabel="dates right, %", ylim=(0, 100), title="unseen dates, a point a seed")
        right.set(xlabel="update", ylabel="training loss, nats a token", yscale="log")
        right.set_title("seed 0, smoothing included")
        right.legend(fontsize="small")


def warm_up(lab: Lab) -> None:
    """The paper's schedule, and what becomes of a deep network without its first part."""
    runs = lab.results("warm-up")["runs"]
    factors = [run["factor"] for run in runs["warm-up"]]
    with lab.figure("warm-up", 10.0, 3.6) as figure:
        left, right = figure.subplots(1, 2)
        steps = np.arange(1, runs["warm-up"][0]["steps"] + 1)
        for (name, losses), style in zip(warm_up_losses(lab).items(), ("-", "--", ":"), strict=True):
            config = runs[name][-1]["config"]
            peak = np.minimum(steps**-0.5, steps * config["warmup_steps"] ** -1.5)
            left.plot(steps, config["learning_rate"] * config["hidden_size"] ** -0.5 * peak, f"k{style}", label=name)
            right.plot(range(len(factors)), losses, f"ko{style}", label=name)
        left.set(xlabel="update", ylabel="learning rate", yscale="log", title=f"schedules, factor {factors[-1]:g}")
        right.set_xticks(range(len(factors)), [f"{factor:g}" for factor in factors])
        right.set(xlabel="factor", ylabel="test loss, nats a token", title="six layers on dates")
        left.legend(fontsize="small")
        right.legend(fontsize="small")


def figures(lab: Lab) -> None:
    """Every picture whose results are there."""
    positions(lab)
    dates(lab)
    layers(lab)
    variants(lab)
    if lab.has("warm-up"):
        warm_up(lab)
    if lab.has("words-transformer"):
        words(lab)
