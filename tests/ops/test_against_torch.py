"""Every operation equals torch's: values and all gradients, float32 and float64, any memory layout."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, note
from hypothesis import strategies as st

from tests.cases import CASES, Case
from tests.numerics import as_outputs, relative_error, tolerance
from tinygrad_lab.tensor import Tensor


def both_sides(value: Any, dtype: type) -> tuple[Any, Any]:
    """An argument for the engine and for torch: arrays become tensors, float arrays require a gradient."""
    if isinstance(value, list | tuple) and any(isinstance(item, np.ndarray) for item in value):
        pairs = [both_sides(item, dtype) for item in value]
        return [ours for ours, _ in pairs], [theirs for _, theirs in pairs]
    if not isinstance(value, np.ndarray):
        return value, value
    if value.dtype.kind != "f":
        return Tensor(value), torch.from_numpy(value.copy())
    converted = value.astype(dtype)
    return Tensor(converted, requires_grad=True), torch.from_numpy(converted.copy()).requires_grad_()


def flat(values: Any) -> list:
    return [leaf for v in values for leaf in (flat(v) if isinstance(v, list | tuple) else [v])]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@given(data=st.data())
def test_equals_torch(case: Case, data: st.DataObject) -> None:
    args, options = data.draw(case.arguments)
    for dtype in (np.float32, np.float64):
        note(f"in {dtype.__name__}")
        assert_equals_torch(case, dtype, args, options)


def assert_equals_torch(case: Case, dtype: type, args: tuple, options: dict[str, Any]) -> None:
    pairs = [both_sides(value, dtype) for value in args]
    paired_options = {name: both_sides(value, dtype) for name, value in options.items()}
    ours = as_outputs(case.ours(*[a for a, _ in pairs], **{k: a for k, (a, _) in paired_options.items()}))
    theirs = case.torch_function()(*[b for _, b in pairs], **{k: b for k, (_, b) in paired_options.items()})
    theirs = list(theirs) if isinstance(theirs, tuple | list) else [theirs]
    bound = tolerance(np.dtype(dtype), case.reduction)
    rng = np.random.default_rng(0)
    for mine, other in zip(ours, theirs, strict=True):
        assert relative_error(mine.numpy(), other.detach().numpy(), 1.0) <= bound
        if other.requires_grad:
            weight = rng.standard_normal(mine.shape).astype(dtype)
            mine.backward(weight, retain_graph=True)
            other.backward(torch.from_numpy(weight), retain_graph=True)
    for mine, other in zip(flat(a for a, _ in pairs), flat(b for _, b in pairs), strict=True):
        if isinstance(other, torch.Tensor) and other.grad is not None:
            assert mine.grad is not None, f"no gradient for an input of shape {mine.shape}"
            assert relative_error(mine.grad.numpy(), other.grad.numpy(), 1.0) <= bound
