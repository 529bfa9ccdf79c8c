"""The rule of one call: its equations, with the settings of the call, and what they are worth."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lab.tensor import unbroadcast
from tinygrad_lab.trace.binding import bind
from tinygrad_lab.trace.evaluation import Evaluation
from tinygrad_lab.trace.notation import Equation, parsed

if TYPE_CHECKING:
    from tinygrad_lab.trace.steps import Forward


def values_of(step: Forward) -> dict[str, Any]:
    """Return what a call was given and made, under the names that its operation's rule has for it."""
    info = step.operation
    values: dict[str, Any] = dict.fromkeys(info.parameters) | info.defaults | step.settings
    if info.variadic:
        values[info.variadic] = [None] * sum(i.parameter.startswith(f"{info.variadic}[") for i in step.inputs)
    for item in step.inputs:
        values[item.parameter] = item.value.array
        if info.variadic and item.parameter.startswith(f"{info.variadic}["):
            values[info.variadic][int(item.parameter[len(info.variadic) + 1 : -1])] = item.value.array
    names = outputs_of(step)
    values |= {name: value.array for name, value in zip(names, step.outputs, strict=True)}
    if info.outputs is None:
        values[info.output] = [value.array for value in step.outputs]
    return values


def outputs_of(step: Forward) -> list[str]:
    """Return what the rule calls the outputs."""
    info = step.operation
    if isinstance(info.outputs, tuple):
        return list(info.outputs)
    return [info.output] if info.outputs == 1 else [f"{info.output}[{k}]" for k in range(len(step.outputs))]


class CallRule:
    """The rule of one call: the equations that give the gradients wanted, with the call's settings in them.

    Args:
        step: the call.
        wanted: the parameters whose gradients are asked for.
        incoming: the gradient of each output, None for one that nobody used; without it they are not known yet.
    """

    def __init__(
        self, step: Forward, wanted: Sequence[str], incoming: Sequence[np.ndarray | None] | None = None
    ) -> None:
        self.step, self.wanted = step, list(wanted)
        self.values = values_of(step)
        gradients = incoming or [np.broadcast_to(0.0, value.array.shape) for value in step.outputs]
        outputs = outputs_of(step)
        given = dict(zip((f"d{name}" for name in outputs), gradients, strict=True))
        self.values |= {name: gradient for name, gradient in given.items() if gradient is not None}
        if step.operation.outputs is None:
            shapes = [value.array.shape for value in step.outputs]
            together = [np.zeros(s) if g is None else g for s, g in zip(shapes, gradients, strict=True)]
            self.values |= {f"d{step.operation.output}": together, **dict(zip(given, together, strict=True))}
        self.absent = [name for name in given if name not in self.values]
        self.ranges: dict[str, range] = {}
        self.equations = self._equations(parsed(step.rule) or ())

    def _equations(self, statements: Sequence[ast.stmt]) -> list[Equation]:
        info = self.step.operation
        if not info.variadic:
            bound = bind(statements, self.values, self.absent)
            self.ranges = bound.ranges
            return bound.needed_for(f"d{name}" for name in self.wanted)
        found = []
        for name in self.wanted:
            place = int(name[len(info.variadic) + 1 : -1])
            found += bind(statements, self.values | {"k": place}, self.absent).needed_for([f"d{name}"])
        return found

    def worked_out(self, **others: Any) -> dict[str, np.ndarray]:
        """Return the gradients that the equations give, in float64, by parameter.

        Args:
            others: values that take the place of the call's own: a generator as it was before the call, say.
        """
        evaluation = self.evaluation(Evaluation, others)
        shapes = evaluation.shapes
        return {name: self._fitted(evaluation.named(f"d{name}"), shapes[f"d{name}"]) for name in self.wanted}

    def evaluation(self, kind: type[Evaluation], others: Mapping[str, Any] = {}) -> Evaluation:
        """Return the equations worked out, definitions among them."""
        shapes = {f"d{name}": np.shape(self.values[name]) for name in self.wanted}
        evaluation = kind({**self.values, **others}, shapes, self.ranges)
        evaluation.run(self.equations)
        return evaluation

    def _fitted(self, gradient: Any, shape: tuple[int, ...]) -> np.ndarray:
        """Summed over the copies that an elementwise operation made, or copied where one number is for all."""
        array = np.asarray(gradient, np.float64)
        if self.step.operation.elementwise:
            array = unbroadcast(np.broadcast_to(array, self.step.outputs[0].array.shape), shape)
        return np.broadcast_to(array, shape) if array.ndim == 0 else array
