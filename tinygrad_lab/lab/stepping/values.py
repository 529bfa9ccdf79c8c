"""The numbers of an expression: those in it, and the values that are given to its names."""

import ast
import keyword
import math
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lab import Tensor
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.stepping.functions import FUNCTIONS, MOST

LARGEST = 10_000  # elements of a value, given or made
SHOWN = 60  # characters of the user's text in a message
UNREADABLE = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError, OverflowError)


def short(text: str) -> str:
    """Return what was typed, for a message: of a long text beginning and end."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 20]}…{text[-18:]}"


def quoted(text: str) -> str:
    """Return what was typed between quotation marks, for a message."""
    return short(repr(text))


def number(value: int | float) -> float:
    """A number as a float, whatever its size as an integer was.

    Raises:
        UsageError: it is too large.
    """
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not abs(found) <= 1e300:
        raise UsageError(f"a number is too large: {short(str(value))}; at most 1e300 is taken")
    return found


def parse_value(name: str, text: str) -> Tensor:
    """A number or nested lists of numbers as a tensor that wants a gradient.

    Raises:
        UsageError: anything else.
    """
    try:
        array = np.array(_numbers(ast.literal_eval(text.strip())))
    except UNREADABLE as error:
        raise UsageError(_no_value(name, text)) from error
    if not array.size:
        raise UsageError(_no_value(name, text))
    if array.size > LARGEST:
        raise UsageError(f"{short(name)}: {array.size} numbers, at most {LARGEST} are read")
    if array.ndim > MOST:
        raise UsageError(f"{short(name)}: {array.ndim} dimensions, at most {MOST} are read")
    return Tensor(array, requires_grad=True)


def _no_value(name: str, text: str) -> str:
    return f"{short(name)}={short(text)}: not a number or a list of numbers, such as -3 or [1, 2]"


def _numbers(tree: Any) -> Any:
    """Return the same lists with floats in them; True is no number here."""
    if isinstance(tree, list | tuple):
        return [_numbers(item) for item in tree]
    if isinstance(tree, bool) or not isinstance(tree, int | float):
        raise ValueError(f"{tree!r} is not a number")
    return number(tree)


def assignments(words: Sequence[str]) -> dict[str, Tensor]:
    """``["w=2", "x=[1, 2]"]`` as tensors by name; names are the same where Python takes them for the same.

    Raises:
        UsageError: a word without "=", a name that cannot be one, or is a function's, or comes twice; a bad value.
    """
    values: dict[str, Tensor] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = unicodedata.normalize("NFKC", name.strip())
        if not equals or not name.isidentifier() or keyword.iskeyword(name):
            raise UsageError(f"{quoted(word)}: values are given as name=value, such as x=-3")
        if name in FUNCTIONS:
            raise UsageError(f"{quoted(word)}: {name} is a function and cannot be a value's name")
        if name in values:
            raise UsageError(f"{quoted(name)} is given twice")
        values[name] = parse_value(name, value)
    return values
