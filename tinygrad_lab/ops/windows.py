"""The settings of windows that slide over images: one number, or one along H and one along W."""

from typing import Any, TypeVar

import numpy as np

Pair = int | tuple[int, ...]  # one number for both, or two
Images = TypeVar("Images")


def pair(caller: str, name: str, value: Pair, least: int = 0) -> tuple[int, int]:
    """Return a setting as (along H, along W).

    Args:
        caller: the operation, for the error.
        name: the setting, for the error.
        value: one number for both directions, or two.
        least: the smallest number allowed.

    Raises:
        ValueError: anything else.
    """
    both = (value,) if isinstance(value, int | np.integer) else tuple(value)
    both = both * 2 if len(both) == 1 else both
    if len(both) != 2 or not all(isinstance(v, int | np.integer) and v >= least for v in both):
        raise ValueError(f"{caller}: {name} must be an integer >= {least} or a pair of them, got {value!r}")
    return both[0], both[1]


def as_batch(images: Images) -> Images:
    """Return (C, H, W) as a batch of one, (1, C, H, W); a batch as it is."""
    given: Any = images
    return given[None] if given.ndim == 3 else given  # type: ignore[no-any-return]  # arrays and Tensors alike


def alike(batch: Images, ndim: int) -> Images:
    """Return a batch as what was given with ``ndim`` dimensions: for 3 that is its only image."""
    made: Any = batch
    return made[0] if ndim == 3 else made  # type: ignore[no-any-return]  # arrays and Tensors alike
