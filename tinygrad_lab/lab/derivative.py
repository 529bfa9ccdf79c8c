"""Whether an operation's backward is the derivative of its forward, tried at the arguments of one call.

The slope in a random direction is held against that of the secant, which is taken on both sides: where they differ
there is a kink (a ReLU's zero, a tie in a maximum), and every slope between them is as good as another.  Outputs with a
kink are left out, and inputs at which no slope is finite.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_lab.lab.calls import Operated
from tinygrad_lab.tensor import Tensor, unbroadcast

STEP = 1e-6  # of secants in float64, by the size of each element
TOLERANCE = 1e-4  # far above their error, far below a wrong rule's
KINK = 1e-3  # how much the secants of the two sides may differ where there is none
NOISE = 1e-13  # of values in float64, after some sums
SHARES = (1.0, 0.5, 0.2, 0.05)  # of the elements that are moved at once: fewer where all outputs have kinks
TRIED = 8  # elements that are moved alone

Run = Callable[[list[Any]], tuple[list[np.ndarray], Any]]


def wrong_parameters(operated: Operated) -> list[str]:
    """Names of the parameters by which the backward of an operation is no derivative; none where it cannot be tried."""
    try:
        with np.errstate(all="ignore"):
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

    def slopes(weights: list[Any]) -> dict[int, Any]:
        wanted = [arrays[place] if place in inputs else None for place in places]
        return dict(zip(places, run(arrays)[1](info.needs_of(wanted), *weights), strict=True))

    names = {place: info.variadic or info.parameters[place] for place in inputs}
    return [names[place] for place in inputs if not Trial(run, slopes, arrays, place).agrees()]


class Trial:
    """The slope by one argument of a call against its secants."""

    def __init__(self, run: Run, slopes: Callable[[list[Any]], dict[int, Any]], arrays: list[Any], place: int) -> None:
        self.run, self.slopes, self.arrays, self.place = run, slopes, arrays, place
        self.rng = np.random.default_rng(0)
        self.x = arrays[place]
        self.middle = run(arrays)[0]
        self.weights = [self.rng.standard_normal(p.shape) if p.dtype.kind == "f" else None for p in self.middle]

    def agrees(self) -> bool:
        slope = self._slope(self.weights)
        if slope is None:
            return False
        endless = np.flatnonzero(~np.isfinite(slope) & np.isfinite(self.x))
        if any(self._is_smooth(element) for element in endless[:TRIED]):
            return False
        usable = np.isfinite(slope) & np.isfinite(self.x)
        for moved in self._subsets(usable):
            direction = self._direction(moved)
            secants = self._secants(direction)
            if any(secant is not None and (secant.smooth & secant.changed).any() for secant in secants):
                return self._fits(direction, secants)
        return True  # kinks everywhere, or nothing changes

    def _subsets(self, usable: np.ndarray) -> Iterator[np.ndarray]:
        """Elements to move: all, fewer and fewer, then one at a time."""
        for share in SHARES:
            yield usable & (self.rng.random(self.x.shape) <= share)
        places = np.flatnonzero(usable)
        for element in self.rng.permutation(places)[:TRIED]:
            yield self._alone(element)

    def _alone(self, element: int) -> np.ndarray:
        return np.asarray(np.arange(self.x.size).reshape(self.x.shape) == element)

    def _slope(self, weights: list[Any]) -> np.ndarray | None:
        slope = self.slopes(weights)[self.place]
        return None if slope is None else unbroadcast(np.asarray(slope), self.x.shape)

    def _direction(self, moved: np.ndarray) -> np.ndarray:
        """Random numbers of the size of the elements; one near 0 among others moves by a hundredth of their mean."""
        sizes = np.abs(np.where(np.isfinite(self.x), self.x, 0.0))
        mean = sizes[sizes > 0].mean() if sizes.any() else 1.0
        floor = 0.01 * mean if sizes.any() else 1.0
        return np.where(moved, self.rng.standard_normal(self.x.shape) * np.maximum(sizes, floor), 0.0)

    def _secants(self, direction: np.ndarray) -> "list[Secant | None]":
        sides = [self._moved(sign * STEP * direction) for sign in (-1, 1)]
        parts = zip(*sides, self.middle, self.weights, strict=True)
        return [None if weight is None else Secant(*values) for *values, weight in parts]

    def _moved(self, by: np.ndarray) -> list[np.ndarray]:
        return self.run([*self.arrays[: self.place], self.x + by, *self.arrays[self.place + 1 :]])[0]

    def _is_smooth(self, element: int) -> bool:
        """Whether moving one element changes no output by a kink: then its slope is finite."""
        secants = self._secants(self._direction(self._alone(element)))
        return all(secant is None or secant.smooth.all() for secant in secants)

    def _fits(self, direction: np.ndarray, secants: "list[Secant | None]") -> bool:
        pairs = [(w, s) for w, s in zip(self.weights, secants, strict=True) if w is not None and s is not None]
        masked = iter([np.where(s.smooth, w, 0.0) for w, s in pairs])
        slope = self._slope([None if w is None else next(masked) for w in self.weights])
        if slope is None:
            return False
        predicted = float(np.where(direction != 0, slope * direction, 0.0).sum())
        smooth = [(w[s.smooth], s) for w, s in pairs]
        secant = sum(float(w @ s.slope[s.smooth]) for w, s in smooth)
        between = sum(float(np.abs(w) @ s.width[s.smooth]) for w, s in smooth)
        return bool(abs(predicted - secant) <= TOLERANCE * max(abs(secant), abs(predicted), 1e-3) + between)


class Secant:
    """An output's slopes on both sides of where it is, element by element."""

    def __init__(self, left: np.ndarray, right: np.ndarray, middle: np.ndarray) -> None:
        before, after = middle - left, right - middle
        sizes = np.abs(middle[np.isfinite(middle)])
        noise = NOISE * sizes.max(initial=0.0)
        apart = np.abs(after - before)
        self.smooth = apart <= KINK * np.maximum(np.abs(before), np.abs(after)) + noise  # not where one is infinite
        self.changed = (before != 0) | (after != 0)
        self.slope = (right - left) / (2 * STEP)
        self.width = (apart / 2 + noise / 10) / STEP


def _is_real(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _fresh(value: Any) -> Any:
    """Return the value, a generator as a copy: every run has the same noise."""
    return copy.deepcopy(value) if isinstance(value, np.random.Generator) else value


def _double(value: Any) -> Any:
    """What the call was given, floating point numbers as float64."""
    array = value._data if isinstance(value, Tensor) else value
    if isinstance(array, np.ndarray):
        return array.astype(np.float64) if array.dtype.kind == "f" else array
    return array
