"""Whether an operation's backward is the derivative of its forward, tried at the arguments of one call."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lab.lab.calls import Operated
from tinygrad_lab.tensor import Tensor, unbroadcast

STEP = 1e-6  # of central differences in float64
TOLERANCE = 1e-4  # far above their error, far below a wrong rule's


def wrong_parameters(operated: Operated) -> list[str]:
    """Names of the parameters by which the backward of an operation is no derivative; none where it cannot be tried."""
    try:
        return _wrong(operated)
    except Exception:  # an operation that does not go with random directions tells nothing
        return []


def _wrong(operated: Operated) -> list[str]:
    info = operated.info
    args, kwargs = info.arranged(operated.args, operated.kwargs)
    arrays, named = [_double(value) for value in args], {name: _double(value) for name, value in kwargs.items()}
    first = info.parameters.index(info.variadic) if info.variadic else 0
    places = range(first, len(arrays)) if info.variadic else info.positions
    inputs = [place for place in places if place < len(arrays) and _is_real(arrays[place])]

    def run(values: list[Any]) -> tuple[list[np.ndarray], Any]:
        out, backward = info.body(*map(_fresh, values), **{name: _fresh(value) for name, value in named.items()})
        return [np.asarray(part) for part in (out if isinstance(out, tuple) else (out,))], backward

    rng = np.random.default_rng(0)
    outputs, backward = run(arrays)
    weights = [np.asarray(rng.standard_normal(part.shape)) if part.dtype.kind == "f" else None for part in outputs]
    wanted = [arrays[place] if place in inputs else None for place in places]
    found = backward(info.needs_of(wanted), *weights)
    slopes = {place: slope for place, slope in zip(places, found, strict=True) if place in inputs}
    names = {place: info.variadic or info.parameters[place] for place in inputs}
    return [names[place] for place in inputs if not _agrees(run, arrays, place, weights, slopes[place], rng)]


def _agrees(
    run: Callable[[list[Any]], Any], arrays: list[Any], place: int, weights: list[Any], slope: Any, rng: Any
) -> bool:
    """Compare the slope in a random direction with that of the secant."""
    direction = np.asarray(rng.standard_normal(arrays[place].shape))

    def value(step: float) -> float:
        moved = [*arrays[:place], arrays[place] + step * direction, *arrays[place + 1 :]]
        return sum(float((w * part).sum()) for w, part in zip(weights, run(moved)[0], strict=True) if w is not None)

    secant = (value(STEP) - value(-STEP)) / (2 * STEP)
    predicted = float((unbroadcast(np.asarray(slope), direction.shape) * direction).sum())
    return abs(predicted - secant) <= TOLERANCE * max(abs(secant), abs(predicted), 1e-3)


def _is_real(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _fresh(value: Any) -> Any:
    """The same noise in every run."""
    return copy.deepcopy(value) if isinstance(value, np.random.Generator) else value


def _double(value: Any) -> Any:
    """What the call was given, floating point numbers as float64."""
    array = value._data if isinstance(value, Tensor) else value
    if isinstance(array, np.ndarray):
        return array.astype(np.float64) if array.dtype.kind == "f" else array
    return array
