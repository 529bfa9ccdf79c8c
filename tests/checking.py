"""The checker of arguments and results at run time, for functions that say what these are."""

from collections.abc import Callable
from typing import Any

from beartype import beartype


def check(function: Callable) -> Callable:
    """beartype, where there is something to check.

    An operation's ``backward`` is made anew at every call: decorating it so often would take a third of the time of all
    tests.  What it takes and gives is compared with the tensors' own shapes and dtypes by the engine itself.
    """
    if function.__qualname__.endswith("<locals>.backward"):
        return function
    says = any(annotation is not Any for annotation in function.__annotations__.values())
    return beartype(function) if says else function
