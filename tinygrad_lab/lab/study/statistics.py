"""Means over seeds with their uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Interval:
    """A mean and the half width of its 95 % confidence interval (Student's t over the runs)."""

    mean: float
    half_width: float
    count: int

    @property
    def low(self) -> float:
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        return self.mean + self.half_width

    def __format__(self, spec: str) -> str:
        """A number's format, then after a space the unit: ``f"{errors:.2f %}"`` is "0.92 ± 0.13 %"."""
        number, _, unit = spec.partition(" ")
        unit = f" {unit}" if unit else ""
        if self.count == 1:
            return f"{self.mean:{number}}{unit} (one run)"
        return f"{self.mean:{number}} ± {self.half_width:{number}}{unit}"


def interval(values: Sequence[float]) -> Interval:
    """Mean and 95 % interval of independent runs; a single run has an infinite interval.

    Raises:
        ValueError: no values.
    """
    if not len(values):
        raise ValueError("interval: needs at least one value, got none")
    array = np.asarray(values, np.float64)
    if len(array) == 1:
        return Interval(float(array[0]), float("inf"), 1)
    spread = float(array.std(ddof=1)) / len(array) ** 0.5
    return Interval(float(array.mean()), float(stats.t.ppf(0.975, len(array) - 1)) * spread, len(array))


def paired_difference(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Interval of first - second, run by run: both must come from the same seeds in the same order."""
    return interval([a - b for a, b in zip(first, second, strict=True)])
