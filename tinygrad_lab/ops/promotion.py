"""Operands of different dtypes brought to the one that torch would choose.

NumPy widens int64 with float32 to float64, and lets arrays without dimensions decide like any other.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2}
_PYTHON = {bool: np.dtype(np.bool_), int: np.dtype(np.int64), float: np.dtype(np.float32)}


def promote(values: list[Any], places: Iterable[int]) -> None:
    """Convert the arrays at ``places`` of a list, in place, to their common dtype.

    Floats decide before integers before booleans, then arrays with dimensions before those without, then numbers;
    NumPy's numbers are numbers, they widen nothing.  An operand that was left out has no say.
    """
    places = [place for place in places if place < len(values) and values[place] is not None]
    for place in places:
        if isinstance(values[place], np.generic):
            values[place] = values[place].item()
    ranks = [_rank(values[place]) for place in places]
    highest = max(rank for rank, _ in ranks)
    dtype = np.result_type(*{dtype for rank, dtype in ranks if rank == highest})
    for place in places:
        value = values[place]
        if highest[1] == 0:  # numbers alone: NumPy would take floats for float64
            values[place] = np.asarray(value, dtype)
        elif isinstance(value, np.ndarray) and value.dtype != dtype:
            values[place] = value.astype(dtype)


def _rank(value: Any) -> tuple[tuple[int, int], np.dtype]:
    if isinstance(value, np.ndarray):
        return (_CATEGORY[value.dtype.kind], 2 if value.ndim else 1), value.dtype
    dtype = _PYTHON[type(value)]
    return (_CATEGORY[dtype.kind], 0), dtype
