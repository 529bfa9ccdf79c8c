"""An array as JSON: every number of a small one; of a large one its pictures, to three digits."""

import base64
import math
from typing import Any

import numpy as np

FULL = 64  # elements of a tensor that is given in full
PICTURED = 4096  # elements of a larger one that are given to three digits
NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def tensor(array: np.ndarray, most: int = PICTURED) -> dict[str, Any]:
    """Write an array as a TENSOR of ``tinygrad_lab.trace.schema``."""
    head = {"shape": list(array.shape), "dtype": str(array.dtype)}
    if array.size <= FULL:
        return {**head, "values": numbers(array)}
    exact = array.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        norm = float(np.linalg.norm(exact))
    least, most_of_all = numbers(np.array([array.min(), array.max()]))
    return {**head, "norm": number(norm), "min": least, "max": most_of_all, "picture": picture(exact, most)}


def picture(array: np.ndarray, most: int = PICTURED) -> dict[str, Any]:
    """Write the first elements of an array as half-precision numbers times a power of two."""
    largest = float(np.abs(array[np.isfinite(array)]).max(initial=0.0))
    exponent = math.frexp(largest)[1] - 15 if largest else 0  # the largest becomes one between 2^14 and 2^15
    kept = array.ravel()[: whole_part(array.shape, most)]
    halves = np.ldexp(kept, -exponent).astype("<f2")
    return {
        "largest": number(float(f"{largest:.4g}")),
        "exponent": exponent,
        "kept": kept.size,
        "halves": base64.b64encode(halves.tobytes()).decode("ascii"),
    }


def whole_part(shape: tuple[int, ...], most: int) -> int:
    """Count the elements to keep: whole items along the first axis that allows one, at most ``most`` elements."""
    inner = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    axis = next(axis for axis, size in enumerate(inner) if size <= most)
    return min(shape[axis], most // inner[axis]) * inner[axis]


def numbers(array: np.ndarray) -> list[Any]:
    """Return the elements, row by row."""
    if array.dtype.kind != "f":
        return [int(value) for value in array.ravel()]
    return [number(value) for value in array.ravel()]


def number(value: Any) -> Any:
    """Return one number as JSON has it: the shortest that its dtype reads as the same."""
    text = str(value)  # of a float32: 0.1, not 0.10000000149011612
    if text in NOT_FINITE:
        return NOT_FINITE[text]
    return int(text[:-2]) if text.endswith(".0") and text != "-0.0" else float(text)
