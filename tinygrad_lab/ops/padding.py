"""Padding with a constant, with the border's own values, or with those a mirror or a circle would show."""

from collections.abc import Sequence

import numpy as np

from tinygrad_lab.ops import shapes
from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.shapes import cat, expand, flip
from tinygrad_lab.tensor import Tensor

MODES = "constant", "reflect", "replicate", "circular"


@gated
def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | int | None = None) -> Tensor:
    """Pad, with (before, after) for the last dimension first, as torch does.

    Args:
        input: for all modes but "constant", one or two dimensions more than are padded, (N, C, *) or (C, *).
        pad: pairs; negative ones crop.
        mode: "constant"; "replicate" repeats the border, "reflect" mirrors at it, "circular" goes on at the other end.
        value: the constant, 0 unless given.

    Raises:
        ValueError: another mode; a ``value`` without "constant"; a ``pad`` that does not fit the input.
    """
    if mode not in MODES:
        raise ValueError(f"pad: mode must be one of {', '.join(MODES)}, got {mode!r}")
    if mode == "constant":
        return shapes.pad(input, pad, value=0 if value is None else value)
    if value is not None:
        raise ValueError(f"pad: mode {mode!r} takes no value, got {value}")
    if input.dtype.kind == "b":
        raise TypeError(f"pad: input must be numbers in mode {mode!r}, got booleans")
    dims = len(pad) // 2
    if len(pad) % 2 or dims not in (1, 2, 3) or input.ndim - dims not in (1, 2):
        raise ValueError(f"pad: mode {mode!r} pads all but one or two dimensions, got {tuple(pad)} for {input.shape}")
    for k in range(dims):
        input = _padded(input, input.ndim - 1 - k, pad[2 * k], pad[2 * k + 1], mode)
    return input


def _padded(x: Tensor, dim: int, before: int, after: int, mode: str) -> Tensor:
    """Pad one dimension; a circle is closed around what cropping leaves."""
    if mode == "circular" and min(before, after) < 0 <= before + after + x.shape[dim]:
        x = _part(x, dim, max(-before, 0), x.shape[dim] - max(-after, 0))
        before, after = max(before, 0), max(after, 0)
    size = x.shape[dim]
    most = {"reflect": size - 1, "circular": size, "replicate": np.inf if size else 0}[mode]
    if max(before, after) > most or min(before, after, before + after) < -size:
        raise ValueError(f"pad: ({before}, {after}) does not fit dim {dim} of length {size} in mode {mode!r}")
    sides = {"reflect": _reflected, "circular": _circular, "replicate": _replicated}[mode]
    left, right = sides(x, dim, max(before, 0), max(after, 0))
    kept = _part(x, dim, max(-before, 0), size - max(-after, 0))
    pieces = [piece for piece in (left, kept, right) if piece.shape[dim]]
    return cat(pieces, dim) if pieces else kept


def _reflected(x: Tensor, dim: int, before: int, after: int) -> tuple[Tensor, Tensor]:
    size = x.shape[dim]
    return flip(_part(x, dim, 1, before + 1), dim), flip(_part(x, dim, size - 1 - after, size - 1), dim)


def _circular(x: Tensor, dim: int, before: int, after: int) -> tuple[Tensor, Tensor]:
    size = x.shape[dim]
    return _part(x, dim, size - before, size), _part(x, dim, 0, after)


def _replicated(x: Tensor, dim: int, before: int, after: int) -> tuple[Tensor, Tensor]:
    size = x.shape[dim]

    def repeated(piece: Tensor, count: int) -> Tensor:
        return expand(piece, [count if axis == dim else -1 for axis in range(x.ndim)])

    return repeated(_part(x, dim, 0, 1), before), repeated(_part(x, dim, size - 1, size), after)


def _part(x: Tensor, dim: int, start: int, stop: int) -> Tensor:
    return x[(slice(None),) * dim + (slice(start, stop),)]


__all__ = ["pad"]
