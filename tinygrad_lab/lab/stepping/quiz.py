"""The quiz: the gradient that a backward step leaves, asked for and judged, with what probably went wrong."""

import math
import re
from dataclasses import dataclass

import numpy as np

from tinygrad_lab.lab.stepping.slips import Slip, slips
from tinygrad_lab.trace import Backward, Contribution

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
PLAIN = re.compile(r"[\w.]+")  # a name that needs no parentheses
UNREADABLE = "That is not a number I can read. Write it like -0.75 or 1.2e-3."


@dataclass(frozen=True)
class Question:
    """What is asked of one contribution of a backward step.

    Attributes:
        entry: which number is asked for: "w", or "w[1, 2]" of a larger tensor.
        index: its place in the tensor.
        answer: the accumulated gradient there, after this contribution.
        slips: wrong answers that say what went wrong.
        text: the question.
    """

    entry: str
    index: tuple[int, ...]
    answer: float
    slips: list[Slip]
    text: str


@dataclass(frozen=True)
class Judgement:
    """What is said of an answer; ``right`` is None for one that is no number."""

    right: bool | None
    says: str


def question(step: Backward, given: Contribution) -> Question | None:
    """The question about a contribution: of a larger tensor, about its largest entry; None where that is not finite."""
    sizes = np.abs(np.asarray(given.accumulated, np.float64))
    if not sizes.size or not np.isfinite(sizes).all():
        return None
    index = tuple(int(i) for i in np.unravel_index(int(sizes.argmax()), sizes.shape))
    answer = float(given.accumulated[index])
    name = given.value.name if PLAIN.fullmatch(given.value.name) else f"({given.value.name})"
    brackets = f"[{', '.join(map(str, index))}]" if sizes.size > 1 else ""
    entry = name + brackets if brackets else given.value.name
    wrong: list[Slip] = []
    for slip in slips(step, given, index):
        if not any(same(slip.value, other) for other in (answer, *(known.value for known in wrong))):
            wrong.append(slip)
    return Question(entry, index, answer, wrong, _words(step, given, name + brackets))


def _words(step: Backward, given: Contribution, entry: str) -> str:
    """The question, in the reader's own terms."""
    asked = f"What is ∂{entry}"
    if given.value.uses == 1:
        return f"{asked}?"
    through = " and ".join(value.name for value in step.forward.outputs)
    twice = [c for c in step.contributions if c.value is given.value]
    if len(twice) > 1:
        place = next(place for place, c in enumerate(twice) if c is given)
        through += f" by its {('first', 'second', 'third')[place] if place < 3 else f'{place + 1}th'} use there"
    when = "has come, the first" if given.first else "has been added to what is there"
    return f"{given.value.name} is used {given.value.uses} times. {asked} when the contribution of {through} {when}?"


def judge(asked: Question, text: str) -> Judgement:
    """Compare an answer with the right one, to two significant digits, and with the classic slips."""
    value = parse(text)
    if value is None:
        return Judgement(None, UNREADABLE)
    if same(value, asked.answer):
        return Judgement(True, f"Right: {asked.answer:.4g}.")
    for slip in asked.slips:
        if same(value, slip.value):
            return Judgement(False, slip.says)
    return Judgement(False, "Not yet. Put the incoming gradient and the operation's inputs into the rule.")


def parse(text: str) -> float | None:
    """A decimal number; None for anything else."""
    plain = text.strip().replace("−", "-")
    return float(plain) if NUMBER.fullmatch(plain) else None


def same(value: float, right: float) -> bool:
    """Whether a value equals the right one to two significant digits; zero is met within 0.005."""
    if right == 0:
        return abs(value) < 0.005
    return abs(value - right) <= 0.501 * 10.0 ** (math.floor(math.log10(abs(right))) - 1)
