"""The signature of an operation as its callers see it: the body's, with Tensor in place of array."""

import inspect
import types
import typing
from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
from jaxtyping import AbstractArray

from tinygrad_lab.tensor import Tensor


def on_tensors(signature: inspect.Signature) -> inspect.Signature:
    """Return a body's signature for Tensors, without the backward closure that only the engine sees."""
    parameters = [p.replace(annotation=_lifted(p.annotation)) for p in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=_returned(signature.return_annotation))


def evaluated(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature with its annotations evaluated; one that cannot be is left out: it checks nothing."""
    try:
        return inspect.signature(function, eval_str=True)
    except Exception:  # a name that only a type checker has, say
        signature = inspect.signature(function)
        names = getattr(inspect.unwrap(function), "__globals__", {})
        parameters = [p.replace(annotation=_evaluated(p.annotation, names)) for p in signature.parameters.values()]
        return signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)


def _evaluated(annotation: Any, names: dict[str, Any]) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, names)  # as inspect does: it is the source of the function
    except Exception:
        return inspect.Parameter.empty


def _returned(annotation: Any) -> Any:
    """The first member of a body's (output, backward)."""
    members = typing.get_args(annotation)
    return _lifted(members[0]) if members else Tensor


def _lifted(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, AbstractArray):
        shape = annotation.dim_str
        return Tensor if shape == "..." else annotation.dtype[Tensor, shape]
    if annotation is np.ndarray or annotation is np.generic:
        return Tensor
    members = typing.get_args(annotation)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return reduce(or_, dict.fromkeys(map(_lifted, members)))
    if typing.get_origin(annotation) is tuple:
        return tuple[tuple(_lifted(m) for m in members)]  # type: ignore[misc]  # made at run time
    return annotation
