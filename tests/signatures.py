"""What functions say of their arguments."""

import inspect
from collections.abc import Callable
from typing import Any


def defaults_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the default of each argument that may be left out; none where it is written in another language."""
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:
        return {}
    return {name: p.default for name, p in parameters.items() if p.default is not p.empty}
