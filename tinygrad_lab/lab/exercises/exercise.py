"""What an exercise is: a right answer, from which the student's file and the wrong answers are cut.

The right answer is one function in plain NumPy that returns y and ``backward(dy)``.  The student's file is its source
with an empty backward, and a slip is its source with one place changed: so both always fit the answer.
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_lab.lab.exercises.draws import Case, Draw

BACKWARD = re.compile(r"^    def backward\(dy\):\n((?:        .*\n|\n)*)", re.M)
Answer = Callable[..., Any]  # (*arguments) -> y, backward


@dataclass(frozen=True)
class Slip:
    """A classic mistake: what stands in the right answer, what is written in its place, and what is said to it."""

    right: str
    wrong: str
    says: str


@dataclass(frozen=True)
class Exercise:
    """One operation whose backward is to be written.

    Attributes:
        answer: the right one; its docstring is the task.
        title: one line for the list.
        paper: where the operation comes from.
        inputs: the parameters that have a gradient, in the order in which backward returns them.
        cases: arguments to try it at; the first is an ordinary one.
        slips: classic mistakes, likeliest first.
        hints: three, from a nudge to nearly everything.
        operation: the engine's own, by name.
        engine: the same on the engine's tensors: (functional, *arguments) -> y.
        torch: the same on PyTorch's: (torch, *arguments) -> y; where left out, ``engine`` with torch.nn.functional.
    """

    answer: Answer
    title: str
    paper: str
    inputs: tuple[str, ...]
    cases: Callable[[Draw], Iterator[Case]]
    slips: Sequence[Slip]
    hints: tuple[str, str, str]
    operation: str
    engine: Callable[..., Any]
    torch: Callable[..., Any] | None = None

    @property
    def name(self) -> str:
        """Return the name of the function, the file and the command."""
        return self.answer.__name__

    @property
    def gradients(self) -> tuple[str, ...]:
        """Name what backward returns: dx, dweight."""
        return tuple(f"d{name}" for name in self.inputs)

    @cached_property
    def source(self) -> str:
        """Return the right answer, as it is written."""
        return textwrap.dedent(inspect.getsource(self.answer))

    def file(self) -> str:
        """Return what the student begins with."""
        wanted = ", ".join(self.gradients)
        empty = f"    def backward(dy):\n        return ...  # in place of the dots: {wanted}\n\n"
        before, _, after = BACKWARD.split(self.source, maxsplit=1)
        follow = f"Write backward, then: tinygrad-lab exercise {self.name} --check    (--hint helps)"
        head = f'"""{self.title}\n\n{self.paper}\n\n{follow}\n"""'
        return f"{head}\n\nimport numpy as np\n\n\n{before}{empty}{after}"

    def with_slip(self, slip: Slip) -> str:
        """Return the right answer with one mistake in it."""
        assert self.source.count(slip.right) == 1, f"{self.name}: {slip.right!r} stands there not once"
        return self.source.replace(slip.right, slip.wrong)

    def wrong_answer(self, slip: Slip) -> Answer:
        """Return the function that somebody wrote who made this mistake."""
        return defined(self.with_slip(slip), self.name)


def defined(source: str, name: str) -> Answer:
    """Return the function of that name which a source of our own defines."""
    space: dict[str, Any] = {"np": np}
    exec(source, space)
    found: Answer = space[name]
    return found
