"""A median that knows how far the values around it are spread."""

import statistics
from collections.abc import Sequence
from typing import Any


class Median(float):
    """The median of some values: a number like any other, with the quartiles of the values."""

    values: tuple[float, ...]

    def __new__(cls, values: Sequence[float]) -> "Median":
        made = super().__new__(cls, statistics.median(values))
        made.values = tuple(values)
        return made

    def __rmul__(self, factor: float) -> "Median":
        """Return the median in another unit."""
        return Median([factor * value for value in self.values])

    @property
    def quartiles(self) -> tuple[float, float]:
        """Return the lower and the upper one; both the value itself where there is one only."""
        if len(self.values) == 1:
            return self.values[0], self.values[0]
        lower, _, upper = statistics.quantiles(self.values, n=4, method="inclusive")
        return lower, upper


def with_quartiles(value: float) -> str:
    """Write a median and, where they are known, the quartiles: 7.62 (7.50-7.71)."""
    if not isinstance(value, Median):
        return f"{value:.2f}"
    lower, upper = value.quartiles
    return f"{value:.2f} ({lower:.2f}-{upper:.2f})"


def quartiles_beside(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with the quartiles of every median beside it, as ``<name>_quartiles``."""
    return [
        {**row, **{f"{key}_quartiles": v.quartiles for key, v in row.items() if isinstance(v, Median)}} for row in rows
    ]
