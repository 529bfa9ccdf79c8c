"""A tensor in characters: a small one in numbers, of a larger one a matrix at a time, its cells coloured."""

from collections.abc import Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.style import Style
from rich.text import Text

from tinygrad_lab.lab.stepping import slices
from tinygrad_lab.trace.axes import Axis
from tinygrad_lab.trace.tensors import FULL

NEGATIVE, POSITIVE = (70, 130, 220), (235, 130, 40)  # what is zero has the background's colour
WIDEST, HIGHEST = 40, 24  # columns and rows of cells that are shown
NUMBERS = 12  # columns of numbers that fit beside each other


def picture(array: np.ndarray | None, number: int = 0, axes: Sequence[Axis] | None = None) -> RenderableType:
    """A tensor of up to 64 elements in full; of a larger one its extent and one of its matrices.

    Args:
        array: the tensor; None for a gradient that nobody used.
        number: which of its matrices.
        axes: what its dimensions are called.
    """
    if array is None:
        return Text("not used", "dim")
    if array.size == 1:
        return Text(f"{array.item():.6g}")
    if not array.size:
        return Text(f"{_size(array)}, empty", "dim")
    if array.size <= FULL:
        return Group(*(part for n in range(slices.count(array.shape)) for part in _slice(array, n, axes or ())))
    real = array.astype(np.float64)
    line = Text(f"{_size(array)}  from {real.min():.4g} to {real.max():.4g}, norm {np.linalg.norm(real):.4g}", "dim")
    count = slices.count(array.shape)
    shown = number % count
    if count > 1:
        line.append(f"\nmatrix {shown + 1} of {count}  [ and ] change it", "dim")
    return Group(line, *_slice(array, shown, axes or (), float(np.abs(real[np.isfinite(real)]).max(initial=0.0))))


def _size(array: np.ndarray) -> str:
    return "×".join(map(str, array.shape))


def _slice(array: np.ndarray, number: int, axes: Sequence[Axis], largest: float | None = None) -> list[RenderableType]:
    """One matrix with its place; coloured cells where its numbers are too many."""
    matrix = slices.matrix(array, number)
    title = slices.title(array.shape, number, axes)
    head: list[RenderableType] = [Text(title, "dim")] if title else []
    if largest is None or (matrix.size <= FULL and matrix.shape[1] <= NUMBERS):
        known = slices.labels(array.shape, number, axes)
        return [*head, _grid(matrix, *([(), *known] if len(known) == 1 else known))]
    return [*head, *cells(matrix.astype(np.float64), largest)]


def _grid(matrix: np.ndarray, side: Sequence[str] = (), top: Sequence[str] = ()) -> Text:
    """Right-aligned numbers, with the texts at their edges."""
    rows = [[f"{value:.4g}" for value in row] for row in matrix]
    width = max(len(cell) for row in [*rows, top] for cell in row)
    before = max((len(text) for text in side), default=0)
    text = Text()
    if len(top):
        text.append(" " * (before + 1 if before else 0) + " ".join(f"{name:>{width}}" for name in top) + "\n", "dim")
    for place, row in enumerate(rows):
        text.append(f"{side[place]:>{before}} " if len(side) else "", "dim")
        text.append(" ".join(f"{cell:>{width}}" for cell in row) + "\n")
    return text[:-1]


def cells(matrix: np.ndarray, largest: float) -> list[Text]:
    """Coloured cells: blue below zero, orange above, the deeper the farther; what is cut off is said."""
    text = Text()
    for row in _folded(matrix)[:HIGHEST]:
        for value in row[:WIDEST]:
            finite = np.isfinite(value)
            text.append("  " if finite else "! ", _colour(value / (largest or 1.0)) if finite else "bold red")
        text.append("\n")
    scale = Text.assemble(
        f"{-largest:.4g} ", *(("  ", _colour(share)) for share in np.linspace(-1, 1, 9)), f" {largest:.4g}, middle 0"
    )
    return [text[:-1], *_cut(matrix), scale]


def _folded(matrix: np.ndarray) -> np.ndarray | list[np.ndarray]:
    """Break a long vector: it goes on in the next line."""
    if len(matrix) > 1:
        return matrix
    return [matrix[0, start : start + WIDEST] for start in range(0, matrix.shape[1], WIDEST)]


def _cut(matrix: np.ndarray) -> list[Text]:
    rows, columns = matrix.shape
    if rows == 1:
        lines = -(-columns // WIDEST)
        said = f"in lines of {WIDEST}" if columns > WIDEST else ""
        return [Text(said + (f", the first {HIGHEST} of {lines}" if lines > HIGHEST else ""), "dim")] if said else []
    parts = [f"rows 0 to {HIGHEST - 1} of {rows}"] * (rows > HIGHEST)
    parts += [f"columns 0 to {WIDEST - 1} of {columns}"] * (columns > WIDEST)
    return [Text("only " + ", ".join(parts), "dim")] if parts else []


def _colour(share: float) -> Style:
    """Return a colour between the background's grey and the full one."""
    end = POSITIVE if share > 0 else NEGATIVE
    red, green, blue = (round(40 + (part - 40) * abs(share) ** 0.5) for part in end)
    return Style(bgcolor=f"rgb({red},{green},{blue})")
