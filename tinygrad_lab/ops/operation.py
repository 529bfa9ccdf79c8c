"""How a function on arrays becomes an operation on Tensors.

An operation is written once, on plain arrays, forward and backward side by side:

    @operation(rule=r"\\bar x = \\bar z \\, y \\qquad \\bar y = \\bar z \\, x", elementwise=True)
    def multiply(x: Operand, y: Operand) -> Result:
        def backward(needs: Needs, dz: Array) -> Gradients:
            return dz * y if needs.x else None, dz * x if needs.y else None

        return x * y, backward

``needs`` says by parameter name which inputs want a gradient.  ``backward`` gets one gradient per output (None where an
output was not used), must not write into it, and returns one gradient per differentiable parameter: those annotated as
floating point arrays (``Float``, ``Num``), in the order of the signature.  Token ids and masks are annotated ``Int`` or
``Bool`` and have none.  A ``*parameter`` takes any number of arrays; then ``needs`` is a plain tuple.
"""

import functools
import inspect
import sys
import typing
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, Literal, ParamSpec, Protocol, TypeVar, overload

import numpy as np
from jaxtyping import AbstractArray, Bool, Float, Int, Num

from tinygrad_lab.modes import not_finite_from, origin, state
from tinygrad_lab.tensor import Node, Tensor, wrap
from tinygrad_lab.typing import Array, Backward

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
Definition = Callable[..., Any]  # on Tensors, with the parameters of the operation
Arguments = tuple[Any, ...]

Operand = Num[Array, "..."] | Bool[Array, "..."] | float | int  # of an elementwise operation
Result = tuple[
    Num[Array, "..."] | Bool[Array, "..."] | np.generic, Backward
]  # what an elementwise operation's body returns

OPERATIONS: dict[str, "OperationInfo"] = {}


