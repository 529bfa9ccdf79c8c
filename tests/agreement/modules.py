"""Cases from torch's module samples (ModuleInfo), for every layer of the same name: output, gradients, statistics."""

import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch.testing._internal.common_modules import module_db
from torch.testing._internal.common_utils import noncontiguous_like
from torch.utils._pytree import tree_map

from tests.agreement.carrying import DTYPES, Carrier, by_engine, by_torch
from tests.agreement.case import Apart, Case, Judged, Result, Verdict
from tests.agreement.operators import FLOATS, Wanted, parameters_of, seed
from tinygrad_lab import nn
from tinygrad_lab.ops.operation import OPERATIONS


def shared() -> list[Any]:
    """List what torch knows of each layer that we have too."""
    return [info for info in module_db if inspect.isclass(getattr(nn, info.module_cls.__name__, None))]


def name_of(info: Any) -> str:
    name: str = info.module_cls.__name__
    return name


def cases(info: Any, wanted: Wanted) -> Iterator[Case | Judged]:
    """Yield all samples of one layer, and the samples that it must refuse."""
    name = name_of(info)
    for dtype in FLOATS:
        if not wanted():
            continue
        for training in (True, False) if info.train_and_eval_differ else (True,):
            given = {"device": "cpu", "dtype": dtype, "requires_grad": True, "training": training}
            what = f"{str(dtype).removeprefix('torch.')} {'training' if training else 'evaluation'}"
            seed()
            for place, sample in enumerate(info.module_inputs_func(info, **given)):
                yield from _layouts(wanted, name, f"{what} sample {place}", sample, dtype, training)
            if info.module_error_inputs_func is not None:
                seed()
                for place, wrong in enumerate(info.module_error_inputs_func(info, **given)):
                    if wanted():
                        yield from _case(name, f"{what} error input {place}", wrong.module_error_input, dtype, training)


def _in(dtype: Any, module: Any, settings: dict[str, Any]) -> Any:
    """The module in ``dtype``, unless the sample says which it is to have."""
    return module if "dtype" in settings else module.to(dtype)


def _layouts(
    wanted: Wanted, name: str, label: str, sample: Any, dtype: torch.dtype, training: bool
) -> Iterator[Case | Judged]:
    if wanted():
        yield from _case(name, label, sample, dtype, training)
    if not wanted():
        return
    forward = sample.forward_input
    try:
        forward.args, forward.kwargs = (tree_map(_spread, part) for part in (forward.args, forward.kwargs))
    except Exception:  # such a sample cannot be stored in another way
        return
    yield from _case(name, f"{label} not contiguous", sample, dtype, training)


def _spread(value: Any) -> Any:
    return noncontiguous_like(value) if isinstance(value, torch.Tensor) else value


def _case(name: str, label: str, sample: Any, dtype: torch.dtype, training: bool) -> Iterator[Case | Judged]:
    carry, inputs = Carrier(), Carrier()  # what it is made of may be converted with it; only inputs are watched
    build, forward = sample.constructor_input, sample.forward_input
    try:
        made_from = [carry(value) for value in build.args], carry.named(build.kwargs)
        args, kwargs = (
            ([], {}) if forward is None else ([inputs(v) for v in forward.args], inputs.named(forward.kwargs))
        )
    except Apart as apart:
        yield Judged(name, label, Verdict.APART, str(apart))
        return
    layer = getattr(nn, name)
    state: dict[str, Any] = {}

    def theirs() -> Result:
        module = _in(dtype, getattr(torch.nn, name)(*build.args, **build.kwargs), build.kwargs).train(training)
        state.update({key: value.numpy().copy() for key, value in module.state_dict().items()})
        watched = [*inputs.theirs, *module.parameters(), *module.buffers()]
        return by_torch(lambda: None if forward is None else module(*forward.args, **forward.kwargs), watched)

    def ours() -> Result:
        module = _in(DTYPES[dtype], layer(*made_from[0], **made_from[1]), build.kwargs).train(training)
        if state:
            module.load_state_dict(state)
        buffers = [buffer for _, buffer in module.named_buffers()]
        return by_engine(
            lambda: None if forward is None else module(*args, **kwargs), [*inputs.ours, *module.parameters(), *buffers]
        )

    arguments = (
        parameters_of(layer) | parameters_of(layer.forward) | {*build.kwargs, *(forward.kwargs if forward else ())}
    )
    yield Case(name, label, theirs, ours, {name, *OPERATIONS, *nn.functional.__all__}, arguments, inputs.size())
