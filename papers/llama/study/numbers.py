"""Numbers of the result files that verdicts, tables and figures share, in nats a character."""

import math

from tinygrad_lab.study import Interval, Lab, Record

TEXTS = {"tinyshakespeare": "Tiny Shakespeare", "topics": "Python's help texts", "timemachine": "The Time Machine"}
GROUPED = "grouped queries"


def text(lab: Lab) -> str:
    """The text that was trained on."""
    return TEXTS[lab.results("characters")["environment"]["data"]["name"]]


def bits(nats: float) -> str:
    """The same number in bits."""
    return f"{nats / math.log(2):.2f} bits"


def with_bits(loss: Interval) -> str:
    """Nats a character, and bits beside."""
    return f"{loss:.3f nats}, {bits(loss.mean)}"


def held_out(lab: Lab, side: str = "numpy") -> Interval:
    """Nats that a character of the held-out text costs in the case study."""
    return lab.spread("characters", "metrics", "loss", side=side)


def nats(lab: Lab, name: str, side: str = "numpy") -> list[float]:
    """Nats that a character of the held-out text costs with a part exchanged, one a seed."""
    return lab.values("parts", "metrics", "loss", arm=name, side=side)


def first(lab: Lab, name: str) -> Record:
    """The record of the first run with a part exchanged."""
    return lab.runs("parts", arm=name)[0]


def more(lab: Lab, name: str, side: str = "numpy") -> Interval:
    """Nats that a character costs more than with none exchanged."""
    return lab.paired_difference(nats(lab, name, side), nats(lab, "llama", side))


def at_size(lab: Lab, width: int, steps: int) -> list[float]:
    """The same for a network of that width after so many steps, one a seed."""
    return lab.values("sizes", "metrics", "loss", arm=f"{width}, {steps}")


def sizes(lab: Lab) -> dict[int, list[int]]:
    """The numbers of steps of each width."""
    found: dict[int, list[int]] = {}
    for arm in lab.results("sizes")["runs"]:
        width, steps = map(int, arm.split(", "))
        found.setdefault(width, []).append(steps)
    return {width: sorted(steps) for width, steps in found.items()}


def tokens(run: Record) -> int:
    """How many a run has read."""
    return int(run["steps"] * run["config"]["batch_size"] * run["config"]["context"])


def seconds(lab: Lab, side: str, how: str) -> dict[int, float]:
    """Seconds of a token by the length of what was before it."""
    return {int(length): value for length, value in lab.results("speed")["seconds"][side][how].items()}
