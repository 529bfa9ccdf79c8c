"""A gradient is the same whether it is wanted alone or together with those of the other arguments, and what comes in
through several outputs at once is the sum of what comes in through each."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cases import CASES, Case
from tests.numerics import as_outputs, relative_error
from tinygrad_lab.tensor import Tensor

FEW = settings(max_examples=6, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))


def floats_of(values: Any, path: tuple = ()) -> list[tuple]:
    """The paths to all float arrays in arguments, those in lists too."""
    if isinstance(values, list | tuple | dict):
        items = values.items() if isinstance(values, dict) else enumerate(values)
        return [found for key, value in items for found in floats_of(value, (*path, key))]
    return [path] if isinstance(values, np.ndarray) and values.dtype.kind == "f" else []


def on_tape(values: Any, wanted: set[tuple], made: dict[tuple, Tensor], path: tuple = ()) -> Any:
    """The arguments with Tensors for float arrays; those at the paths ``wanted`` learn.  ``made`` gets them by path."""
    if isinstance(values, dict):
        return {key: on_tape(value, wanted, made, (*path, key)) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return type(values)(on_tape(value, wanted, made, (*path, key)) for key, value in enumerate(values))
    if not isinstance(values, np.ndarray):
        return values
    made[path] = Tensor(values, requires_grad=path in wanted)
    return made[path]


def gradients(
    case: Case, arguments: tuple, wanted: set[tuple], at_once: bool = False
) -> dict[tuple, np.ndarray | None]:
    """Of every float argument, from incoming gradients that are drawn for each output that learns."""
    made: dict[tuple, Tensor] = {}
    args, options = on_tape(list(arguments), wanted, made)
    with np.errstate(all="ignore"):
        outputs = [out for out in as_outputs(case.ours(*args, **options)) if out.requires_grad]
        incoming = [np.random.default_rng(number).standard_normal(out.shape) for number, out in enumerate(outputs)]
        if at_once and outputs:
            sum((out * Tensor(dy)).sum() for out, dy in zip(outputs, incoming, strict=True)).backward()
        else:
            for out, dy in zip(outputs, incoming, strict=True):
                out.backward(dy, retain_graph=True)
    return {path: None if tensor.grad is None else tensor.grad.numpy() for path, tensor in made.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@FEW
@given(data=st.data())
def test_each_gradient_alone_is_that_of_all_together(case: Case, data: st.DataObject) -> None:
    arguments = data.draw(case.arguments)
    paths = floats_of(list(arguments))
    together = gradients(case, arguments, set(paths))
    for path in paths:
        alone = gradients(case, arguments, {path})
        assert all(gradient is None for other, gradient in alone.items() if other != path)
        if together[path] is None or alone[path] is None:
            assert together[path] is alone[path] is None
        elif np.isfinite(together[path]).all():
            assert relative_error(alone[path], together[path], 1e-6) < 1e-9, path


RECURRENT = ("lstm", "lstm_1997", "rnn", "gru", "selective_scan")
OF_SEVERAL = (*RECURRENT, "max", "min", "split_at", "chunk", "unbind", "sort", "topk")
SEVERAL = [case for case in CASES if re.split("[', ]", case.name)[0] in OF_SEVERAL]


@pytest.mark.parametrize("case", SEVERAL, ids=lambda case: case.name)
@FEW
@given(data=st.data())
def test_several_outputs_at_once_send_the_sum(case: Case, data: st.DataObject) -> None:
    arguments = data.draw(case.arguments)
    paths = set(floats_of(list(arguments)))
    each, together = gradients(case, arguments, paths), gradients(case, arguments, paths, at_once=True)
    for path in paths:
        assert (each[path] is None) == (together[path] is None)
        if each[path] is not None and np.isfinite(each[path]).all():
            assert relative_error(together[path], each[path], 1e-6) < 1e-9, path
