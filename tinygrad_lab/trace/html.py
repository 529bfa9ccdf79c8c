"""Traces in a notebook, as tables; the lab has them as interactive pages (``tinygrad_lab.lab.stepping.embed``)."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_lab.trace.about import role
from tinygrad_lab.trace.writing import Writer, in_words

if TYPE_CHECKING:
    from tinygrad_lab.trace.steps import Backward, Forward, Trace

NUMBERS = 64  # elements of a tensor that are shown one by one


def of_trace(trace: Trace) -> str:
    """Return a table with a row for each step: number, phase, module, what went in and came out."""
    rows = [(str(step.index), step.phase, _forward_of(step).module, str(step).split(None, 2)[2]) for step in trace]
    return table(("", "phase", "module", "step"), rows)


def of_forward(step: Forward) -> str:
    """Return the line that ran it, its inputs and its outputs, as a table."""
    made = [("result", value.name, numbers(value.array)) for value in step.outputs]
    return _title(step) + table(("", "name", "value"), [*_operands(step), *made], raw=(2,))


def _operands(step: Forward) -> list[tuple[str, str, str]]:
    """What an operation took, in rows."""
    given = [(role(item.parameter), item.value.name, numbers(item.value.array)) for item in step.inputs]
    return given + [(name, "", escape(in_words(value))) for name, value in step.settings.items()]


def of_backward(step: Backward) -> str:
    """Return the rule with numbers, and a table of what the operation took, of the gradients that
    came in and of those that go to each input.
    """
    rows = [
        (Writer().derivative(v.name) + ", coming in", "-" if g is None else numbers(g), "")
        for v, g in zip(step.forward.outputs, step.incoming, strict=True)
    ]
    rows += [
        (Writer().derivative(c.value.name), numbers(c.gradient), "" if c.first else numbers(c.accumulated))
        for c in step.contributions
    ]
    lines = [*step.said.text(), *(line.text() for line in step.said.lines() if line.numbers)]
    rule = "<br>".join(map(escape, lines))
    took = table(("", "it took", "value"), _operands(step.forward), raw=(2,))
    return f"{_title(step)}<p>{rule}</p>{took}" + table(
        ("gradient", "of this step", "the sum so far"), rows, raw=(1, 2)
    )


def table(head: Iterable[str], rows: Iterable[Iterable[str]], raw: tuple[int, ...] = ()) -> str:
    """Return an HTML table; everything is escaped but the columns ``raw``, which are HTML already."""
    cells = [
        "".join(f"<td>{cell if place in raw else escape(cell)}</td>" for place, cell in enumerate(row)) for row in rows
    ]
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def numbers(array: np.ndarray) -> str:
    """Write a small tensor as a table of numbers, and of a large one what it is like."""
    if array.size == 1:
        return f"{array.item():.4g}"
    size = " × ".join(map(str, array.shape))
    if not array.size:
        return f"{size}, empty"
    if array.size > NUMBERS or array.ndim > 2:
        real = array.astype(np.float64)
        return f"{size}, from {real.min():.4g} to {real.max():.4g}, norm {np.linalg.norm(real):.4g}"
    rows = [[f"{value:.4g}" for value in row] for row in np.atleast_2d(array)]
    cells = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{cells}</table>"


def _forward_of(step: Forward | Backward) -> Forward:
    return step if step.phase == "forward" else step.forward


def _title(step: Forward | Backward) -> str:
    forward = _forward_of(step)
    place = f" in <code>{escape(forward.module)}</code>" if forward.module else ""
    line = f"<br><code>{escape(forward.source)}</code>" if forward.source else ""
    return f"<p>{step.index}. {step.phase} of <b>{escape(step.operation.name)}</b>{place}{line}</p>"
