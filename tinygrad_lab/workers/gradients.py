"""The gradients of a part, by the number of the parameter."""

from collections.abc import Sequence

import numpy as np

from tinygrad_lab.tensor import Tensor, backpropagate
from tinygrad_lab.typing import Array


def by_number(parameters: Sequence[Tensor], root: Tensor, dy: Array | None = None) -> dict[int, Array]:
    """Go backward from the loss of a part; return its gradients by the number of the parameter.

    There are none where that loss is a constant: nothing of the part is to be learned.

    Raises:
        RuntimeError: a gradient belongs to no parameter, and would be lost.
    """
    leaves = backpropagate(root, dy) if root.requires_grad else []
    numbers = {id(parameter): number for number, parameter in enumerate(parameters)}
    for leaf, _ in leaves:
        if id(leaf) not in numbers:
            raise RuntimeError(
                f"in_parts: a tensor of shape {leaf.shape} needs a gradient but is no parameter of the "
                "model, so the parts of a batch do not share it: make it one, or detach() it"
            )
    return {numbers[id(leaf)]: gradient for leaf, gradient in leaves}


def add(totals: list[Array | None], number: int, gradient: Array) -> None:
    """Add to one of ``totals``, in place; its memory is never that of ``gradient``."""
    known = totals[number]
    totals[number] = gradient.copy() if known is None else np.add(known, gradient, out=known)
