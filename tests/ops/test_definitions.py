"""Every fused operation equals its definition, the composition of elementary operations: values and all gradients."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cases import CASES, Case
from tests.numerics import as_outputs, relative_error
from tests.operations import ENGINE_OPERATIONS
from tinygrad_lab import random
from tinygrad_lab.ops.dropout import dropout, gaussian_dropout
from tinygrad_lab.ops.normalization import batch_norm
from tinygrad_lab.ops.operation import OPERATIONS
from tinygrad_lab.tensor import Tensor

TIES = {"max_pool2d of NaN and -inf"}  # several NaN maxima: the fused operation has a rule of its own, torch's
fused = [case for case in CASES if hasattr(case.ours, "info") and case.ours.info.definition and case.name not in TIES]


def tensors(values: Any) -> Any:
    """Fresh tensors for the arrays among ``values``; those of floats require a gradient."""
    if isinstance(values, dict):
        return {name: tensors(value) for name, value in values.items()}
    if isinstance(values, tuple | list):
        return type(values)(tensors(value) for value in values)
    return Tensor(values, requires_grad=values.dtype.kind == "f") if isinstance(values, np.ndarray) else values


def results(function: Callable, args: tuple, options: dict) -> list[np.ndarray | None]:
    """Outputs, then the gradient of a random projection with respect to each float argument."""
    args, options = tensors(args), tensors(options)
    outputs = as_outputs(function(*args, **options))
    for seed, out in enumerate(outputs):
        if out.requires_grad:
            out.backward(np.random.default_rng(seed).standard_normal(out.shape), retain_graph=True)
    inputs = [value for value in (*args, *options.values()) if isinstance(value, Tensor) and value.requires_grad]
    gradients = [value.grad if value.grad is not None else Tensor(np.zeros(value.shape)) for value in inputs]
    return [tensor.numpy() for tensor in [*outputs, *gradients]]


def assert_same(function: Callable, definition: Callable, args: tuple, options: dict) -> None:
    pairs = zip(results(function, args, options), results(definition, args, options), strict=True)
    for mine, other in pairs:
        assert relative_error(mine, other, 1.0) <= 1e-10


@pytest.mark.parametrize("case", fused, ids=lambda case: case.name)
@given(data=st.data())
def test_equals_its_definition(case: Case, data: st.DataObject) -> None:
    args, options = data.draw(case.arguments)
    assert_same(case.ours, case.ours.info.definition, args, options)


@pytest.mark.parametrize("noise", [dropout, gaussian_dropout], ids=lambda noise: noise.info.name)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("p", [0.0, 0.3])
def test_noise_equals_its_definition(noise: Any, training: bool, p: float) -> None:
    def seeded(function: Callable) -> Callable:
        return lambda x: function(x, p, training, generator=random.generator(0))

    assert_same(seeded(noise), seeded(noise.info.definition), (np.ones((4, 5)),), {})


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 4, 5)])
def test_batch_norm_equals_its_definition(training: bool, shape: tuple[int, ...]) -> None:
    statistics: list[Tensor] = []

    def tracked(function: Callable) -> Callable:
        mean, var = Tensor(np.full(3, 0.3)), Tensor(np.full(3, 1.7))
        statistics.extend([mean, var])
        return lambda x, weight, bias: function(x, mean, var, weight, bias, training)

    rng = np.random.default_rng(0)
    args = rng.standard_normal(shape), rng.standard_normal(3), rng.standard_normal(3)
    assert_same(tracked(batch_norm), tracked(batch_norm.info.definition), args, {})
    for mine, other in zip(statistics[:2], statistics[2:], strict=True):
        assert relative_error(mine.numpy(), other.numpy(), 1.0) <= 1e-12


def defaults(function: Callable) -> dict[str, Any]:
    return {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}


@pytest.mark.parametrize("name", [name for name in ENGINE_OPERATIONS if OPERATIONS[name].definition])
def test_takes_what_its_definition_takes_with_the_same_defaults(name: str) -> None:
    assert defaults(OPERATIONS[name].body) == defaults(OPERATIONS[name].definition)
