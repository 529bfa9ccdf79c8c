"""How a function on arrays becomes an operation on Tensors.

An operation is written once, on plain arrays, forward and backward side by side:

    @operation(rule=r"\\bar x = \\bar z \\, y \\qquad \\bar y = \\bar z \\, x", elementwise=True)
    def multiply(x: Operand, y: Operand) -> Result:
        def backward(needs, dz):
            return dz * y if needs.x else None, dz * x if needs.y else None

        return x * y, backward

``needs`` says by parameter name which inputs want a gradient.  ``backward`` gets one gradient per output (None where an
output was not used), must not write into it, and returns one gradient per differentiable parameter: those annotated as
floating point arrays (``Float``, ``Num``), in the order of the signature.  Token ids and masks are annotated ``Int`` or
``Bool`` and have none.  A ``*parameter`` takes any number of arrays; then ``needs`` is a plain tuple.
"""

import functools
import inspect
import typing
from collections import namedtuple
from collections.abc import Callable
from typing import Any, Generic, Literal, ParamSpec, Protocol, TypeVar, overload

import numpy as np
from jaxtyping import AbstractArray, Bool, Float, Int, Num

from tinygrad_lab.modes import not_finite_from, origin, state
from tinygrad_lab.tensor import Node, Tensor, wrap
from tinygrad_lab.typing import Array, Backward

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

Operand = Num[Array, "..."] | Bool[Array, "..."] | float | int  # of an elementwise operation
Result = tuple[
    Num[Array, "..."] | Bool[Array, "..."] | np.generic, Backward
]  # what an elementwise operation's body returns

OPERATIONS: dict[str, "OperationInfo"] = {}


class OperationInfo:
    """What is known of an operation: its name, its rule in LaTeX, its body, its definition if it is a fused one."""

    def __init__(self, body: Callable, rule: str, elementwise: bool, view: bool) -> None:
        self.name = body.__name__
        self.body = body  # on arrays, as written: inspect.getsource shows it
        self.rule = rule
        self.elementwise = elementwise  # operands are broadcast; the engine undoes that in the backward pass
        self.view = view  # the output may share memory with the first argument
        self.definition: Callable | None = None  # the same function as a composition of elementary operations
        parameters = inspect.signature(body, eval_str=True).parameters.values()
        self.parameters = [parameter.name for parameter in parameters]
        self.variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self.differentiable = [p.name for p in parameters if _is_differentiable(p.annotation)]
        self.positions = [self.parameters.index(name) for name in self.differentiable]
        self.leading = self.positions == list(range(len(self.positions)))
        self._needs: Callable = namedtuple(f"{self.name}_needs", self.differentiable)  # type: ignore[misc]

    def needs_of(self, inputs: tuple) -> tuple[bool, ...]:
        """Which inputs want a gradient: by parameter name, or by position for a variadic operation."""
        wanted = [isinstance(given, Tensor) and given.requires_grad for given in inputs]
        return tuple(wanted) if self.variadic else self._needs(*wanted)

    def inputs_of(self, args: tuple, kwargs: dict[str, Any]) -> tuple:
        """The differentiable arguments of a call, in the order of the signature; None where one was left out."""
        if self.variadic:
            return args[self.parameters.index(self.variadic) :]
        if self.leading and len(args) >= len(self.positions):
            return args[: len(self.positions)]
        given = dict(zip(self.parameters, args, strict=False), **kwargs)
        return tuple(given.get(name) for name in self.differentiable)


def _is_differentiable(annotation: Any) -> bool:
    options = typing.get_args(annotation) or (annotation,)
    return any(isinstance(o, type) and issubclass(o, AbstractArray) and "float32" in o.dtypes for o in options)


class Operation(Protocol, Generic[P, R_co]):
    """An operation on Tensors: callable like its body, with what is known of it in ``info``."""

    info: OperationInfo
    define: Callable[[Callable], Callable]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    def __get__(self, instance: Any, owner: Any = None) -> Callable[..., R_co]:
        """It is a function, so as a class attribute it is a method."""


