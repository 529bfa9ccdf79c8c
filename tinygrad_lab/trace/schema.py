"""A trace as JSON, the same for every face of the stepper and for other programs.

    {"version": 2,
     "result": 7,                               number of the value that was differentiated
     "values": [{"number": 7, "name": "loss", "kind": "parameter" | "input" | "constant" | "result", "uses": 1,
                 "tensor": 12, "gradient": 13 | null, "axes": 2, where something is known}, ...],
     "operations": {"multiply": {"rule": LaTeX, "symbols": {"x": "x", "y": "y"}, "doc": first line of its docstring,
                                 "fused": false}, ...},
     "steps": [STEP, ...],
     "not_finite": {"step": 2, "what": "NaN" | "Infinity" | "-Infinity"} | null,
     "tensors": [TENSOR, ...],                  every tensor above and below is a place in this list
     "axes": [[AXIS, ...], ...]}                so are a value's dimensions in this one

A forward STEP, an operation that was run:

    {"index": 0, "phase": "forward", "operation": "multiply", "module": "encoder.lstm", "file": "papers/lstm/model.py",
     "line": 12, "source": "y = w * x", "inputs": [{"parameter": "x", "value": 3}, ...],
     "settings": {"dim": "1"}, "outputs": [7], "inside": TRACE | {"left_out": 1124} | null}

A backward STEP, an operation differentiated:

    {"index": 9, "phase": "backward", "operation": "multiply", "forward": 0, "incoming": [13 | null, ...],
     "contributions": [{"parameter": "x", "value": 3, "gradient": 14, "accumulated": 15, "first": true,
                        "formula": LaTeX | null}, ...],
     "rule": LaTeX}                             equations parted by \\qquad, in the names of this step's values

A step's ``rule`` has the names of its values, ∂ before a name for a gradient, and numbers for settings; its operation's
``rule`` has the names of the parameters, and all variants.  ``symbols`` is what that rule calls the differentiable
arguments: their own names.  ``incoming`` has the gradient of each output, null for
one that nobody used.  ``accumulated`` is the sum of all contributions to that value so far, ``formula`` the equation of
the rule with this step's numbers in it, where some are few enough.

An AXIS is what a dimension of a value and of its gradient is called, with the texts at its edge where there are some;
with "by" there is a list of them for each index of the dimension of that name (each sentence of a batch has its words):

    {"name": "token" | "", "labels": ["the", "cat"]}
    {"name": "token", "labels": [["a", "cat"], ["the", "dog"]], "by": "batch"}

``not_finite`` is the step that made the first NaN or infinity out of finite numbers.  ``inside`` is the trace of a
fused operation's definition, see ``tinygrad_lab.trace.inside``, without "version", "tensors" and "axes" of its own.
Operations are opened breadth first, the smallest first, until INSIDE_BYTES of them are there; one with more than
INSIDE_STEPS steps, or one that finds no more room, only says how many steps it would have.

A TENSOR of up to 64 elements is given in full, row by row; of a larger one the first elements, to three digits:

    {"shape": [2, 3], "dtype": "float32", "values": [1, 2, 3, 4, 5, "NaN"]}
    {"shape": [20, 30], "dtype": "float32", "norm": 24.5, "min": 0, "max": 1,
     "picture": {"largest": 1, "exponent": -14, "kept": 600, "halves": BASE64}}

``halves`` are ``kept`` half-precision numbers (two bytes each, the lower one first), row by row; times 2^exponent they
are the tensor's.  Nothing is averaged.  Where ``kept`` is less than the tensor has, whole items of its first axes are
there (images, heads, rows) and the others are not: at most PICTURED elements, inside an operation INSIDE_PICTURED.
``largest`` is the largest finite size in the whole tensor, for one scale of colours for all its slices.

JSON has no non-finite numbers: they are the strings "NaN", "Infinity" and "-Infinity".  A number has as many digits as
identify it among those of its dtype.  Files below the project are named relative to it, others by their name alone.
"""

