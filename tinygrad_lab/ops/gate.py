"""One gate at the door: what a function says of its arguments is checked, and what goes wrong is said in its words.

The annotations are read once.  Each new combination of kinds (dtypes, numbers of dimensions, types of settings) is held
against them; an operation remembers those that were admitted, so that in a loop the check is one look-up.  NumPy's
errors, which know nothing of operations, are told again with the operation's name and its arguments.
"""

import dis
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np

from tinygrad_lab.ops.kinds import Kind, what_is
from tinygrad_lab.ops.signature import evaluated
from tinygrad_lab.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")
Kinds = tuple[Any, ...]  # of the arguments of a call

# Keywords that torch's functions take and that change nothing with these values.
NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "add_bias_kv": (False,), "add_zero_attn": (False,), "kdim": (None,), "vdim": (None,),  # of MultiheadAttention
    "alpha": (1,), "antialias": (False,), "beta": (1,), "bias_k": (None,), "device": (None, "cpu"), "dtype": (None,),
    "foreach": (None, False), "fused": (None, False), "capturable": (False,), "differentiable": (False,),
    "inplace": (False,), "layout": (None,), "max_norm": (None,), "memory_format": (None,), "norm_type": (2, 2.0),
    "out": (None,), "pin_memory": (False,), "proj_size": (0,), "recompute_scale_factor": (None,),
    "return_indices": (False,), "rounding_mode": (None,), "scale_grad_by_freq": (False,), "size_average": (None,),
    "reduce": (None,), "sparse": (False,), "sparse_grad": (False,), "_stacklevel": (3, 5), "_weight": (None,),
    "_freeze": (False,), "copy": (False,), "non_blocking": (False,), "maximize": (False,), "generator": (None,),
}  # fmt: skip
ALIASES = {"axis": "dim", "keepdims": "keepdim", "input": "x", "self": "x", "other": "y"}  # torch has both, too

MANY_KINDS = 1000  # combinations that a function remembers before it begins anew
RAISE = dis.opmap["RAISE_VARARGS"]
TOLD_AGAIN = (TypeError, ValueError, IndexError, AttributeError, KeyError, ZeroDivisionError, OverflowError)


