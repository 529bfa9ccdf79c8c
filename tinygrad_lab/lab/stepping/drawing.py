"""A step in characters and colours: the graph around it, its rule, its tensors, the source line that ran it."""

import linecache
from collections.abc import Mapping, Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from tinygrad_lab.lab.stepping.outline import Step, forward_of
from tinygrad_lab.lab.stepping.pictures import picture
from tinygrad_lab.trace import Backward, Forward, Trace, Value
from tinygrad_lab.trace.about import about, role
from tinygrad_lab.trace.rule import StepRule
from tinygrad_lab.trace.schema import relative
from tinygrad_lab.trace.steps import derivative
from tinygrad_lab.trace.tensors import FULL
from tinygrad_lab.trace.writing import in_words

HIDDEN = "?"
EXPLAINED = "∂w is the derivative of the result by w."
BRIEF = 4  # numbers that fit into the graph
AROUND = 4  # source lines shown before and after the one that is lit


def heading(step: Step) -> Text:
    """Return the step's phase, operation and module."""
    forward = forward_of(step)
    text = Text.assemble((f"{step.phase} ", "dim"), (forward.operation.name, "bold"))
    if forward.module:
        text.append(f"  in {forward.module}", "dim")
    return text


def brief(array: np.ndarray) -> str:
    """Return a few numbers, or the shape of many."""
    if array.size > BRIEF:
        return "×".join(map(str, array.shape))
    text = np.array2string(array, formatter={"float_kind": lambda value: f"{value:.4g}"}, separator=", ")
    return text.replace("\n", "")


# ---- the graph ------------------------------------------------------------------------------------------------------


def graph(step: Step, trace: Trace, hidden: frozenset[int] = frozenset()) -> Text:
    """Draw inputs left of the operation, and outputs right of it; gradients run from right to left.

    Args:
        step: which one.
        trace: where the values come from and go to.
        hidden: places of the contributions that are not to be seen yet.
    """
    forward = forward_of(step)
    if isinstance(step, Forward):
        left = [f"{item.value.name} = {brief(item.value.array)}" for item in step.inputs]
        right = [f"{value.name} = {brief(value.array)}" for value in step.outputs]
        arrow = (" ─", "─▶ ")
    else:
        seen = [HIDDEN if place in hidden else brief(c.gradient) for place, c in enumerate(step.contributions)]
        left = [
            f"{derivative(c.value.name)} {'=' if c.first else '+='} {number}"
            for c, number in zip(step.contributions, seen, strict=True)
        ]
        right = [
            f"{derivative(v.name)} = {'-' if g is None else brief(g)}"
            for v, g in zip(forward.outputs, step.incoming, strict=True)
        ]
        arrow = (" ◀", "── ")
    drawn = _joined(left or ["(nothing)"], right, forward.operation.name, arrow)
    return Text("\n".join([*drawn, *_neighbours(forward, trace)]))


