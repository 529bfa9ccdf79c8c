"""What an answer returns, seen to be y and gradients: what kinds of things they are, not yet whether they are right."""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lab.lab.exercises.exercise import Exercise
from tinygrad_lab.lab.exercises.faults import FaultError

MOST = 5_000  # entries of an array that is written down
ALIKE = "float32", "float64"


def parts(exercise: Exercise, result: Any) -> tuple[np.ndarray, Any]:
    """Return y and backward, as the function must return them."""
    if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
        raise FaultError(f"{exercise.name} must return y and backward, it returned {kind(result)}.")
    if not (isinstance(result[0], np.ndarray | np.floating) and result[0].dtype.name in ALIKE):
        raise FaultError(f"{exercise.name} must return y as an array of floats, it is {kind(result[0])}.")
    return np.asarray(result[0]), result[1]


def listed(exercise: Exercise, result: Any, path: Path) -> list[np.ndarray]:
    """Return the gradients, one for each input; one alone may stand without a tuple."""
    names = exercise.gradients
    wanted = ", ".join(names)
    if result is ... or (isinstance(result, tuple | list) and any(item is ... for item in result)):
        raise FaultError(f"backward is not written yet: return {wanted} in place of the dots.")
    if result is None:
        raise FaultError(f"backward returned nothing: it must return {wanted}{_is_return_missing(path)}.")
    found = list(result) if isinstance(result, tuple | list) else [result]
    if len(found) != len(names):
        raise FaultError(f"backward must return {len(names)} ({wanted}), one for each input; it returned {len(found)}.")
    return [checked(name, gradient) for name, gradient in zip(names, found, strict=True)]


def checked(name: str, gradient: Any) -> np.ndarray:
    """See that a gradient is an array of numbers, of a size that can be looked at."""
    if gradient is None:
        raise FaultError(f"{name} is None: the gradient of {name[1:]} is missing.")
    if not isinstance(gradient, np.ndarray | np.number | float):
        raise FaultError(f"{name} must be a NumPy array, it is {kind(gradient)}.")
    array = np.asarray(gradient)
    if array.dtype.name not in ALIKE:
        raise FaultError(f"{name} must be an array of float64 or float32, as {name[1:]} is; it is {kind(array)}.")
    if array.size > MOST:
        raise FaultError(f"{name} has the shape {array.shape}, far more entries than {name[1:]} has.")
    return array


def unchanged(who: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """See that nothing was written into what was given.

    Raises:
        FaultError: an array holds other numbers than before.
    """
    for name, old in before.items():
        if isinstance(old, np.ndarray) and not np.array_equal(old, after[name], equal_nan=True):
            raise FaultError(f"{who} writes into {name}, which others still read: make a new array instead.")


def kind(value: Any) -> str:
    """Say what something is, in a few words."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    return "None" if value is None else f"a {type(value).__name__}"


def written(array: np.ndarray) -> dict[str, Any]:
    """Return an array as JSON has it."""
    return {"shape": list(array.shape), "dtype": array.dtype.name, "values": array.ravel().tolist()}


def _is_return_missing(path: Path) -> str:
    """Return what to say where the file's backward has no return at all."""
    functions = (node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.FunctionDef))
    backward = next((node for node in functions if node.name == "backward"), None)
    has = backward is not None and any(isinstance(node, ast.Return) for node in ast.walk(backward))
    return "" if has or backward is None else ", but there is no return in it"
