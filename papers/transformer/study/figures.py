"""Pictures of the runs; what to see in each stands in pages.py."""

from typing import Any

import numpy as np

from tinygrad_lab.study import Lab, Record

from ...seq2seq_attention.study.figures import label_tokens
from .arms import ARMS
from .measured import by_look, written
from .pages import LIKENED, SHOWN, position_table

COLUMNS = 2  # of heads: as many as leave room for letters that can be read
SCHEDULES = {"warm-up": "warm-up", "held": "its peak from the start", "none": "1/√step from the start"}
SIZE = 10  # points of the smallest letters, in pictures as wide as a page


def figures(lab: Lab) -> None:
    """Every picture whose results are there."""
    positions(lab)
    shown = lab.results("shown")
    heads(lab, "dates", [shown["dates"][SHOWN["dates"]]])
    layers(lab, shown["dates"][SHOWN["layers"]])
    variants(lab)
    warm_up(lab)
    if lab.has("words"):
        heads(lab, "words", shown["words"][:2])


def positions(lab: Lab) -> None:
    """Section 3.5: the sinusoids, and how alike the vectors of two positions are."""
    table = position_table()
    with lab.figure("positions", 10.0, 3.4) as figure:
        left, right = figure.subplots(1, 2)
        image = left.imshow(table, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
        left.set(xlabel="column", ylabel="position", title="PE: a sine and a cosine for each rate")
        figure.colorbar(image, ax=left)
        for position, style in zip(LIKENED, ("-", "--", ":"), strict=True):
            right.plot(table @ table[position], style, label=f"with position {position}")
        right.set(xlabel="position", ylim=(12, 41), title="inner products: alike where near, wherever that is")
        right.legend(fontsize="small")


# ---- what is looked at -----------------------------------------------------------------------------------------------
def heads(lab: Lab, name: str, examples: list[Record]) -> None:
    """What each head of the last layer reads while something is written; the last column is the end of the source."""
    maps = [(example, weights) for example in examples for weights in list(example["maps"].values())[-1]]
    lines = -(-len(maps) // COLUMNS)
    with lab.figure(name, 9.0, 3.2 * lines) as figure:
        panels = figure.subplots(lines, COLUMNS, squeeze=False).ravel()
        for place, (axes, (example, weights)) in enumerate(zip(panels, maps, strict=False)):
            axes.imshow(np.array(weights), cmap="Blues", vmin=0, vmax=1, aspect="auto")
            axes.set_title(f"head {place % (len(maps) // len(examples)) + 1}", fontsize=SIZE)
            label_tokens(axes, "x", [*example["source"][:-1], ""], SIZE)
            label_tokens(axes, "y", example["target"], SIZE)


def layers(lab: Lab, example: Record) -> None:
    """One date through the network: a line of pictures for each attention, one for each head."""
    maps = example["maps"]
    source, target = ("".join(example[side][:-1]) for side in ("source", "target"))
    with lab.figure("layers", 9.0, 1.9 * len(maps)) as figure:
        grid = figure.subplots(len(maps), len(next(iter(maps.values()))), squeeze=False)
        for line, (path, found) in zip(grid, maps.items(), strict=True):
            for axes, weights in zip(line, found, strict=True):
                axes.imshow(np.array(weights), cmap="Blues", vmin=0, vmax=1, aspect="auto")
                axes.set(xticks=[], yticks=[])
            line[0].set_ylabel(in_words(path), fontsize=SIZE)
        for head, axes in enumerate(grid[0], 1):
            axes.set_title(f"head {head}", fontsize=SIZE)
        figure.suptitle(f"source: {source}     target: {target}", fontsize=SIZE + 1)


def in_words(path: str) -> str:
    """Which attention a module is: "encoder.layers.0.self_attn" is the encoder's first, of the source to itself."""
    stack, _, layer, kind = path.split(".")
    asks = "source" if stack == "encoder" else "target"
    return f"{stack} {int(layer) + 1}\n{asks} reads\n{asks if kind == 'self_attn' else 'source'}"


# ---- how much is right -----------------------------------------------------------------------------------------------
def variants(lab: Lab) -> None:
    """Exact match of every arm: means by pass, and a point a seed at the end."""
    with lab.figure("variants", 10.0, 4.0) as figure:
        left, right = figure.subplots(1, 2)
        for place, arm in enumerate(ARMS["dates"]):
            means, shares = by_look(lab, arm), written(lab, "dates", arm)
            left.plot(range(1, len(means) + 1), means, ".-", color=f"C{place}", label=arm)
            right.plot(shares, [arm] * len(shares), "o", color=f"C{place}", alpha=0.6)
        left.set(xlabel="passes", ylabel="unseen dates right, %", ylim=(0, 100), title="means over seeds")
        left.set_xticks(range(1, len(means) + 1))
        right.set(xlabel="unseen dates right, %", xlim=(0, 100), title="after the last pass, a point a seed")
        right.invert_yaxis()
        left.legend(fontsize="small")


def warm_up(lab: Lab) -> None:
    """The paper's schedule, and what becomes of a deep network without its first part, at every rate."""
    scores = lab.results("rates")["scores"]["warm-up"]
    with lab.figure("warm-up", 10.0, 3.6) as figure:
        left, right = figure.subplots(1, 2)
        for (arm, losses), style in zip(scores.items(), ("o-", "s--", "^:"), strict=True):
            config = lab.runs("warm-up", arm=arm)[0]["config"]
            steps = np.arange(1, lab.runs("warm-up", arm=arm)[0]["steps"] + 1)
            label = SCHEDULES[arm]
            left.plot(steps, config["learning_rate"] * schedule(config, steps), style[1:], label=label)
            highest = [float(rate) * schedule(config, steps).max() for rate in losses]
            right.plot(highest, list(losses.values()), style, label=label)
        left.set(xlabel="update", ylabel="learning rate", yscale="log", title="schedules at their best rates")
        right.set(
            xlabel="highest rate", ylabel="validation loss, nats a token", xscale="log", title="six layers on dates"
        )
        left.legend(fontsize="small")
        right.legend(fontsize="small")


def schedule(config: Record, steps: np.ndarray) -> Any:
    """Equation 3, without its factor; or with its peak held up to where it would be reached."""
    warmup = config["warmup_steps"]
    rising = np.minimum(steps**-0.5, steps * warmup**-1.5)
    return config["hidden_size"] ** -0.5 * (rising if config["rising"] else np.maximum(steps, warmup) ** -0.5)
