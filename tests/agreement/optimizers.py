"""Cases from torch's optimiser samples (OptimizerInfo): the weights after each of some steps with given gradients."""

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_optimizers import optim_db

from tests.agreement.carrying import DTYPES, Carrier
from tests.agreement.case import Apart, Case, Judged, Result, Verdict
from tests.agreement.operators import FLOATS, Wanted, parameters_of, seed
from tinygrad_lab import Tensor, from_numpy, optim

STEPS = 5
SHAPES = (3, 4), (5,), (), (2, 0)
IMPLEMENTATIONS = "foreach", "fused", "capturable", "differentiable"  # how torch computes, not what


def shared() -> list[Any]:
    """List what torch knows of each optimiser that we have too."""
    return [info for info in optim_db if inspect.isclass(getattr(optim, info.optim_cls.__name__, None))]


def name_of(info: Any) -> str:
    name: str = info.optim_cls.__name__
    return name


def cases(info: Any, wanted: Wanted) -> Iterator[Case | Judged]:
    """Yield all settings of one optimiser, and those that it must refuse."""
    for dtype in FLOATS:
        if not wanted():
            continue
        kind = str(dtype).removeprefix("torch.")
        for place, sample in enumerate(info.optim_inputs_func("cpu", dtype)):
            for layout in ("contiguous", "not contiguous"):
                if wanted():
                    yield from _case(info, f"{kind} {layout} sample {place} ({sample.desc})", sample, dtype, layout)
        seed()
        for place, wrong in enumerate(info.optim_error_inputs_func("cpu", dtype)):
            sample = wrong.optimizer_error_input
            if wanted():
                yield from _case(info, f"{kind} error input {place} ({sample.desc})", sample, dtype, "contiguous")


def _case(info: Any, label: str, sample: Any, dtype: torch.dtype, layout: str) -> Iterator[Case | Judged]:
    name = name_of(info)
    if any(sample.kwargs.get(way) for way in IMPLEMENTATIONS):
        yield Judged(name, label, Verdict.APART, "capturable, fused, foreach or differentiable")
        return
    carry = Carrier()
    params = _parameters(dtype, layout) if sample.params is None else sample.params
    try:
        kwargs, carried = carry.named(sample.kwargs), carry(params)
    except Apart as apart:
        yield Judged(name, label, Verdict.APART, str(apart))
        return

    def theirs() -> Result:
        optimizer = info.optim_cls(params, **sample.kwargs)
        return _steps(optimizer, carry.theirs, torch.from_numpy, DTYPES[dtype])

    def ours() -> Result:
        optimizer = getattr(optim, name)(carried, **kwargs)
        return _steps(optimizer, carry.ours, from_numpy, DTYPES[dtype])

    arguments = parameters_of(getattr(optim, name)) | {*sample.kwargs}
    yield Case(name, label, theirs, ours, {name}, arguments)


def _parameters(dtype: torch.dtype, layout: str) -> list[torch.Tensor]:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape).astype(DTYPES[dtype]) for shape in SHAPES]
    tensors = [torch.from_numpy(np.asarray(array)) for array in arrays]
    if layout == "not contiguous":
        tensors[0] = tensors[0].T.contiguous().T
    return [tensor.requires_grad_() for tensor in tensors]


def _steps(optimizer: Any, params: list[Any], wrap: Any, dtype: Any) -> Result:
    """The weights after each step; the second parameter has no gradient in the first step."""
    rng, weights = np.random.default_rng(1), []
    learning = [parameter for parameter in params if parameter.requires_grad]
    for step in range(STEPS):
        for place, parameter in enumerate(learning):
            gradient = np.asarray(rng.standard_normal(tuple(parameter.shape)).astype(dtype))
            parameter.grad = None if step == 0 and place == 1 else wrap(gradient)
        optimizer.step()
        weights += [_values(parameter) for parameter in learning]
    return Result(weights)


def _values(parameter: Tensor | torch.Tensor) -> np.ndarray:
    values = parameter.numpy() if isinstance(parameter, Tensor) else parameter.detach().numpy()
    return np.array(values)
