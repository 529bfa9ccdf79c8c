"""The functions of the rules' notation, each with its meaning in NumPy, in one place.

A reader sees them by these names.  Reductions keep the reduced axes with length 1, so that what comes out lines up with
what went in.  Places and functions of shapes stand in ``tinygrad_lab.trace.places``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_lab.tensor import unbroadcast
from tinygrad_lab.trace.places import along, causal, corner, slices, window_sizes, winners

Axes = int | Sequence[int] | None


# ---- functions of numbers -------------------------------------------------------------------------------------------


def erf(v: Any) -> Any:
    """Return the error function, (2 / √π) ∫₀ᵛ exp(-t²) dt."""
    return np.vectorize(math.erf, otypes=[float])(v)


def over(v: Any, w: Any) -> Any:
    """Return v / w, and 0 where w is 0: of all slopes of a kink, that one."""
    return np.where(w == 0, 0, np.divide(v, np.where(w == 0, 1, w)))


def sigmoid(v: Any) -> Any:
    """Return 1 / (1 + exp(-v))."""
    return 0.5 + 0.5 * np.tanh(0.5 * np.asarray(v))


def softmax(v: Any, dim: int = -1) -> Any:
    """Return exp(v) over its sum along ``dim``."""
    v = np.asarray(v)
    if not v.ndim:
        return np.ones(())
    e = np.exp(v - v.max(dim, keepdims=True))
    return e / e.sum(dim, keepdims=True)


def masked_softmax(v: Any, allowed: Any, dim: int = -1) -> Any:
    """Return a softmax over what is allowed; 0 where nothing is."""
    v = np.where(allowed, v, -np.inf)
    highest = v.max(dim, keepdims=True, initial=-np.inf)
    e = np.exp(v - np.where(highest == -np.inf, 0, highest))
    total = e.sum(dim, keepdims=True)
    return e / np.where(total == 0, 1, total)


def onehot(classes: Any, like: Any, dim: int = -1) -> Any:
    """Return 1 at each class and 0 elsewhere, in the shape of ``like``."""
    places = np.arange(like.shape[dim]).reshape([-1 if k == dim % like.ndim else 1 for k in range(like.ndim)])
    return (np.expand_dims(classes, dim) == places) * 1.0


# ---- sums -----------------------------------------------------------------------------------------------------------


def _axes(v: Any, dim: Axes) -> tuple[int, ...]:
    if dim is None or not np.ndim(v):
        return tuple(range(np.ndim(v)))
    return tuple(k % np.ndim(v) for k in ((dim,) if isinstance(dim, int | np.integer) else dim))


def sum(v: Any, dim: Axes = None) -> Any:
    """Return Σ v along ``dim``, which keeps length 1; of everything, one number, without ``dim``."""
    return np.sum(v) if dim is None else np.sum(v, axis=_axes(v, dim), keepdims=True)


def mean(v: Any, dim: Axes = None) -> Any:
    """Return the sum over the number of summands."""
    return np.mean(v) if dim is None else np.mean(v, axis=_axes(v, dim), keepdims=True)


def summed(v: Any, dim: int) -> Any:
    """Return Σ v along ``dim``, which is gone then."""
    return np.sum(v, axis=dim)


def sum_like(v: Any, like: Any) -> Any:
    """Return v summed over the copies that broadcasting made of ``like``."""
    return unbroadcast(np.asarray(v), np.shape(like))


def over_channels(v: Any) -> Any:
    """Return Σ v over all axes but the channels, axis 1."""
    return np.sum(v, axis=tuple(k for k in range(v.ndim) if k != 1))


def per_channel(v: Any, like: Any) -> Any:
    """Return a number for each channel, lined up with axis 1 of ``like``."""
    return np.reshape(v, (1, -1, *[1] * (like.ndim - 2)))


def channel_mean(v: Any) -> Any:
    """Return the mean over all axes but the channels, axis 1."""
    return np.mean(v, axis=tuple(k for k in range(v.ndim) if k != 1), keepdims=True)


def around(v: Any, size: int, mirrored: bool = False) -> Any:
    """Return the sum over a window of ``size`` channels around each; mirrored, over the windows that have it."""
    below, above = size // 2, (size - 1) // 2
    below, above = (above, below) if mirrored else (below, above)
    channels = range(v.shape[1])
    return np.stack([v[:, max(0, c - below) : c + above + 1].sum(1) for c in channels], 1) if channels else v


def others(v: Any, dim: int | None = None) -> Any:
    """Return for each element the product of all others along ``dim``."""
    v = np.asarray(v)
    lines = v.reshape(1, -1) if dim is None or not v.ndim else np.moveaxis(v, dim, -1)
    kept = [np.prod(np.delete(lines, k, -1), -1) for k in range(lines.shape[-1])]
    found = np.stack(kept, -1) if kept else lines
    return found.reshape(v.shape) if dim is None or not v.ndim else np.moveaxis(found, -1, dim)


def cumsum(v: Any, dim: int) -> Any:
    """Return running sums along ``dim``."""
    return np.cumsum(v, axis=dim) if np.ndim(v) else v


# ---- moving elements ------------------------------------------------------------------------------------------------


def spread(v: Any, like: Any, dim: Axes = None) -> Any:
    """Return v with the axes ``dim`` put back and copied along them, in the shape of ``like``."""
    v = np.asarray(v)
    if v.ndim < like.ndim:
        v = np.expand_dims(v, _axes(like, dim))
    return np.broadcast_to(v, like.shape)


def lined_up(v: Any, like: Any, dim: int) -> Any:
    """Return a vector lined up with axis ``dim`` of ``like``."""
    return np.reshape(v, [-1 if k == dim % like.ndim else 1 for k in range(like.ndim)])


def delayed(v: Any, steps: int) -> Any:
    """Return v with zeros before it along axis 1."""
    return np.concatenate([np.zeros((len(v), steps, *v.shape[2:])), v], axis=1)


def transpose(v: Any, dim0: int, dim1: int) -> Any:
    """Return v with two axes exchanged."""
    return v.swapaxes(dim0, dim1) if v.ndim else v


def joined(parts: Sequence[Any], dim: int = -1) -> Any:
    """Return the parts one after the other along ``dim``."""
    return np.concatenate(parts, axis=dim)


def narrow(v: Any, dim: int, start: int, length: int) -> Any:
    """Return ``length`` slices of v from ``start`` on, along ``dim``."""
    return np.take(v, range(start, start + length), axis=dim)


def block(v: Any, number: int, of: int) -> Any:
    """Return part ``number`` of ``of`` equal parts along the last axis."""
    return np.split(v, of, axis=-1)[number]


def rows(v: Any) -> Any:
    """Return v as a matrix: all axes but the last become one."""
    return v.reshape(-1, v.shape[-1])


def roll_back(v: Any, shifts: Any, dims: Any = None) -> Any:
    """Return v with elements moved back by ``shifts``."""
    return np.roll(v, np.negative(shifts), axis=dims)


def repeat_heads(v: Any, query: Any) -> Any:
    """Return each head of keys as often as there are query heads to it."""
    return np.repeat(v, query.shape[-3] // max(1, v.shape[-3]), axis=-3)


def sum_heads(v: Any, key: Any) -> Any:
    """Return the sum over the query heads of each head of keys."""
    return v.reshape(*v.shape[:-3], key.shape[-3], -1, *v.shape[-2:]).sum(-3)


def visited(v: Any, lengths: Any = None) -> Any:
    """Return sequences (time first) backwards, each from its own last step; the same once more leads back."""
    if lengths is None:
        return v[::-1]
    found = np.array(v)
    for b, length in enumerate(lengths):
        found[:length, b] = v[:length, b][::-1]
    return found


# ---- products of several --------------------------------------------------------------------------------------------


def einsum(equation: str, *operands: Any, like: Any = None) -> Any:
    """Return a sum of products; labels that only the result has are copied along, a repeated one is a diagonal."""
    left, output = equation.split("->")
    if like is None:
        return np.einsum(equation, *operands)
    labels, size_of = left.split(","), dict(zip(output, like.shape, strict=True))
    own = "".join(dict.fromkeys(output))
    full: dict[str, int] = {}
    for label, operand in zip(labels, operands, strict=True):
        for letter, size in zip(label, operand.shape, strict=True):
            full[letter] = max(size, full.get(letter, 1))
    sizes = {letter: max(size_of[letter], full.get(letter, 1)) for letter in own}
    wide = [np.ones(sizes[letter]) for letter in own]
    found = np.einsum(",".join([*labels, *own]) + "->" + own, *operands, *wide)
    found = unbroadcast(np.asarray(found), tuple(size_of[letter] for letter in own))
    if len(own) == len(output):
        return found
    result = np.zeros(like.shape)
    np.einsum(f"{output}->{own}", result)[...] = found
    return result


# ---- what was drawn or run ------------------------------------------------------------------------------------------


def bernoulli(generator: Any, like: Any, p: float) -> Any:
    """Return what was drawn: 1 with probability p, else 0."""
    from tinygrad_lab import random

    return random.bernoulli(generator, np.shape(like), p, np.dtype(bool)) * 1.0


def normal(generator: Any, like: Any) -> Any:
    """Return what was drawn: normal numbers of mean 0 and variance 1."""
    from tinygrad_lab import random

    return random.normal(generator, np.shape(like), np.asarray(like).dtype)


def differentiated(run: Any, given: Sequence[Any], k: int, dy: Any) -> Any:
    """Return what going back through all operations of a run gives to value k of those it was given."""
    return run.differentiated(given, k, dy)


Function = Callable[..., Any]

OF_NUMPY = (np.exp, np.log, np.sqrt, np.sin, np.cos, np.tanh, np.floor, np.sign, np.where, np.minimum, np.maximum,
            np.flip, np.tril, np.triu, np.reshape, np.isnan)  # fmt: skip
OURS = (erf, over, sigmoid, softmax, masked_softmax, onehot, sum, mean, summed, sum_like, over_channels, per_channel,
        channel_mean, lined_up, around, others, cumsum, spread, transpose, joined, narrow, block, rows, roll_back,
        delayed, repeat_heads, sum_heads, visited, einsum, bernoulli, normal, differentiated, along, causal, corner,
        slices, window_sizes, winners)  # fmt: skip

FUNCTIONS: dict[str, Function] = {
    **{function.__name__: function for function in (*OF_NUMPY, *OURS)},
    "abs": np.abs,
    "permute": np.transpose,
    "outer": lambda v, w: np.asarray(v)[..., :, None] * np.asarray(w)[..., None, :],
}

DRAWN = ("bernoulli", "normal", "differentiated")  # cannot be worked out again once the operation has run
