"""What a trace is made of: values, forward steps that make them, backward steps that differentiate.

Everything holds copies of the numbers, in full: nothing that happens after a step changes what it shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from tinygrad_lab.ops.operation import OperationInfo
from tinygrad_lab.trace import html
from tinygrad_lab.trace.axes import Axis
from tinygrad_lab.trace.rule import StepRule
from tinygrad_lab.trace.writing import Latex, Writer

IN_FULL = 16  # numbers of a tensor that are printed one by one


@dataclass(eq=False, repr=False)
class Value:
    """A tensor as the graph knows it.

    Attributes:
        number: its place in the order in which values appear.
        name: a parameter's path in the model, a variable's name in the code that used it, the piece of code that made
            it, or its operation and a number: "softmax.3".  A name that is there already gets a number: x, x₂, ...
        kind: "parameter", another "input" that wants a gradient, a "constant", or the "result" of an operation.
        array: its numbers.
        gradient: the derivative of the traced result by it, when the last contribution has come; None without one.
        uses: how many arguments of operations it was.
        axes: what its dimensions are called, and the texts at their edges; None where nothing is known.
    """

    number: int
    name: str
    kind: Literal["parameter", "input", "constant", "result"]
    array: np.ndarray
    gradient: np.ndarray | None = None
    uses: int = 0
    axes: list[Axis] | None = None

    def __repr__(self) -> str:
        return f"{self.name} = {shown(self.array)}"


@dataclass(frozen=True)
class Input:
    """A tensor argument of an operation, by the name of the operation's parameter."""

    parameter: str
    value: Value


@dataclass(eq=False, repr=False)
class Forward:
    """An operation that was run.

    Attributes:
        index: its place in the trace.
        operation: what is known of it: name, rule, source, definition.
        module: path of the module that ran it; "" in the model itself and outside of all modules.
        file: source file of the line that called it, outside the engine.
        line: the line's number.
        source: the line's text.
        inputs: its tensor arguments.
        settings: its other arguments, by name.
        outputs: what it made.
        taken: the names that the code around it has for values: a rule's own definitions have others.
    """

    index: int
    operation: OperationInfo
    module: str
    file: str
    line: int
    source: str
    inputs: list[Input]
    settings: dict[str, Any]
    outputs: list[Value]
    phase: Literal["forward"] = "forward"
    taken: frozenset[str] = frozenset()

    @property
    def rule(self) -> str:
        """The operation's backward rule with these settings, as it is written beside the operation."""
        return self.operation.rule_of(self.settings)

    def __str__(self) -> str:
        given = ", ".join(item.value.name for item in self.inputs)
        made = ", ".join(f"{value.name} = {shown(value.array)}" for value in self.outputs)
        return f"{self.index:4d} forward   {self.operation.name}({given}) -> {made}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html.of_forward(self)


@dataclass(frozen=True)
class Contribution:
    """What one backward step adds to the gradient of one input.

    Attributes:
        parameter: the name of the operation's parameter.
        value: the input.
        gradient: the contribution, summed back over broadcast axes.
        accumulated: the sum of all contributions so far.
        first: whether it is the first one.
    """

    parameter: str
    value: Value
    gradient: np.ndarray
    accumulated: np.ndarray
    first: bool


@dataclass(eq=False, repr=False)
class Backward:
    """An operation differentiated.

    Attributes:
        index: its place in the trace.
        forward: the step that ran the operation.
        incoming: the gradient of each output; None for an output that nobody used.
        contributions: what goes to each input that wants a gradient.
    """

    index: int
    forward: Forward
    incoming: list[np.ndarray | None]
    contributions: list[Contribution] = field(default_factory=list)
    phase: Literal["backward"] = "backward"

    @property
    def operation(self) -> OperationInfo:
        """What is known of the operation: name, rule, source, definition."""
        return self.forward.operation

    @property
    def rule(self) -> str:
        """The rule of this call, in the names of the operation's parameters."""
        return self.forward.rule

    @cached_property
    def said(self) -> StepRule:
        """The rule in the names of this step's values, and with its numbers."""
        return StepRule(self.forward, self)

    def numbers(self) -> str:
        """Return the rule in LaTeX, in the names of this step's values, and then with its numbers."""
        lines = [line.text(r"\approx") for line in self.said.lines(Latex)]
        return r" \\ ".join([r" \qquad ".join(self.said.latex()), *lines])

    def __str__(self) -> str:
        given = ", ".join("-" if g is None else shown(g) for g in self.incoming)
        parts = [
            f"{derivative(c.value.name)} {'=' if c.first else '+='} {shown(c.gradient)}"
            + ("" if c.first else f" -> {shown(c.accumulated)}")
            for c in self.contributions
        ]
        return f"{self.index:4d} backward  {self.operation.name}: {given} -> {', '.join(parts) or 'nothing'}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html.of_backward(self)


@dataclass(eq=False)
class Trace:
    """Every step of one computation and its differentiation, in order.  Iterate over it, index it, ask its length."""

    steps: list[Forward | Backward]
    values: list[Value]
    result: Value

    def __post_init__(self) -> None:
        calls = [step for step in self.steps if isinstance(step, Forward)]
        taken: dict[str, set[str]] = {}
        for step in calls:
            given = [item.value for item in step.inputs]
            taken.setdefault(step.file, set()).update(value.name for value in [*given, *step.outputs])
        together = {file: frozenset(names) for file, names in taken.items()}
        for step in calls:
            step.taken = together[step.file]

    def __iter__(self) -> Iterator[Forward | Backward]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: int) -> Forward | Backward:
        return self.steps[index]

    def __repr__(self) -> str:
        return f"Trace of {len(self)} steps to {self.result.name} = {shown(self.result.array)}"

    def _repr_html_(self) -> str:
        return html.of_trace(self)


def _listed(numbers: Any) -> str:
    """All numbers in nested brackets."""
    if not isinstance(numbers, list):
        return f"{numbers + 0.0:.4g}"
    return f"[{', '.join(map(_listed, numbers))}]"


def derivative(name: str) -> str:
    """Write ∂name; what is more than a name stands in brackets."""
    return Writer().derivative(name)


def shown(array: np.ndarray) -> str:
    """Write a few numbers in full, many as their shape and norm."""
    if array.size <= IN_FULL and array.dtype.kind in "fiub":
        return _listed(array.tolist())
    return f"{'×'.join(map(str, array.shape))} of norm {np.linalg.norm(array.astype(np.float64)):.4g}"
