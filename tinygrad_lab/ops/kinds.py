"""What one parameter may be, read from its annotation: kinds and ranks of arrays, numbers, flags, words, sequences."""

import inspect
import types
import typing
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from jaxtyping import AbstractArray

from tinygrad_lab.tensor import Tensor

WORDS = {bool: "a bool", int: "an int", float: "a number", str: "a str", type(None): "None", Tensor: "a Tensor"}
OF_KIND = {"f": "float", "iu": "integer", "iuf": "number", "b": "boolean", "iufb": ""}  # how the kinds of arrays read


class Kind:
    """The values that an annotation admits. What it says nothing of that can be checked at run time is admitted."""

    def __init__(self, annotation: Any, optional: bool = False) -> None:
        self.arrays: list[ArrayKind] = []
        self.plain: list[type] = [type(None)] if optional else []
        # Each kind of sequence, with a kind for every place, or one for all.
        self.items: list[tuple[type, tuple[Kind, ...]]] = []
        self.anything = False
        self.words: list[str] = []
        for option in _options(annotation):
            self._read(option)

    def _read(self, option: Any) -> None:
        origin = typing.get_origin(option)
        if option in (Any, object, inspect.Parameter.empty):
            self.anything = True
        elif isinstance(option, type) and issubclass(option, AbstractArray):
            self.arrays.append(ArrayKind.of(option))
            self.words.append(self.arrays[-1].text)
        elif option is np.ndarray:
            self.arrays.append(ArrayKind("iufb", 0, None, "a tensor"))
            self.words.append("a tensor")
        elif origin in (tuple, list) or (isinstance(origin, type) and issubclass(origin, Sequence)):
            self._read_sequence(option, origin)
        elif option in WORDS:
            self.plain.append(option)
            if not (option is int and float in self.plain):
                self.words.append(WORDS[option])
        elif isinstance(option, type) and origin is None and not getattr(option, "_is_protocol", False):
            self.plain.append(option)
            self.words.append(f"a {option.__name__}")
        else:
            self.anything = True

    def _read_sequence(self, option: Any, origin: type) -> None:
        if inner := typing.get_args(option):
            self.items.append((origin, tuple(Kind(item) for item in inner if item is not ...)))
        else:  # typing.Sequence: of anything
            self.plain.append(origin)
        self.words.append(_sequence(option))

    @property
    def text(self) -> str:
        """What there may be, in words."""
        words = list(dict.fromkeys(self.words))
        if float in self.plain and int in self.plain:  # an int is a number
            words = [word for word in words if word != WORDS[int]]
        return " or ".join(words)

    def check(self, where: str, value: Any) -> None:
        """Raise TypeError, or ValueError for an array of a wrong rank, unless ``value`` is admitted."""
        if self.admits(value):
            return
        of_its_kind = isinstance(value, Tensor | np.ndarray) and any(value.dtype.kind in a.kinds for a in self.arrays)
        got = what_is(value).replace(" tensor ", " array " if Tensor in self.plain else " tensor ", 1)
        raise (ValueError if of_its_kind else TypeError)(f"{where} must be {self.text}, got {got}")

    def admits(self, value: Any) -> bool:
        """Tell whether the annotation has room for ``value``."""
        if self.anything:
            return True
        if isinstance(value, Tensor | np.ndarray):
            return any(kind.admits(value) for kind in self.arrays) or isinstance(value, tuple(self.plain) or ())
        if isinstance(value, bool | np.bool_):  # to Python a bool is an int
            flag = any("b" in kind.kinds for kind in self.arrays) and float in self.plain
            return flag or bool in self.plain or isinstance(value, tuple({*self.plain} - {int}))
        if isinstance(value, tuple(self.plain)):
            return True
        if isinstance(value, Integral):
            return not {int, float, complex}.isdisjoint(self.plain)
        if isinstance(value, Real):
            return not {float, complex}.isdisjoint(self.plain)
        return any(isinstance(value, tuple | list | origin) and _each(kinds, value) for origin, kinds in self.items)

    @property
    def takes_floats(self) -> bool:
        """Whether an array of floats may stand here."""
        return self.anything or any("f" in kind.kinds for kind in self.arrays)

    def is_operand(self, value: Any) -> bool:
        """Tell whether ``value`` is an array of floats, or one of integers where floats may stand as well."""
        return isinstance(value, np.ndarray) and any("f" in a.kinds and a.admits(value) for a in self.arrays)


class ArrayKind:
    """Dtypes and the number of dimensions, as one jaxtyping annotation says them."""

    def __init__(self, kinds: str, least: int, most: int | None, text: str) -> None:
        self.kinds, self.least, self.most, self.text = kinds, least, most, text

    @classmethod
    def of(cls, annotation: Any) -> "ArrayKind":
        kinds = "".join(k for k, n in (("iu", "int64"), ("f", "float32"), ("b", "bool")) if n in annotation.dtypes)
        shape = annotation.dim_str.strip()
        many = annotation.index_variadic is not None
        least = len(annotation.dims) - many
        sizes = "" if shape == "..." else f" of shape ({', '.join(shape.split())})"
        return cls(
            kinds, least, None if many else least, f"a {OF_KIND.get(kinds, '')} tensor".replace("  ", " ") + sizes
        )

    def admits(self, value: Tensor | np.ndarray) -> bool:
        rank = len(value.shape)
        return value.dtype.kind in self.kinds and self.least <= rank and (self.most is None or rank <= self.most)


def _options(annotation: Any) -> tuple[Any, ...]:
    """The members of a union; None for what is not annotated."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


def _each(kinds: tuple[Kind, ...], values: Any) -> bool:
    if len(kinds) == 1:
        return all(kinds[0].admits(value) for value in values)
    return len(kinds) == len(values) and all(kind.admits(value) for kind, value in zip(kinds, values, strict=True))


def _sequence(option: Any) -> str:
    inner = typing.get_args(option)
    items = [" | ".join(getattr(o, "__name__", str(o)) for o in _options(item)) for item in inner if item is not ...]
    if not inner:
        return "a sequence"
    fixed = typing.get_origin(option) is tuple and ... not in inner
    return f"a tuple ({', '.join(items)})" if fixed else f"a sequence of {items[0]}s"


def what_is(value: Any) -> str:
    """Describe a value in a few words: dtype and shape of a tensor, a number as it is, the type of anything else."""
    if isinstance(value, Tensor | np.ndarray):
        return f"a {value.dtype} tensor of shape {value.shape}"
    if isinstance(value, bool | type(None)):
        return repr(value)
    text = " ".join(repr(value).split())
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


def why_no_array(error: Exception) -> str:
    """Say in a few words why NumPy makes no array of something."""
    return "its rows have different lengths" if "inhomogeneous" in str(error) else str(error)
