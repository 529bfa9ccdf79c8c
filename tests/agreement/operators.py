"""Cases from torch's operator samples (OpInfo), for every function and Tensor method of the same name."""

import inspect
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

import tinygrad_lab
from tests.agreement.carrying import Carrier, by_engine, by_torch
from tests.agreement.case import Apart, Case, Judged, Verdict
from tinygrad_lab import Tensor
from tinygrad_lab.random import generator

Wanted = Callable[[], bool]  # asked before each dtype, and each of its samples: whether it is to be run
FLOATS = torch.float64, torch.float32
OTHERS = torch.int64, torch.uint8, torch.bool
RANDOM = {"rand", "randn", "empty", "empty_like", "new_empty", "dropout", "rand_like", "randn_like", "multinomial",
          "randint", "bernoulli", "normal", "randperm"}  # fmt: skip
HOLDERS = (tinygrad_lab, ""), (tinygrad_lab.nn.functional, "nn.functional."), (Tensor, "Tensor.")
WITH_SAMPLES = {info.name for info in op_db}
UNSUPPORTED = 3  # samples of a dtype that torch refuses: all die of the same


# What torch's functions refuse and ours take, on purpose: numbers stand for tensors in the steps that pupils type.
TAKEN = {"maximum", "minimum"}


# What operators, and in-place methods, are called in a refusal; and the two sides of an operator.
OPERATORS = {
    "__rmatmul__": "matmul", "__rpow__": "power", "__rsub__": "subtract", "__rand__": "and", "__ror__": "or",
    "__rxor__": "xor", "__rmod__": "remainder",
    "sub_": "subtract", "div_": "divide", "pow_": "power", "neg_": "negative",
}  # fmt: skip
SIDES = "x", "y", "input", "other", "tensor"


# Of equal values torch may name any: not the indices are compared, but what stands there.
TIED = {"sort": 0, "argsort": 0, "topk": 1}  # where the dimension is among the arguments behind the input


def _where(input: Any, condition: Any, other: Any) -> Any:
    return tinygrad_lab.where(condition, input, other)


def _einsum(operands: Any, equation: Any) -> Any:
    return tinygrad_lab.einsum(equation, *operands)


def _embedding(weight: Any, indices: Any, **settings: Any) -> Any:
    return tinygrad_lab.nn.functional.embedding(indices, weight, **settings)


# Samples have the tensor with a gradient first, whatever the order of the function's own arguments.
REORDERED = {"where": _where, "einsum": _einsum, "nn.functional.embedding": _embedding}


class Shared(NamedTuple):
    """What both sides have under one name."""

    info: Any  # torch's OpInfo
    name: str  # ours: "softmax", "nn.functional.pad", "Tensor.add_"
    theirs: Callable[..., Any]
    ours: Callable[..., Any]

    @property
    def is_method(self) -> bool:
        return self.name.startswith("Tensor.")

    @property
    def in_place(self) -> bool:
        return self.name.endswith("_") and not self.name.endswith("__")


def shared() -> list[Shared]:
    """List every function and method that has samples; what has several names appears under the first."""
    found: list[Shared] = []
    for info in op_db:
        ours: dict[int, Shared] = {}
        for name in _names(info):
            for holder, prefix in HOLDERS:
                function = _defined(holder, name)
                if function is not None:
                    theirs = info.inplace_variant if name.endswith("_") and info.inplace_variant else info.op
                    reordered = function if holder is Tensor else REORDERED.get(info.name, function)
                    ours.setdefault(id(function), Shared(info, prefix + name, theirs, reordered))
            changing = _defined(Tensor, f"{name}_")
            if changing is not None and info.inplace_variant is not None:
                ours.setdefault(id(changing), Shared(info, f"Tensor.{name}_", info.inplace_variant, changing))
        found += ours.values()
    return found


def _defined(holder: Any, name: str) -> Callable[..., Any] | None:
    """Return the function or method of this name, that of a property too."""
    for place in holder.__mro__[:-1] if isinstance(holder, type) else [holder]:
        if name in vars(place):
            value = vars(place)[name]
            value = value.fget if isinstance(value, property) else value
            return value if callable(value) and not inspect.isclass(value) else None
    return None


def _names(info: Any) -> list[str]:
    """The names of an operation without where they are from; those of other families (special, linalg) are not ours,
    and an alias that has samples of its own is left to them.
    """
    aliases = [alias.name for alias in info.aliases if alias.name not in WITH_SAMPLES]
    own = [name.removeprefix("nn.functional.") for name in (info.name, *aliases)]
    return list(dict.fromkeys(name for name in own if "." not in name))


