"""The checker of arguments and results at run time, for functions that say what these are."""

from collections.abc import Callable
from typing import Any

from beartype import beartype

from tests.hints import tell_apart


def check(function: Callable) -> Callable:
    """beartype, where there is something to check.

    An operation's ``backward`` says nothing of the kind, and is made anew at every call: decorating it so often would
    take a third of the time of all tests.
    """
    for hint in function.__annotations__.values():
        tell_apart(hint)
    says = any(annotation is not Any for annotation in function.__annotations__.values())
    return beartype(function) if says else function
