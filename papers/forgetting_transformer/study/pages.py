"""The README's further blocks: tables, and what to see in each picture, all from the results."""

import math
from statistics import fmean

import numpy as np

from tinygrad_lab.study import Interval, Lab, Record, best_rate, gallery, table

from ..config import CHANGES, VARIANTS, FoXConfig
from ..model import build
from .arms import LONG, NEEDLES, OPEN, ROTARY
from .experiment import SAMPLED
from .needles import LONGER, VALUES

READ = {  # what models read, by data set or task
    "kjv": "the King James Bible, character by character",
    "topics": "Python's help texts, character by character",
    "stale": f"the task `stale`, judged in sequences {LONGER['stale']} times as long as in training",
    "far": "the task `far`",
}


# ---- numbers of the results ------------------------------------------------------------------------------------------
def losses(lab: Lab, study: str, arm: str, side: str = "numpy") -> list[float]:
    """Nats a character of held-out text, or nats a question, one a run."""
    return lab.values(study, "metrics", "loss", side=side, arm=arm)


def of(lab: Lab, arm: str, name: str) -> list[float]:
    """What was found of models of long windows, one a run."""
    return [float(run["history"][-1][name]) for run in lab.runs("long", arm=arm)]


def within(lab: Lab, task: str, arm: str, side: str = "numpy") -> list[float]:
    """Nats a question in sequences as long as in training, one a run."""
    return [float(run["history"][-1]["loss"]) for run in lab.runs(task, side, arm)]


def after(lab: Lab, arm: str, context: int) -> list[float]:
    """Nats of the same stretches of text after so many characters, one a run."""
    return of(lab, arm, f"after {context}")


def seconds(lab: Lab, study: str, arm: str) -> float:
    """What a run of an arm took."""
    return lab.spread(study, "seconds", arm=arm).mean


def spread_of(lab: Lab, arm: str, name: str) -> Interval:
    """The same with its interval."""
    return lab.interval(of(lab, arm, name))


def nats_and_bits(lab: Lab, study: str, arm: str, side: str) -> str:
    """A loss in nats with its interval; of text in bits beside."""
    nats = lab.interval(losses(lab, study, arm, side))
    return f"{nats:.3f} nats" + ("" if study in NEEDLES else f" ({nats.mean / math.log(2):.3f} bits)")


# ---- tables ----------------------------------------------------------------------------------------------------------
def tables(lab: Lab) -> dict[str, str]:
    """The blocks of the README, by marker."""
    return {
        "parameters": parameters(),
        "gates": gates(lab),
        "lengths": by_name(lab, "at", "positions from"),
        "contexts": by_name(lab, "after", "characters before"),
        "needles": needles(lab),
        "costs": costs(lab),
        "samples": samples(lab),
        "pictures": pictures(lab),
    }


def parameters() -> str:
    """Sizes ``small``, counted, and what the gate adds at the paper's size, by its formula."""
    rows = []
    for variant in CHANGES:
        named = build(VARIANTS[variant]["small"]).named_parameters()
        sizes = {name: parameter.numel() for name, parameter in named}
        of_gates = sum(size for name, size in sizes.items() if "fgate" in name)
        rows.append((variant, f"{sum(sizes.values()):,}", f"{of_gates:,}"))
    paper: FoXConfig = VARIANTS["llama"]["paper"]
    added = paper.layers * paper.heads * (paper.hidden_size + 1)
    counted = table(("variant", "parameters, `small`", "of which gates"), rows)
    return f"{counted}\n\nAt size `paper` the gates are {added:,} parameters."


def gates(lab: Lab) -> str:
    """Every head's memory, and its gate by the kind of character."""
    found = lab.results("long")["gates"]
    columns = ["layer, head", "memory, tokens", *(f"gate at {kind}" for kind in found["by_kind"])]
    rows = [
        [
            f"{layer}, {head}", f"{-1 / mean:,.1f}",
            *(f"{math.exp(kind[layer][head]):.3f}" for kind in found["by_kind"].values()),
        ]
        for layer, heads in enumerate(found["mean"])
        for head, mean in enumerate(heads)
    ]  # fmt: skip
    return table(columns, rows)


def places(lab: Lab, kind: str) -> list[int]:
    """Positions, or contexts, at which losses were found."""
    return [int(name.split()[1]) for name in lab.runs("long", arm=OPEN)[0]["history"][-1] if name.startswith(kind)]


def by_name(lab: Lab, kind: str, title: str) -> str:
    """Losses of both models of long windows, by position or by context."""
    shown = places(lab, kind)
    rows = [[arm, *(f"{spread_of(lab, arm, f'{kind} {n}'):.3f}" for n in shown)] for arm in LONG]
    return table([title, *(f"{n:,}" for n in shown)], rows)


def needles(lab: Lab) -> str:
    """The trials of both tasks: nats a question, in sequences as long as in training and in those that are judged."""
    rows = [needle_row(lab, task, arm, side) for task, arms in NEEDLES.items() for arm in arms for side in SIDES]
    columns = ("task", "model", "side", "rate", "trials", "median as in training", "least", "median", "most")
    return table(columns, [row for row in rows if row], right=6)


SIDES = ("numpy", "torch")


