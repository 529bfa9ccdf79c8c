"""Places in tensors, for the rules' notation, and functions of shapes, which are worked out before a rule is shown."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

max_ = builtins.max

# ---- places ---------------------------------------------------------------------------------------------------------


def causal(rows: Any, columns: Any, from_the_end: bool = False) -> Any:
    """Return 1 where a key is no later than the query, both counted from their first, or from their last one back."""
    queries, keys = rows.shape[-2], columns.shape[-2]
    return np.tri(queries, keys, keys - queries if from_the_end else 0, dtype=bool)


def along(index: Any, dim: int) -> tuple[Any, ...]:
    """Return the places [..., index[..., j, ...], ...], the index standing at ``dim``."""
    running = np.ogrid[tuple(slice(size) for size in index.shape)]
    return tuple(index if k == dim % max_(1, index.ndim) else running[k] for k in range(index.ndim))


def slices(index: Any, dim: int, like: Any) -> tuple[Any, ...]:
    """Return the places of whole slices along ``dim``."""
    return (*[slice(None)] * (dim % like.ndim), np.reshape(index, -1)) if like.ndim else ()


def corner(index: Any) -> tuple[slice, ...]:
    """Return the first places, as many as ``index`` has along each axis."""
    return tuple(slice(size) for size in index.shape)


def winners(v: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, like: Any) -> tuple[Any, ...]:
    """Return the place of the largest element of each window: the first of equal ones; of NaNs the last."""
    (kh, kw), (sh, sw) = pair(kernel), pair(kernel if stride is None else stride)
    (ph, pw), (dh, dw) = pair(padding), pair(dilation)
    places = [np.zeros(like.shape, int) for _ in range(v.ndim)]
    for where in np.ndindex(like.shape):
        *item, h, w = where
        taps = [(h * sh + i * dh - ph, w * sw + j * dw - pw) for i, j in product(range(kh), range(kw))]
        inside = [(r, c) for r, c in taps if 0 <= r < v.shape[-2] and 0 <= c < v.shape[-1]]
        values = [v[(*item, r, c)] for r, c in inside]
        bad = [k for k, value in enumerate(values) if np.isnan(value)]
        best = inside[bad[-1] if bad else int(np.argmax(values))]
        for axis, place in enumerate((*item, *best)):
            places[axis][where] = place
    return tuple(places)


def window_sizes(size: int, outputs: int, kernel: int, stride: int, padding: int, with_padding: bool) -> Any:
    """Return how many pixels each window along one axis has, the padding's among them or not."""
    first = np.arange(outputs) * stride - padding
    last = np.minimum(first + kernel, size + padding)
    return last - first if with_padding else np.minimum(last, size) - np.maximum(first, 0)


# ---- functions of shapes: worked out before a rule is shown ---------------------------------------------------------


def pair(v: Any) -> tuple[int, int]:
    """Return the numbers along H and along W."""
    return tuple(v) if isinstance(v, tuple | list) else (v, v)


def margins(padding: Any, weight: Any, dilation: Any) -> tuple[int, int]:
    """Return the rows above and the columns to the left that a padding adds."""
    if padding == "valid":
        return 0, 0
    if padding == "same":
        down, across = (d * (k - 1) for d, k in zip(pair(dilation), weight.shape[2:], strict=True))
        return down // 2, across // 2
    return pair(padding)


def length(v: Any, dim: int = 0) -> int:
    """Return the length of an axis; of a list, of the list."""
    return len(v) if isinstance(v, list | tuple) else int(np.shape(v)[dim])


def start(parts: Sequence[Any], k: int, dim: int) -> int:
    """Return where part k starts when the parts are put one after the other."""
    return builtins.sum(np.shape(part)[dim] for part in parts[:k])


def trailing(shape: Sequence[int]) -> tuple[int, ...] | int:
    """Return the axes of the last dimensions that have this shape."""
    return tuple(range(-len(tuple(shape)), 0)) if len(tuple(shape)) > 1 else -1


def kept(pad: Sequence[int], like: Any) -> tuple[slice, ...]:
    """Return the part of ``like`` that padding by ``pad`` does not crop."""
    return _inner([(max_(-a, 0), max_(-b, 0)) for a, b in _widths(pad, like)], like)


def inside(pad: Sequence[int], like: Any) -> tuple[slice, ...]:
    """Return the part of the padded ``like`` that is no padding."""
    return _inner([(max_(a, 0), max_(b, 0)) for a, b in _widths(pad, like)], like)


def _widths(pad: Sequence[int], like: Any) -> list[tuple[int, int]]:
    pairs = list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    return [(0, 0)] * (np.ndim(like) - len(pairs)) + pairs


def _inner(widths: list[tuple[int, int]], like: Any) -> tuple[slice, ...]:
    return tuple(slice(before, size - after) for (before, after), size in zip(widths, np.shape(like), strict=True))


def adjoint(equation: str, k: int) -> str:
    """Return the einsum of the gradient of operand k: the output's labels in its place, its own as the result."""
    left, output = equation.split("->")
    labels = left.split(",")
    return ",".join([output, *(label for j, label in enumerate(labels) if j != k)]) + "->" + labels[k]


OF_SHAPES: dict[str, Callable[..., Any]] = {
    "shape": np.shape,
    "ndim": np.ndim,
    "size": lambda v: int(np.size(v)),
    "argsort": lambda dims, like: tuple(int(k) for k in np.argsort([d % np.ndim(like) for d in dims])),
    "range": range,
    "all": lambda v: bool(np.all(v)),
    "max": max_,
    "precision": lambda v: float(np.finfo(v.dtype).eps),
    "is_float": lambda v: np.asarray(v).dtype.kind == "f",
    **{f.__name__: f for f in (pair, margins, length, start, trailing, kept, inside, adjoint)},
}
