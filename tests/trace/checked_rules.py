"""Rules held against the operations: what a rule says, in numbers, against what the operation's backward gives."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.cases import CASES, Case
from tinygrad_lab import Tensor, random
from tinygrad_lab.ops.operation import OPERATIONS
from tinygrad_lab.trace import Backward, Forward, record, trace
from tinygrad_lab.trace.call import CallRule
from tinygrad_lab.trace.record import Recorder
from tinygrad_lab.trace.steps import Contribution, Input, Value

RELATIVE = 1e-9
SMALLEST = 1e-3  # gradients smaller than this are compared as if they were this large
UNSEEN = ("parts", "recomputed")  # a recorder sees what they run instead


def on_tape(value: Any) -> Any:
    """Floats as tensors that want a gradient, other arrays as tensors."""
    if isinstance(value, list | tuple):
        return type(value)(map(on_tape, value))
    return Tensor(value, requires_grad=value.dtype.kind == "f") if isinstance(value, np.ndarray) else value


def differentiated(case: Case, args: tuple, options: dict[str, Any]) -> Iterator[Backward]:
    """Every operation of a case, differentiated: a step each."""
    args, options = on_tape(args), {name: on_tape(value) for name, value in options.items()}
    if case.name in UNSEEN:
        yield by_hand(case.name, args)
        return
    with record() as recorder:
        made = case.ours(*args, **options)
    for result in made if isinstance(made, tuple) else (made,):
        if isinstance(result, Tensor) and result.requires_grad and _is_known(recorder, result):
            incoming = np.random.default_rng(0).standard_normal(result.shape)
            yield from (step for step in trace(result, Tensor(incoming)) if isinstance(step, Backward))


def _is_known(recorder: Recorder, result: Tensor) -> bool:
    return id(result._data) in recorder._known


def by_hand(name: str, args: tuple) -> Backward:
    """A step of an operation that runs others, which a recorder is shown in its place."""
    caught: list[Any] = []
    info = OPERATIONS[name]
    body = info.body

    def watched(run: Any, *arrays: np.ndarray) -> Any:
        made, backward = body(run, *arrays)
        caught[:] = [run, arrays, made, backward]
        return made, backward

    info.body = watched
    try:
        next(c for c in CASES if c.name == name).ours(*args)
    finally:
        info.body = body
    run, arrays, made, backward = caught
    values = [Value(k, f"x{k}", "input", array) for k, array in enumerate((*arrays, made))]
    inputs = [Input(f"{info.variadic}[{k}]", value) for k, value in enumerate(values[:-1])]
    forward = Forward(0, info, "", "", 0, "", inputs, {info.parameters[0]: run}, values[-1:])
    incoming = np.random.default_rng(0).standard_normal(made.shape)
    step = Backward(1, forward, [incoming])
    for item, gradient in zip(inputs, backward(info.needs_of(arrays), incoming), strict=True):
        step.contributions.append(Contribution(item.parameter, item.value, gradient, gradient, True))
    return step


def is_empty(step: Backward) -> bool:
    """Whether there is nothing to compare."""
    forward = step.forward
    return not all(value.array.size for value in (*forward.outputs, *(item.value for item in forward.inputs)))


def errors(step: Backward) -> dict[str, float]:
    """By parameter, how far the displayed rule is from the contribution, relative to the largest entry."""
    again = {"generator": random.generator(0)} if "generator" in step.forward.settings else {}
    with np.errstate(all="ignore"):
        said = CallRule(step.forward, [c.parameter for c in step.contributions], step.incoming).worked_out(**again)
    found = {}
    for given in step.contributions:
        right = given.gradient
        if not np.isfinite(right).all():
            continue  # of infinities there is more than one way to NaN
        assert said[given.parameter].shape == right.shape, (step.operation.name, given.parameter)
        difference = np.abs(said[given.parameter] - right).max()
        found[given.parameter] = float(difference / max(np.abs(right).max(), SMALLEST))
    return found
