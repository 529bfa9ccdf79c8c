"""How a function on arrays becomes an operation on Tensors.

An operation is written once, on plain arrays, forward and backward side by side:

    @operation(rule="dx = dz * y; dy = dz * x", elementwise=True)
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
import operator
import sys
import typing
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, Literal, ParamSpec, Protocol, TypeVar, overload

import numpy as np
from jaxtyping import AbstractArray, Bool, Float, Int, Num
from numpy import ndarray

from tinygrad_lab.memory import looks_at, share
from tinygrad_lab.modes import not_finite_from, origin, state
from tinygrad_lab.ops.gate import TOLD_AGAIN, Gate, Kinds, kind_of, remember
from tinygrad_lab.ops.kinds import what_is
from tinygrad_lab.ops.promotion import promote
from tinygrad_lab.ops.signature import on_tensors
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
    """What is known of an operation: its name, its backward rule, its body, its definition if it is a fused one."""

    def __init__(
        self,
        body: Callable[..., Any],
        rule: str,
        elementwise: bool = False,
        view: bool = False,
        rule_without: Mapping[str, str] = MappingProxyType({}),
        promotes: bool = False,
        outputs: int | tuple[str, ...] | None = 1,
    ) -> None:
        self.name = body.__name__
        self.body = body  # on arrays, as written: inspect.getsource shows it
        self.rule = rule  # in the notation of tinygrad_lab.trace.notation
        self.rule_without = rule_without  # by the name of a flag, the rule of calls in which it is off
        self.elementwise = elementwise  # operands are broadcast; the engine undoes that in the backward pass
        self.view = view  # the output may share memory with the first argument
        self.is_ours = body.__module__.startswith("tinygrad_lab.")  # then its backward keeps nothing that it returns
        self.definition: Callable[..., Any] | None = None  # the same function as a composition of elementary operations
        self.signature = inspect.signature(body, eval_str=True)
        parameters = self.signature.parameters.values()
        self.parameters = [parameter.name for parameter in parameters]
        self.named = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}  # have no place
        self.variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self.differentiable = [p.name for p in parameters if _is_differentiable(p.annotation)]
        self.positions = [self.parameters.index(name) for name in self.differentiable]
        self.leading = len(self.positions) if self.positions == list(range(len(self.positions))) else 0
        self.outputs = outputs  # how many, or what the rule calls them
        self.output = "z" if "y" in self.parameters else "y"  # what the rule calls one that has no name of its own
        self.promotes = promotes or (elementwise and len(self.positions) == 2)
        self.gate = Gate(self.signature, self.name, alike=not elementwise and not promotes)
        self.constants = [n for n, k in self.gate.kinds.items() if n not in self.differentiable and k.takes_floats]
        self.admitted: dict[Kinds, bool] = {}  # kinds of arguments that may come in: whether to promote them
        self._needs = _named_booleans(f"{self.name}_needs", self.differentiable)

    @property
    def defaults(self) -> dict[str, Any]:
        """What parameters are where a call leaves them out."""
        parameters = self.signature.parameters.values()
        return {p.name: p.default for p in parameters if p.default is not p.empty}

    def rule_of(self, settings: Mapping[str, Any]) -> str:
        """Return the rule of a call with these settings; the others have their defaults."""
        for flag, rule in self.rule_without.items():
            if not settings.get(flag, self.signature.parameters[flag].default):
                return rule
        return self.rule

    def requires(self, name: str) -> bool:
        """Tell whether a call must give this parameter a value, be it None: x[None]."""
        parameter = self.signature.parameters.get(name)
        return parameter is not None and parameter.default is parameter.empty

    def needs_of(self, inputs: Sequence[Any]) -> tuple[bool, ...]:
        """Tell which inputs want a gradient: by parameter name, or by position if variadic."""
        wanted = [given is not None for given in inputs]
        return tuple(wanted) if self.variadic else self._needs(*wanted)

    def misplaces(self, kwargs: Mapping[str, Any]) -> bool:
        """Tell whether a keyword may hold a Tensor or an operand: these must be found by their places."""
        if self.promotes and not kwargs.keys() <= self.named:
            return True
        return any(isinstance(value, Tensor) for value in kwargs.values())

    def arranged(self, args: Arguments, kwargs: dict[str, Any]) -> tuple[Arguments, dict[str, Any]]:
        """Write the same call with keywords under our names, and everything positional that can be."""
        bound = self.gate.bind(args, self.gate.known(kwargs))
        bound.apply_defaults()
        return bound.args, bound.kwargs

    def admit(self, kinds: Kinds, arrays: list[Any], named: Mapping[str, Any]) -> bool:
        """Let arguments of these kinds in, from now on; return whether their dtypes must be brought together.

        Raises:
            TypeError: an argument of a wrong kind, or missing; dtypes that differ where they must not.
            ValueError: an array with a wrong number of dimensions.
        """
        self.gate.check(arrays, named)
        if self.elementwise and not any(isinstance(value, ndarray) for value in arrays):
            raise TypeError(f"{self.name}: {self.differentiable[0]} must be a tensor, got {what_is(arrays[0])}")
        mixed = self.promotes and not all(map(operator.is_, self.together(list(arrays)), arrays))
        remember(self.admitted, kinds, mixed)
        return mixed

    def together(self, arrays: list[Any]) -> list[Any]:
        """Bring the operands in a list of arguments to one dtype, in place."""
        places = range(len(arrays)) if self.variadic else [place for place in self.positions if place < len(arrays)]
        promote(arrays, [place for place in places if arrays[place] is not None])
        return arrays

    def check_constants(self, args: Arguments, kwargs: Mapping[str, Any]) -> None:
        """Raise a TypeError if a tensor that needs a gradient stands where none can come back to."""
        given = {**dict(zip(self.parameters, args, strict=False)), **kwargs}
        for name in self.constants:
            if isinstance(value := given.get(name), Tensor) and value.requires_grad:
                raise TypeError(f"{self.name}: {name} has no gradient here, but this tensor needs one: detach() it")

    def inputs_of(self, args: Arguments, kwargs: dict[str, Any]) -> Arguments:
        """Return the differentiable arguments of a call in the signature's order; None if left out."""
        if self.variadic:
            return args[self.parameters.index(self.variadic) :]
        if 0 < self.leading <= len(args):
            return args[: self.leading]
        given = dict(zip(self.parameters, args, strict=False), **kwargs)
        return tuple(given.get(name) for name in self.differentiable)