class OperationInfo:
    """What is known of an operation: its name, its rule in LaTeX, its body, its definition if it is a fused one."""

    def __init__(
        self, body: Callable[..., Any], rule: str, elementwise: bool, view: bool, rule_without: Mapping[str, str]
    ) -> None:
        self.name = body.__name__
        self.body = body  # on arrays, as written: inspect.getsource shows it
        self.rule = rule
        self.rule_without = rule_without  # by the name of a flag, the rule of calls in which it is off
        self.elementwise = elementwise  # operands are broadcast; the engine undoes that in the backward pass
        self.view = view  # the output may share memory with the first argument
        self.definition: Callable[..., Any] | None = None  # the same function as a composition of elementary operations
        self._signature = inspect.signature(body, eval_str=True)
        parameters = self._signature.parameters.values()
        self.parameters = [parameter.name for parameter in parameters]
        self.variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self.differentiable = [p.name for p in parameters if _is_differentiable(p.annotation)]
        self.positions = [self.parameters.index(name) for name in self.differentiable]
        self.leading = self.positions == list(range(len(self.positions)))
        self._needs = _named_booleans(f"{self.name}_needs", self.differentiable)

    def rule_of(self, settings: Mapping[str, Any]) -> str:
        """Return the rule of a call with these settings; the others have their defaults."""
        for flag, rule in self.rule_without.items():
            if not settings.get(flag, self._signature.parameters[flag].default):
                return rule
        return self.rule

    def needs_of(self, inputs: Sequence[Any]) -> tuple[bool, ...]:
        """Tell which inputs want a gradient: by parameter name, or by position for a variadic
        operation.
        """
        wanted = [given is not None for given in inputs]
        return tuple(wanted) if self.variadic else self._needs(*wanted)

    def bind(self, args: Arguments, kwargs: dict[str, Any]) -> tuple[Arguments, dict[str, Any]]:
        """Write the same call with everything positional that can be."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.args, bound.kwargs

    def inputs_of(self, args: Arguments, kwargs: dict[str, Any]) -> Arguments:
        """Return the differentiable arguments of a call, in the order of the signature; None where
        one was left out.
        """
        if self.variadic:
            return args[self.parameters.index(self.variadic) :]
        if self.leading and len(args) >= len(self.positions):
            return args[: len(self.positions)]
        given = dict(zip(self.parameters, args, strict=False), **kwargs)
        return tuple(given.get(name) for name in self.differentiable)


def _named_booleans(name: str, fields: list[str]) -> Callable[..., tuple[bool, ...]]:
    """A named tuple with a field for each differentiable parameter."""
    made: Callable[..., tuple[bool, ...]] = namedtuple(name, fields)  # type: ignore[misc]  # fields known at run time
    return made


def _is_differentiable(annotation: Any) -> bool:
    options = typing.get_args(annotation) or (annotation,)
    return any(isinstance(o, type) and issubclass(o, AbstractArray) and "float32" in o.dtypes for o in options)


class Operation(Protocol, Generic[P, R_co]):
    """An operation on Tensors: callable like its body, with what is known of it in ``info``."""

    info: OperationInfo
    define: Callable[[Definition], Definition]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    def __get__(self, instance: Any, owner: Any = None) -> Callable[..., R_co]:
        """It is a function, so as a class attribute it is a method."""


@overload
def operation(  # type: ignore[overload-overlap]  # 1 is an int too: the first that fits counts
    rule: str,
    *,
    elementwise: bool = False,
    view: bool = False,
    outputs: Literal[1] = 1,
    rule_without: Mapping[str, str] = ...,
) -> Callable[[Callable[P, Any]], Operation[P, Tensor]]: ...
@overload
def operation(
    rule: str,
    *,
    elementwise: bool = False,
    view: bool = False,
    outputs: int | None,
    rule_without: Mapping[str, str] = ...,
) -> Callable[[Callable[P, Any]], Operation[P, tuple[Tensor, ...]]]: ...
def operation(
    rule: str,
    *,
    elementwise: bool = False,
    view: bool = False,
    outputs: int | None = 1,
    rule_without: Mapping[str, str] = MappingProxyType({}),
) -> Any:
    """Lift a function on arrays to Tensors and register it.

    Args:
        rule: the backward rule in LaTeX, bars for gradients.
        elementwise: operands are broadcast together; gradients are summed back to each operand's shape.
        view: an output may share the first argument's memory, and then shares its version counter.
        outputs: how many outputs the body returns, as a tuple unless one; None where the arguments decide.
        rule_without: by the name of a flag, such as ``training``, the rule of a call in which it is off.
    """

    def lift(body: Callable[..., Any]) -> Any:
        info = OperationInfo(body, rule, elementwise, view, rule_without)
        pair = info.positions if elementwise and len(info.positions) == 2 else None
        leading = len(info.positions) if info.leading and not info.variadic else sys.maxsize

        @functools.wraps(body)
        def lifted(*args: Any, **kwargs: Any) -> Any:
            if kwargs and (pair or any(isinstance(value, Tensor) for value in kwargs.values())):
                args, kwargs = info.bind(args, kwargs)
            tensors = [arg for arg in args if isinstance(arg, Tensor)]
            arrays = [arg._data if isinstance(arg, Tensor) else arg for arg in args]
            named = kwargs
            if kwargs:  # what can only be given by name
                tensors += [value for value in kwargs.values() if isinstance(value, Tensor)]
                named = {name: v._data if isinstance(v, Tensor) else v for name, v in kwargs.items()}
            if pair:
                _promote(arrays, *pair)
            out, backward = info.body(*arrays, **named)
            if state.anomaly:
                _check_finite(info, out, [*arrays, *named.values()])
            node = None
            if state.grad_enabled:
                for tensor in tensors:
                    if tensor.requires_grad:
                        inputs = args[:leading] if len(args) >= leading else info.inputs_of(args, kwargs)
                        node = Node(info, inputs, backward, tensors)
                        break
            source = args[0] if view else None
            made = _made(out, node, source) if outputs == 1 else tuple([_made(item, node, source) for item in out])
            if state.recorder is not None:
                state.recorder.forward(info, args, kwargs, made, node)
            return made

        def define(definition: Definition) -> Definition:
            info.definition = definition
            return definition

        lifted.info = info  # type: ignore[attr-defined]  # a function that has what Operation asks for
        lifted.define = define  # type: ignore[attr-defined]  # the same
        OPERATIONS[info.name] = info
        return lifted

    return lift


def _made(array: Any, node: Node | None, source: Any) -> Tensor:
    """An output as a Tensor; a view of ``source`` shares its version counter, a copy has its own."""
    if type(array) is not np.ndarray:
        array = np.asarray(array)  # reductions and 0-dimensional arithmetic give NumPy scalars
    shared = isinstance(source, Tensor) and np.may_share_memory(source._data, array)
    version = source._version if shared else [0]
    return wrap(array, version=version) if node is None else node.output(array, version)


def _check_finite(info: OperationInfo, out: Any, given: list[Any]) -> None:
    if not_finite_from(list(out) if isinstance(out, tuple) else [out], given):
        raise FloatingPointError(f"forward of {info.name!r} made the first non-finite value{origin()}")


def _promote(arrays: list[Any], left: int, right: int) -> None:
    """Bring two operands of a broadcasting operation to the dtype that torch would choose.

    NumPy widens int64 with float32 to float64, and lets arrays without dimensions decide like any other.
    """
    x, y = arrays[left], arrays[right]
    if type(x) is np.ndarray:  # by far the most calls: two arrays of one dtype, or floats and a Python float
        if type(y) is np.ndarray:
            if x.dtype is y.dtype:
                return
        elif type(y) is float and x.dtype.kind == "f":
            return
    if isinstance(x, np.generic) or isinstance(y, np.generic):  # NumPy's numbers are numbers, they widen nothing
        x, y = arrays[left], arrays[right] = [v.item() if isinstance(v, np.generic) else v for v in (x, y)]
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