def needle_row(lab: Lab, task: str, arm: str, side: str) -> tuple[object, ...]:
    """One arm's line of the table; nothing where that side did not run it."""
    nats = losses(lab, task, arm, side)
    if not nats:
        return ()
    rate = lab.runs(task, side, arm)[0]["config"]["learning_rate"]
    shown = (np.median(within(lab, task, arm, side)), min(nats), np.median(nats), max(nats))
    return task, arm, side, f"{rate:g}", len(nats), *(f"{x:.3f}" for x in shown)


def costs(lab: Lab) -> str:
    """Attention's time and memory."""
    kernels = lab.results("costs")["attention"]
    lengths = [entry["length"] for entry in kernels["in blocks"]]
    rows = []
    for name, entries in kernels.items():
        cells = [f"{entry['seconds']:.2f} s, {entry['megabytes']:,.0f} MB" for entry in entries]
        rows.append([name, *cells, *["-"] * (len(lengths) - len(cells))])
    return table(["length", *(f"{n:,}" for n in lengths)], rows)


def samples(lab: Lab) -> str:
    """What the first seeds write."""
    written = lab.results("text")["samples"]
    return "\n\n".join(sample(lab, arm, written[arm]) for arm in SAMPLED)


def sample(lab: Lab, arm: str, written: str) -> str:
    """One of them, with the loss of the model that wrote it."""
    return f"{arm}, {losses(lab, 'text', arm)[0]:.3f} nats a character:\n\n```text\n{written.strip()}\n```"


# ---- what to see in the pictures -------------------------------------------------------------------------------------
def pictures(lab: Lab) -> str:
    """Each picture, and its sentence."""
    told = {
        "losses": ("Held-out loss by step", of_losses(lab)),
        "positions": ("Held-out loss by position and by context", of_positions(lab)),
        "needles": ("Losses of all trials of both needle tasks", of_needles(lab)),
        "gates": ("Forget gates along a text", of_gates(lab)),
        "decay": ("What the gates leave of every pair", of_decay(lab)),
        "costs": ("Time and memory by length", of_costs(lab)),
    }
    return gallery(told)


def of_losses(lab: Lab) -> str:
    """Which arm of short windows ends lowest and highest, and how near the rates were."""
    means = {arm: fmean(losses(lab, "text", arm)) for arm in lab.results("text")["runs"]}
    low, high = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    tried = lab.results("rates")["losses"][f"{low} (text)"]
    return (
        f"Left: of short windows {low} ends lowest, at {means[low]:.3f} nats a character, {high} highest, at "
        f"{means[high]:.3f}. Right: the losses by which rates were chosen, all after a third of the steps; {low} took "
        f"{best_rate(tried):g}."
    )


def of_positions(lab: Lab) -> str:
    """What both models do beyond their training windows."""
    inside, beyond = places(lab, "after")[-2:]
    change = {arm: fmean(after(lab, arm, beyond)) - fmean(after(lab, arm, inside)) for arm in LONG}
    return (
        f"With {beyond:,} characters before it instead of {inside:,} the same text costs FoX with open "
        f"gates {change[OPEN]:+.3f} nats a character, the rotary Transformer {change[ROTARY]:+.3f}; the dotted line is "
        "where training windows end."
    )


def of_needles(lab: Lab) -> str:
    """Medians of the losses of both tasks."""
    said = [
        f"{task}: " + ", ".join(f"{arm} {float(np.median(losses(lab, task, arm))):.2f}" for arm in arms)
        for task, arms in NEEDLES.items()
    ]
    return (
        f"A mark is a trial, hollow if it is PyTorch's. The dashed line is where a task counts as solved, the dotted "
        f"one, at {math.log(VALUES):.2f} nats a question, where guessing leads. Medians of the "
        f"engine, {'; '.join(said)}."
    )


def memories(found: Record) -> list[float]:
    """Every head's memory in tokens, layer by layer."""
    return [-1 / mean for heads in found["mean"] for mean in heads]


def of_gates(lab: Lab) -> str:
    """From which to which memory heads go."""
    tokens = memories(lab.results("long")["gates"])
    window = lab.runs("long", arm=OPEN)[0]["config"]["length"]
    return (
        f"A row is a head of the first seed's network, dark where it closes. Memories go from {min(tokens):,.1f} to "
        f"{max(tokens):,.0f} tokens; {sum(t > window / 4 for t in tokens)} of {len(tokens)} heads remember more than a "
        "quarter of a window."
    )


def of_decay(lab: Lab) -> str:
    """Which heads are drawn."""
    tokens = sorted(memories(lab.results("long")["gates"]))
    shown = ", ".join(f"{t:,.1f}" for t in (tokens[0], tokens[len(tokens) // 2], tokens[-1]))
    return (
        f"Three heads of the same network, of {shown} tokens of memory: what is left of a key when a query looks back "
        "at it."
    )


def of_costs(lab: Lab) -> str:
    """What pruning saves, and what is kept of the past."""
    kernels = lab.results("costs")["attention"]
    whole, pruned = (kernels[name][-1] for name in ("in blocks", "pruned"))
    written = lab.results("costs")["writing"]["softmax"][-1]
    return (
        f"At {whole['length']:,} tokens attention in blocks takes {whole['seconds']:.2f} s, pruned "
        f"{pruned['seconds']:.2f} s, in {whole['megabytes']:.0f} and {pruned['megabytes']:.0f} MB; where the pruned "
        f"line lies on the other one, that is drawn wider. After {written['position']:,} tokens the cache is "
        f"{written['kilobytes']:,.0f} kB."
    )