import json
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lab.ops.operation import OperationInfo
from tinygrad_lab.places import path_of
from tinygrad_lab.trace.about import about
from tinygrad_lab.trace.axes import Axis
from tinygrad_lab.trace.inside import can_open, inside
from tinygrad_lab.trace.record import TooLargeError
from tinygrad_lab.trace.rule import generic
from tinygrad_lab.trace.steps import Backward, Forward, Trace, Value
from tinygrad_lab.trace.tensors import PICTURED, number, tensor
from tinygrad_lab.trace.writing import Latex, in_words

VERSION = 2
INSIDE_PICTURED = 512  # elements of a large tensor inside an opened operation that are given
LISTED = 16  # elements of a setting that are named one by one
INSIDE_STEPS = 1000  # of one opened operation
INSIDE_BYTES = 720_000  # of all opened operations of a trace, as compact JSON
MARKUP = 9  # a rule as a page shows it has so many times the characters of its LaTeX, and these count too

STEP_BYTES = 250  # the least that a step takes in JSON


def as_json(
    trace: Trace, open_fused: bool = True, each: Callable[[Trace, dict[str, Any]], None] = lambda *_: None
) -> dict[str, Any]:
    """Return a trace as plain data, see above.

    Args:
        trace: what to write.
        open_fused: whether fused operations come with what is inside.
        each: gets every trace with its data, those inside it too, and may add to the data.
    """
    writer = _Writer()
    data = writer.trace(trace)
    each(trace, data)
    if open_fused:
        writer.open_all(trace, data, each)
    return {"version": VERSION, **data, "tensors": writer.tensors, "axes": writer.axes}


def opened_by(trace: Trace) -> list[tuple[Forward, list[np.ndarray | None] | None]]:
    """Return the steps that can be opened, each with the gradients of its outputs, if it has any."""
    incoming = {id(step.forward): step.incoming for step in trace if isinstance(step, Backward)}
    return [(step, incoming.get(id(step))) for step in trace if isinstance(step, Forward) and can_open(step)]


def _open(step: Forward, incoming: list[np.ndarray | None] | None) -> Trace | int:
    """What is inside; the number of steps where they are too many, at least what is known of it."""
    try:
        inner = inside(step, incoming)
    except TooLargeError as error:
        return error.limit
    return inner if len(inner) <= INSIDE_STEPS else len(inner)


def _size(inner: Trace | int) -> int:
    """How many steps it has."""
    return inner if isinstance(inner, int) else len(inner)


class _Writer:
    """Writes traces that share one list of tensors."""

    def __init__(self) -> None:
        self.tensors: list[dict[str, Any]] = []
        self.axes: list[list[dict[str, Any]]] = []
        self._places: dict[tuple[str, tuple[int, ...], bytes], int] = {}
        self._room = INSIDE_BYTES
        self._pictured = PICTURED

    def open_all(self, trace: Trace, data: dict[str, Any], each: Callable[[Trace, dict[str, Any]], None]) -> None:
        """Write what is inside the fused operations, and inside those of their definitions, as far as there is room."""
        self._pictured = INSIDE_PICTURED
        waiting = deque([(trace, data)])
        while waiting:
            outer, written = waiting.popleft()
            opened = [(step, _open(step, incoming)) for step, incoming in opened_by(outer)]
            for step, inner in sorted(opened, key=lambda pair: _size(pair[1])):
                content = None if isinstance(inner, int) else self._if_it_fits(inner)
                if isinstance(inner, int) or content is None:
                    written["steps"][step.index]["inside"] = {"left_out": _size(inner)}
                else:
                    written["steps"][step.index]["inside"] = content
                    each(inner, content)
                    waiting.append((inner, content))

    def _if_it_fits(self, inner: Trace) -> dict[str, Any] | None:
        if len(inner) * STEP_BYTES > self._room:
            return None
        before = len(self.tensors)
        written = self.trace(inner)
        size = len(json.dumps([written, self.tensors[before:]], separators=(",", ":")))
        size += MARKUP * sum(len(step.get("rule") or "") for step in written["steps"])
        if size <= self._room:
            self._room -= size
            return written
        del self.tensors[before:]
        self._places = {key: place for key, place in self._places.items() if place < before}
        return None

    def trace(self, trace: Trace) -> dict[str, Any]:
        operations = {step.operation.name: step.operation for step in trace}
        return {
            "result": trace.result.number,
            "values": [self._value(value) for value in trace.values],
            "operations": {name: _operation(info) for name, info in operations.items()},
            "steps": [_forward(step) if isinstance(step, Forward) else self._backward(step) for step in trace],
            "not_finite": not_finite(trace),
        }

    def _tensor(self, array: np.ndarray) -> int:
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._places:
            self._places[key] = len(self.tensors)
            self.tensors.append(tensor(array, self._pictured))
        return self._places[key]

    def _axes(self, axes: Sequence[Axis]) -> int:
        written = [_axis(axis) for axis in axes]
        if written not in self.axes:
            self.axes.append(written)
        return self.axes.index(written)

    def _value(self, value: Value) -> dict[str, Any]:
        return {
            "number": value.number,
            "name": value.name,
            "kind": value.kind,
            "uses": value.uses,
            "tensor": self._tensor(value.array),
            "gradient": None if value.gradient is None else self._tensor(value.gradient),
            **({"axes": self._axes(value.axes)} if value.axes else {}),
        }

    def _backward(self, step: Backward) -> dict[str, Any]:
        formulas = [line.text(r"\approx") if line.numbers else None for line in step.said.lines(Latex)]
        return {
            "rule": r" \qquad ".join(step.said.latex()),
            "index": step.index,
            "phase": "backward",
            "operation": step.operation.name,
            "forward": step.forward.index,
            "incoming": [None if gradient is None else self._tensor(gradient) for gradient in step.incoming],
            "contributions": [
                {
                    "parameter": given.parameter,
                    "value": given.value.number,
                    "gradient": self._tensor(given.gradient),
                    "accumulated": self._tensor(given.accumulated),
                    "first": given.first,
                    "formula": formula,
                }
                for given, formula in zip(step.contributions, formulas, strict=True)
            ],
        }