def _joined(left: list[str], right: list[str], name: str, arrow: tuple[str, str]) -> list[str]:
    height = max(len(left), len(right))
    width = max(len(text) for text in left)
    left = [""] * ((height - len(left)) // 2) + left
    right = [""] * ((height - len(right)) // 2) + right
    lines = []
    for row in range(height):
        start, start_mark = _side(left, row, "─┐", "─┤", "─┘", "──")
        end, end_mark = _side(right, row, "┌─", "├─", "└─", "──")
        middle = f" {name} " if row == (height - 1) // 2 else " " * (len(name) + 2)
        first = f"{start:>{width}}{arrow[0] if start else '  '}{start_mark}"
        lines.append(f"{first}{middle}{end_mark}{arrow[1] if end else '   '}{end}".rstrip())
    return lines


def _side(texts: list[str], row: int, top: str, between: str, bottom: str, only: str) -> tuple[str, str]:
    """A row's text and the mark that joins it to the operation."""
    text = texts[row] if row < len(texts) else ""
    rows = [place for place, given in enumerate(texts) if given]
    if not text:
        return "", " " * len(only)
    if len(rows) == 1:
        return text, only
    return text, top if row == rows[0] else bottom if row == rows[-1] else between


def _neighbours(forward: Forward, trace: Trace) -> list[str]:
    """Say which operations made the inputs, and which ones use the outputs."""
    made, used = [], []
    for other in trace:
        if isinstance(other, Forward):
            made += [f"{i.value.name} by {other.operation.name} ({other.index + 1})" for i in forward.inputs
                     if any(i.value is value for value in other.outputs)]  # fmt: skip
            used += [f"{v.name} by {other.operation.name} ({other.index + 1})" for v in forward.outputs
                     if any(v is item.value for item in other.inputs)]  # fmt: skip
    lines = []
    if made:
        lines.append("made: " + ", ".join(dict.fromkeys(made)))
    if used:
        lines.append("used: " + ", ".join(dict.fromkeys(used)))
    return ["", *lines] if lines else []


# ---- the rule -------------------------------------------------------------------------------------------------------


def rule(step: Step, hidden: frozenset[int] = frozenset()) -> Text:
    """Forwards what the operation computes; backwards its rule, and each contribution with numbers."""
    if isinstance(step, Forward):
        equations = "   ".join(StepRule(step).text())
        return Text.assemble((about(step.operation) or step.operation.name) + "\n", ("backwards: " + equations, "dim"))
    text = Text("\n".join(step.said.text()), "dim")
    for place, line in enumerate(step.said.lines()):
        if line.numbers:  # else what comes out stands among the tensors
            text.append("\n" + (f"{line.name} = {HIDDEN}" if place in hidden else line.text()), "not dim")
    text.append(f"\n{EXPLAINED}", "dim italic")
    return text


def rule_lines(step: Backward) -> list[str]:
    """The rule of a step in words and numbers, an equation a line."""
    return [*step.said.text(), *(line.text() for line in step.said.lines() if line.numbers)]


# ---- tensors --------------------------------------------------------------------------------------------------------


def tensors(step: Step, hidden: frozenset[int] = frozenset(), matrix: int = 0) -> RenderableType:
    """What goes in and comes out, in numbers where they are few, as coloured cells where they are many.

    Args:
        step: which one.
        hidden: places of the contributions that are not to be seen yet.
        matrix: which one of a larger tensor's matrices is shown.
    """
    table = Table.grid(padding=(0, 2))

    def add(label: Text, value: Value, array: np.ndarray | None) -> None:
        table.add_row(label, picture(array, matrix, value.axes))

    if isinstance(step, Forward):
        for item in step.inputs:
            add(_label(item.value.name, role(item.parameter)), item.value, item.value.array)
        for name, setting in step.settings.items():
            table.add_row(Text(name, "dim"), Text(in_words(setting)))
        for value in step.outputs:
            add(_label(value.name, "result"), value, value.array)
        return table
    for item in step.forward.inputs:
        if item.value.array.size <= FULL:  # what the rule speaks of
            add(_label(item.value.name, role(item.parameter)), item.value, item.value.array)
    for name, setting in step.forward.settings.items():
        table.add_row(Text(name, "dim"), Text(in_words(setting)))
    for value, gradient in zip(step.forward.outputs, step.incoming, strict=True):
        add(_label(derivative(value.name), "incoming"), value, gradient)
    for place, given in enumerate(step.contributions):
        label = _label(derivative(given.value.name), f"as {role(given.parameter)}" if role(given.parameter) else "")
        if place in hidden:
            table.add_row(label, Text(HIDDEN, "bold"))
            continue
        add(label, given.value, given.gradient)
        if not given.first:
            add(_label("", "the sum so far"), given.value, given.accumulated)
    return table


def _label(name: str, role: str) -> Text:
    return Text.assemble((name, "bold"), " " if name else "", (role, "dim"))


# ---- the source -----------------------------------------------------------------------------------------------------


def source(step: Step, sources: Mapping[str, str]) -> RenderableType:
    """The lines around the one that ran the operation, that one lit."""
    forward = forward_of(step)
    lines = _lines(forward, sources)
    if not lines:
        return Text(forward.source)
    first = max(1, forward.line - AROUND)
    code = "\n".join(lines[first - 1 : forward.line + AROUND])
    language = "python" if forward.file.endswith(".py") else "text"
    return Group(
        Text(f"{relative(forward.file)}:{forward.line}", "dim"),
        Syntax(code, language, theme="ansi_dark", line_numbers=True, start_line=first,
               highlight_lines={forward.line}, background_color="default"),
    )  # fmt: skip


def _lines(forward: Forward, sources: Mapping[str, str]) -> Sequence[str]:
    text = sources.get(relative(forward.file), sources.get(forward.file))
    return text.splitlines() if text is not None else [line.rstrip("\n") for line in linecache.getlines(forward.file)]