@overload
def operation(  # type: ignore[overload-overlap]
    rule: str, *, elementwise: bool = False, view: bool = False, outputs: Literal[1] = 1
) -> Callable[[Callable[P, Any]], Operation[P, Tensor]]: ...
@overload
def operation(
    rule: str, *, elementwise: bool = False, view: bool = False, outputs: int | None
) -> Callable[[Callable[P, Any]], Operation[P, tuple[Tensor, ...]]]: ...
def operation(rule: str, *, elementwise: bool = False, view: bool = False, outputs: int | None = 1) -> Any:
    """Lift a function on arrays to Tensors and register it.

    Args:
        rule: the backward rule in LaTeX, bars for gradients.
        elementwise: operands are broadcast together; gradients are summed back to each operand's shape.
        view: an output may share the first argument's memory, and then shares its version counter.
        outputs: how many outputs the body returns, as a tuple unless one; None where the arguments decide.
    """

    def lift(body: Callable) -> Callable:
        info = OperationInfo(body, rule, elementwise, view)
        signature = inspect.signature(body)
        pair = info.positions if elementwise and len(info.positions) == 2 else None

        @functools.wraps(body)
        def lifted(*args: Any, **kwargs: Any) -> Any:
            if pair and kwargs:
                args, kwargs = signature.bind(*args, **kwargs).args, {}
            recording = False
            tensors = []
            arrays = []
            for arg in args:
                if isinstance(arg, Tensor):
                    tensors.append((arg, arg._version[0]))
                    recording = recording or arg.requires_grad
                    arrays.append(arg._data)
                else:
                    arrays.append(arg.item() if isinstance(arg, np.generic) else arg)  # np.float64 must not promote
            if kwargs:
                given, kwargs = kwargs, {}
                for name, arg in given.items():
                    if isinstance(arg, Tensor):
                        tensors.append((arg, arg._version[0]))
                        recording = recording or arg.requires_grad
                        arg = arg._data
                    kwargs[name] = arg.item() if isinstance(arg, np.generic) else arg
            if pair:
                _promote(arrays, *pair)
            out, backward = info.body(*arrays, **kwargs)
            anomaly = state.anomaly
            if anomaly and not_finite_from([out] if outputs == 1 else out, [*arrays, *kwargs.values()]):
                raise FloatingPointError(f"forward of {info.name!r} made the first non-finite value{origin()}")
            if outputs == 1:
                version = _shared_version(args[0], out) if view else None
            else:
                versions = [_shared_version(args[0], item) if view else None for item in out]
            if not (recording and state.grad_enabled):
                if outputs == 1:
                    return wrap(out if type(out) is np.ndarray else np.asarray(out), version=version)
                return tuple(wrap(np.asarray(item), version=v) for item, v in zip(out, versions, strict=True))
            node = Node(info, info.inputs_of(args, given if kwargs else kwargs), backward, tensors)
            if anomaly:
                node.origin = origin()
            if outputs == 1:
                return node.output(out if type(out) is np.ndarray else np.asarray(out), version)
            return tuple(node.output(np.asarray(item), v) for item, v in zip(out, versions, strict=True))

        def define(definition: Callable) -> Callable:
            info.definition = definition
            return definition

        lifted.info = info  # type: ignore[attr-defined]
        lifted.define = define  # type: ignore[attr-defined]
        OPERATIONS[info.name] = info
        return lifted

    return lift


def _shared_version(source: Any, out: Any) -> list[int] | None:
    """The version counter of ``source`` where ``out`` is a view of it, not a copy."""
    return source._version if isinstance(source, Tensor) and np.may_share_memory(source._data, out) else None


def _promote(arrays: list, left: int, right: int) -> None:
    """Bring two operands of a broadcasting operation to the dtype that torch would choose.

    NumPy widens int64 with float32 to float64, and lets arrays without dimensions decide like any other.
    """
    x, y = arrays[left], arrays[right]
    given: Any = getattr(x, "dtype", None), getattr(y, "dtype", None)
    if given[0] is given[1] or (given[1] is None and given[0].kind == "f"):  # by far the most calls
        return
    (x_rank, x_dtype), (y_rank, y_dtype) = _standing(x), _standing(y)
    dtype = x_dtype if x_rank > y_rank else y_dtype if y_rank > x_rank else np.promote_types(x_dtype, y_dtype)
    for place, operand in ((left, x), (right, y)):
        if isinstance(operand, np.ndarray) and operand.dtype != dtype:
            arrays[place] = operand.astype(dtype)


def _standing(operand: Any) -> tuple[tuple[int, int], np.dtype]:
    """Who decides the dtype: floats before integers before booleans, then arrays with dimensions before those without,
    then Python numbers."""
    if isinstance(operand, np.ndarray):
        return (_CATEGORY[operand.dtype.kind], 2 if operand.ndim else 1), operand.dtype
    dtype = np.dtype({bool: np.bool_, int: np.int64, float: np.float32}[type(operand)])
    return (_CATEGORY[dtype.kind], 0), dtype


_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2}


__all__ = ["OPERATIONS", "Bool", "Float", "Int", "Num", "Operand", "Operation", "OperationInfo", "Result", "operation"]
