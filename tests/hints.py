"""Type hints as beartype tells them apart."""

import inspect
from typing import Any, get_args

from jaxtyping import AbstractArray


def tell_apart(hint: Any) -> None:
    """Give the arrays in a hint the name of the module that their Tensor is from.

    beartype takes ``tuple[...]`` and ``... | None`` for what it has seen before if they read the same, and both sides
    have a ``Tensor``: one side's would have to be the other's.
    """
    for part in get_args(hint):
        tell_apart(part)
    if inspect.isclass(hint) and issubclass(hint, AbstractArray):
        hint.__module__ = f"jaxtyping.{getattr(hint.array_type, '__module__', 'any')}"