def _forward(step: Forward) -> dict[str, Any]:
    return {
        "index": step.index,
        "phase": "forward",
        "operation": step.operation.name,
        "module": step.module,
        "file": relative(step.file),
        "line": step.line,
        "source": step.source,
        "inputs": [{"parameter": item.parameter, "value": item.value.number} for item in step.inputs],
        "settings": {name: _setting(value) for name, value in step.settings.items()},
        "outputs": [value.number for value in step.outputs],
        "inside": None,
    }


def _axis(axis: Axis) -> dict[str, Any]:
    labels = {"labels": [list(row) if axis.by else row for row in axis.labels]} if len(axis.labels) else {}
    return {"name": axis.name, **labels, **({"by": axis.by} if axis.by else {})}


def _operation(info: OperationInfo) -> dict[str, Any]:
    return {
        "rule": generic(info),
        "symbols": {name: name for name in info.differentiable},
        "doc": about(info),
        "fused": info.definition is not None,
    }


def _setting(value: Any) -> str:
    """A setting in a few words."""
    if isinstance(value, np.random.Generator):
        return "a generator"
    if isinstance(value, np.ndarray):
        return f"array of shape {value.shape}" if value.size > LISTED else str(value.tolist())
    return f"({in_words(value)})" if isinstance(value, tuple | list) else in_words(value)


def relative(file: str) -> str:
    """Return a source file as it is named in JSON."""
    return path_of(file) or Path(file).name


# ---- where things went wrong ----------------------------------------------------------------------------------------


def not_finite(trace: Trace) -> dict[str, Any] | None:
    """Return the step that made the first NaN or infinity out of finite numbers."""
    for step in trace:
        if isinstance(step, Forward):
            given, made = [item.value.array for item in step.inputs], [value.array for value in step.outputs]
        else:
            given, made = list(_present(step.incoming)), [item.gradient for item in step.contributions]
        what = next((bad for array in made if (bad := _worst(array)) is not None), None)
        if what is not None and all(_worst(array) is None for array in given):
            return {"step": step.index, "what": what}
    return None


def _present(arrays: list[np.ndarray | None]) -> list[np.ndarray]:
    return [array for array in arrays if array is not None]


def _worst(array: np.ndarray) -> str | None:
    if array.dtype.kind != "f":
        return None
    bad = array[~np.isfinite(array)]
    return None if not bad.size else number(bad.ravel()[int(np.isnan(bad).argmax())])
