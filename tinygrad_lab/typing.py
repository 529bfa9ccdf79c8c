"""Types shared by the engine.

Operations are written on plain NumPy arrays and lifted to Tensors by a decorator.  At run time
``Array`` is ``np.ndarray``, so that jaxtyping can check shapes inside an operation; a static type
checker sees ``Any``, because callers pass Tensors to the lifted function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    Array = Any
else:
    Array = np.ndarray

# One for each differentiable parameter, None where none is needed. 0-dimensional arithmetic gives
# NumPy scalars.
Gradients = tuple[Array | np.generic | None, ...]
Backward = Callable[..., Gradients]  # an operation's closure: backward(needs, *gradients of the outputs)
Needs = Any  # a named tuple of booleans, by the names of the differentiable parameters
Generator = np.random.Generator
