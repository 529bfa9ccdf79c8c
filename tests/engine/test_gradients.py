"""Every operation's gradient against central differences, without torch; dtype and shape of every gradient."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cases import CASES, Case
from tests.numerics import as_outputs, assert_numerical_gradient
from tinygrad_lab.ops import unbind
from tinygrad_lab.ops.operation import OPERATIONS
from tinygrad_lab.tensor import Tensor


def is_float(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@given(data=st.data())
def test_gradient_is_the_numerical_one_and_has_its_inputs_shape_and_dtype(case: Case, data: st.DataObject) -> None:
    args, options = data.draw(case.arguments)
    assert_shape_and_dtype(case, args, options)
    if case.smooth:
        assert_central_differences(case, args, options)


def assert_shape_and_dtype(case: Case, args: tuple, options: dict[str, Any]) -> None:
    """In float32, from an incoming gradient in float64."""
    inputs = [Tensor(a.astype(np.float32), requires_grad=True) if is_float(a) else a for a in args]
    for out in as_outputs(case.ours(*inputs, **options)):
        if out.requires_grad:
            assert out.dtype == np.float32
            out.backward(np.ones(out.shape), retain_graph=True)
    for tensor in inputs:
        if isinstance(tensor, Tensor) and tensor.grad is not None:
            assert tensor.grad.shape == tensor.shape
            assert tensor.grad.dtype == np.float32


def assert_central_differences(case: Case, args: tuple, options: dict[str, Any]) -> None:
    places = [i for i, value in enumerate(args) if is_float(value)]

    def function(*tensors: Tensor) -> object:
        filled = list(args)
        for place, tensor in zip(places, tensors, strict=True):
            filled[place] = tensor
        return case.ours(*filled, **options)

    arrays = [args[place] for place in places]
    values = as_outputs(function(*map(Tensor, arrays)))
    if all(np.isfinite(value.numpy()).all() for value in values):  # a mean over nothing is NaN, and so its slope
        assert_numerical_gradient(function, arrays)


def test_without_outputs_there_is_nothing_to_compare_and_with_constants_there_should_be() -> None:
    assert_numerical_gradient(lambda x: unbind(x, 0), [np.zeros((0, 3))])
    with pytest.raises(AssertionError, match="no output depends on the inputs"):
        assert_numerical_gradient(lambda x: x.detach(), [np.zeros((2, 3))])


def test_every_operation_has_a_case() -> None:
    covered = {case.ours.info.name for case in CASES if hasattr(case.ours, "info")} | {case.name for case in CASES}
    engine = {name for name, info in OPERATIONS.items() if info.body.__module__.startswith("tinygrad_lab.")}
    assert len(engine) > 50
    assert sorted(engine - covered) == []