def name_of(pair: Shared) -> str:
    return pair.name


def cases(pair: Shared, wanted: Wanted) -> Iterator[Case | Judged]:
    """Yield the samples of one operation that are wanted; those that cannot be represented come judged already."""
    for dtype in (*FLOATS, *OTHERS):
        if not wanted():
            continue  # making the samples takes as long as running them
        for place, sample in enumerate(_samples(pair.info, dtype, pair.in_place)):
            for layout, form in _layouts(sample, dtype, wanted):
                yield from _case(pair, f"{str(dtype).removeprefix('torch.')} {layout} sample {place}", form)
    if not pair.in_place and pair.info.error_inputs_func is not None:
        seed()
        for place, wrong in enumerate(pair.info.error_inputs("cpu", set_seed=False)):
            if wanted():
                yield from _case(pair, f"error input {place}", wrong.sample_input)


def _samples(info: Any, dtype: torch.dtype, in_place: bool) -> list[Any]:
    seed()
    supported = info.supports_dtype(dtype, "cpu")
    wants_gradient = dtype in FLOATS and supported and info.supports_autograd and not in_place
    try:
        samples = list(info.sample_inputs("cpu", dtype, requires_grad=wants_gradient, set_seed=False))
    except Exception:  # there are none of this dtype
        return []
    return samples if supported else samples[:UNSUPPORTED]


def _layouts(sample: Any, dtype: torch.dtype, wanted: Wanted) -> Iterator[tuple[str, Any]]:
    if wanted():
        yield "contiguous", sample
    if dtype in FLOATS and wanted():
        try:
            yield "not contiguous", sample.noncontiguous()
        except Exception:  # such a sample cannot be stored in another way
            return


def _case(pair: Shared, label: str, sample: Any) -> Iterator[Case | Judged]:
    if pair.is_method and not isinstance(sample.input, torch.Tensor):
        return  # a method of nothing
    if pair.name in TAKEN and not all(isinstance(value, torch.Tensor) for value in (sample.input, *sample.args)):
        yield Judged(pair.name, label, Verdict.APART, "a number for a tensor: taken, on purpose")
        return
    carry = Carrier()
    try:
        args = [carry(value) for value in (sample.input, *sample.args)]
        kwargs = carry.named(sample.kwargs)
    except Apart as apart:
        yield Judged(pair.name, label, Verdict.APART, str(apart))
        return
    last = pair.name.rpartition(".")[2]
    known_as, parameters = {last, pair.name, getattr(pair.ours, "__name__", last)}, parameters_of(pair.ours)
    if "generator" in parameters:
        kwargs["generator"] = generator(0)
    if last in OPERATORS or pair.in_place:
        known_as |= {OPERATORS.get(last, last), last.rstrip("_")}
        parameters |= {*SIDES, *parameters_of(getattr(Tensor, last.rstrip("_"), None))}
    yield Case(
        pair.name,
        label,
        lambda: by_torch(lambda: _values_at(last, pair.theirs, *_call(sample)), carry.theirs),
        lambda: by_engine(lambda: _values_at(last, pair.ours, args, kwargs), carry.ours),
        known_as,
        {*parameters, *sample.kwargs},
        carry.size(),
        values=last not in RANDOM and not sample.kwargs.get("dropout_p"),
    )


def _call(sample: Any) -> tuple[Sequence[Any], dict[str, Any]]:
    return (sample.input, *sample.args), sample.kwargs


def _values_at(name: str, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """The result, and of what names places the values at them."""
    result = function(*args, **kwargs)
    if name not in TIED:
        return result
    dim = kwargs.get("dim", args[1 + TIED[name]] if len(args) > 1 + TIED[name] else -1)
    indices = result if name == "argsort" else result[1]
    found = args[0].gather(dim, indices)
    return found if name == "argsort" else (result[0], found)


def parameters_of(function: Callable[..., Any] | None) -> set[str]:
    if function is None:
        return set()
    try:
        return set(inspect.signature(function).parameters)
    except ValueError:
        return set()


def seed() -> None:
    """The samples are drawn from three generators."""
    torch.default_generator.manual_seed(0)  # torch.manual_seed would import its compiler first
    np.random.seed(0)
    random.seed(0)