def _named_booleans(name: str, fields: list[str]) -> Callable[..., tuple[bool, ...]]:
    """A named tuple with a field for each differentiable parameter; the same booleans give the same tuple."""
    made: Callable[..., tuple[bool, ...]] = namedtuple(name, fields)  # type: ignore[misc]  # fields known at run time
    return functools.cache(made)


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
    promotes: bool = False,
) -> Callable[[Callable[P, Any]], Operation[P, Tensor]]: ...
@overload
def operation(
    rule: str,
    *,
    elementwise: bool = False,
    view: bool = False,
    outputs: int | tuple[str, ...] | None,
    rule_without: Mapping[str, str] = ...,
    promotes: bool = False,
) -> Callable[[Callable[P, Any]], Operation[P, tuple[Tensor, ...]]]: ...
def operation(
    rule: str,
    *,
    elementwise: bool = False,
    view: bool = False,
    outputs: int | tuple[str, ...] | None = 1,
    rule_without: Mapping[str, str] = MappingProxyType({}),
    promotes: bool = False,
) -> Any:
    """Lift a function on arrays to Tensors and register it.

    Args:
        rule: the backward rule, as ``tinygrad_lab.trace.notation`` writes it; LaTeX is shown as it stands.
        elementwise: operands are broadcast together; gradients are summed back to each operand's shape.
        view: an output may share the first argument's memory, and then shares its version counter.
        outputs: how many outputs the body returns, as a tuple unless one, or what the rule calls them; None where the
            arguments decide.
        rule_without: by the name of a flag, such as ``training``, the rule of a call in which it is off.
        promotes: operands of different dtypes are brought to one, as those of elementwise operations always are;
            otherwise they are refused.
    """

    def lift(body: Callable[..., Any]) -> Any:
        info = OperationInfo(body, rule, elementwise, view, rule_without, promotes, outputs)
        as_tensor = _seen if view else _made
        admitted = info.admitted
        leading = sys.maxsize if info.variadic else info.leading or sys.maxsize

        @functools.wraps(body)
        def lifted(*args: Any, **kwargs: Any) -> Any:
            if kwargs and info.misplaces(kwargs):
                args, kwargs = info.arranged(args, kwargs)
            tensors: list[Tensor] = []
            arrays: list[Any] = []
            each: list[Any] = []
            learns = False
            for value in args:
                if isinstance(value, Tensor):
                    tensors.append(value)
                    learns = learns or value._requires_grad
                    value = value._data
                arrays.append(value)
                each.append(value.dtype.num << 6 | value.ndim if type(value) is ndarray else kind_of(value))
            named = kwargs
            if kwargs:  # what can only be given by name
                named = {}
                for name, value in kwargs.items():
                    if isinstance(value, Tensor):
                        tensors.append(value)
                        learns = learns or value._requires_grad
                        value = value._data
                    named[name] = value
                    each.append((name, kind_of(value)))
            kinds = tuple(each)
            mixed = admitted.get(kinds)
            if mixed is None:
                if not kwargs.keys() <= info.gate.kinds.keys():
                    return lifted(*args, **info.gate.known(kwargs))
                mixed = info.admit(kinds, arrays, named)
            if mixed:
                info.together(arrays)
            try:
                out, backward = info.body(*arrays, **named)
            except TOLD_AGAIN as error:
                info.gate.tell_again(error, arrays, named)
                raise
            if state.anomaly:
                _check_finite(info, out, [*arrays, *named.values()])
            node = None
            if learns and state.grad_enabled:
                if info.constants and (len(tensors) > 1 or tensors[0] is not args[0]):
                    info.check_constants(args, kwargs)
                inputs = args[:leading] if len(args) >= leading else info.inputs_of(args, kwargs)
                node = Node(info, inputs, backward, tensors)
            source = args[0] if view else None
            if outputs == 1:
                made: Any = as_tensor(out, node, source)
            else:
                made = tuple([as_tensor(item, node, source) for item in out])
            if state.recorder is not None:
                state.recorder.forward(info, args, kwargs, made, node)
            return made

        def define(definition: Definition) -> Definition:
            info.definition = definition
            return definition

        lifted.__signature__ = on_tensors(info.signature)  # type: ignore[attr-defined]  # what help() and editors show
        lifted.info = info  # type: ignore[attr-defined]  # a function that has what Operation asks for
        lifted.define = define  # type: ignore[attr-defined]  # the same
        OPERATIONS[info.name] = info
        return lifted

    return lift


def _made(array: Any, node: Node | None, _source: Any) -> Tensor:
    """An output as a Tensor, with a version counter of its own."""
    if type(array) is not ndarray:
        array = np.asarray(array)  # reductions and 0-dimensional arithmetic give NumPy scalars
    return wrap(array) if node is None else node.output(array, [0])


def _seen(array: Any, node: Node | None, source: Any) -> Tensor:
    """An output that may be a view of ``source``: then it shares that one's version counter."""
    array = np.asarray(array)
    if not (isinstance(source, Tensor) and looks_at(array, source._data)):
        return _made(array, node, source)
    version = source._version
    made = wrap(array, version=version) if node is None else node.output(array, version)
    share(version, source, made)
    return made


def _check_finite(info: OperationInfo, out: Any, given: list[Any]) -> None:
    if not_finite_from(list(out) if isinstance(out, tuple) else [out], given):
        raise FloatingPointError(f"forward of {info.name!r} made the first non-finite value{origin()}")


__all__ = ["OPERATIONS", "Bool", "Float", "Int", "Num", "Operand", "Operation", "OperationInfo", "Result", "operation"]