class Gate:
    """What one function's annotations say of its arguments."""

    def __init__(self, signature: inspect.Signature, name: str, alike: bool = False) -> None:
        self.name = name
        self.alike = alike  # arrays of different dtypes are refused
        self.signature = signature
        parameters = signature.parameters.values()
        self.kinds = {p.name: Kind(p.annotation, optional=p.default is None) for p in parameters}
        self.variadic = {p.name for p in parameters if p.kind is p.VAR_POSITIONAL}
        self.keywords = next((p.name for p in parameters if p.kind is p.VAR_KEYWORD), None)  # takes all that are left

    def known(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return torch's keywords under our names, without those that change nothing.

        Raises:
            TypeError: a keyword that means something which is not here.
        """
        known = {}
        for name, value in kwargs.items():
            if self.takes((name,)):
                known[name] = value
            elif ALIASES.get(name) in self.kinds:
                known[ALIASES[name]] = value
            elif not any(type(value) is type(neutral) and value == neutral for neutral in NEUTRAL.get(name, ())):
                takes = f"it must be {NEUTRAL[name][0]!r} here" if name in NEUTRAL else "there is no such argument"
                raise TypeError(f"{self.name}: {name} is {what_is(value)}, {takes}; it takes {self._parameters()}")
        return known

    def takes(self, names: Iterable[str]) -> bool:
        """Tell whether keywords of these names can be given as they are."""
        return self.keywords is not None or self.kinds.keys() >= set(names)

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
        """Give each argument to its parameter.

        Raises:
            TypeError: an argument that is missing or too many.
        """
        try:
            return self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}: {error}; it takes {self._parameters()}") from None

    def check(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Hold arguments against the annotations.

        Raises:
            TypeError: an argument that is missing or of a wrong kind; dtypes that differ where they must not.
            ValueError: an array with a wrong number of dimensions.
        """
        dtypes: dict[np.dtype, str] = {}
        for name, value in self.bind(args, kwargs).arguments.items():
            for item in self._given(name, value):
                self.kinds[name].check(f"{self.name}: {name}", item)
                if self.alike and self.kinds[name].is_operand(item):
                    dtypes.setdefault(item.dtype, name)
        if len(dtypes) > 1:
            (one, first), (other, second) = list(dtypes.items())[:2]
            raise TypeError(
                f"{self.name}: {first} is {one} and {second} is {other}, they must have one dtype: convert with .to()"
            )

    def _given(self, name: str, value: Any) -> Iterable[Any]:
        """What a parameter was given, one by one."""
        if name == self.keywords:
            return list(value.values())
        return value if name in self.variadic else (value,)

    def _parameters(self) -> str:
        return ", ".join(self.kinds) or "nothing"

    def names(self, error: Exception) -> bool:
        """Tell whether a ``raise`` of ours made the error, and names this function in one line."""
        written = type(error) in (TypeError, ValueError, IndexError)
        named = re.search(rf"\b{self.name}\b", str(error)) is not None and "\n" not in str(error)
        return _ours(error) and (named or not written)

    def tell_again(self, error: Exception, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise an error that names this function in one line, unless ``error`` does."""
        if not self.names(error):
            raise self.told_again(error, args, kwargs) from error

    def told_again(self, error: Exception, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Exception:
        """Return an error that names this function in one line, and if it is NumPy's or Python's own, the arguments.

        It is raised where it is made: a variable for it would keep the frame, and the arrays in it, alive.
        """
        line = " ".join(str(error).split())
        if _ours(error):
            return type(error)(f"{self.name}: {line}")  # a part of the function says what is wrong
        names = [*self.kinds][: len(args)] if len(self.kinds) > 1 else [*self.kinds] * len(args)
        given = [*zip(names, args, strict=False), *kwargs.items()]
        said = ", ".join(f"{name} {what_is(value)}" for name, value in given)
        kind: type[Exception] = TypeError if isinstance(error, TypeError | AttributeError) else ValueError
        kind = IndexError if isinstance(error, IndexError) else kind
        return kind(f"{self.name}: {line} (given {said})")


def gated(function: Callable[P, R]) -> Callable[P, R]:
    """Put a gate before a function on Tensors that is no operation itself."""
    gate = Gate(evaluated(function), function.__name__)
    admitted: dict[Kinds, bool] = {}

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        kinds = (*map(kind_of, args), *kwargs, *map(kind_of, kwargs.values()))
        if kinds not in admitted:
            if not gate.takes(kwargs):
                return call(*args, **gate.known(kwargs))
            gate.check(args, kwargs)
            remember(admitted, kinds)
        try:
            return function(*args, **kwargs)
        except TOLD_AGAIN as error:
            gate.tell_again(error, args, kwargs)
            raise

    return call


def gated_constructor(init: Callable[..., None]) -> Callable[..., None]:
    """Put a gate before an ``__init__``, in the name of whichever class is being made."""
    if any(p.kind is p.VAR_KEYWORD for p in inspect.signature(init).parameters.values()):
        return init  # it takes whatever it is given
    gates: dict[str, Gate] = {}

    @functools.wraps(init)
    def made(self: Any, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        if name not in gates:
            bound = init.__get__(self)  # what is said of self is nobody's argument
            gates[name] = Gate(evaluated(bound), name)
        gate = gates[name]
        kwargs = gate.known(kwargs)
        gate.check(args, kwargs)
        try:
            init(self, *args, **kwargs)
        except TOLD_AGAIN as error:
            gate.tell_again(error, args, kwargs)
            raise

    return made


def kind_of(value: Any) -> Any:
    """What the gate looks at: dtype and rank of an array, the types in a sequence, the type of anything else."""
    kind = type(value)
    if kind is tuple or kind is list:
        return (kind, *map(type, value))
    if isinstance(value, Tensor):
        value = value._data
    return value.dtype.num << 6 | value.ndim if isinstance(value, np.ndarray) else kind


def remember(admitted: dict[Kinds, bool], kinds: Kinds, mixed: bool = False) -> None:
    """Let these kinds in from now on, and say whether their dtypes are brought together first."""
    if len(admitted) > MANY_KINDS:
        admitted.clear()
    admitted[kinds] = mixed


def _ours(error: Exception) -> bool:
    """Tell whether the error comes from a ``raise`` statement in this project, and not out of NumPy or Python."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return True
    code = trace.tb_frame.f_code
    ours = "numpy" not in code.co_filename.replace("\\", "/").split("/")
    return ours and code.co_code[trace.tb_lasti] == RAISE
