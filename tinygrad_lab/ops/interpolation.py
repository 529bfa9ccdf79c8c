"""Making images (or sequences, or volumes) larger or smaller by taking the nearest pixel."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.indexing import index_select
from tinygrad_lab.ops.operation import Float
from tinygrad_lab.ops.shapes import expand, reshape, unsqueeze
from tinygrad_lab.tensor import Tensor, wrap
from tinygrad_lab.typing import Array

Sizes = int | Sequence[int]
Factors = float | int | Sequence[float | int]


@gated
def interpolate(
    input: Float[Tensor, "..."],
    size: Sizes | None = None,
    scale_factor: Factors | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Output i along a dimension is input ⌊i / scale⌋.    (N, C, *positions) -> (N, C, *size)

    Args:
        input: one to three dimensions of positions.
        size: of the output; one number for all dimensions, or one for each.
        scale_factor: output length by input length, in place of ``size``.
        mode: "nearest", the only one here.
        align_corners, recompute_scale_factor, antialias: only as they are by default; others belong to other modes.

    Raises:
        ValueError: another mode, both or neither of ``size`` and ``scale_factor``, what does not fit the input, or a
            factor that torch reads in two ways (1.3 of 2 positions, say).
    """
    if mode != "nearest":
        raise ValueError(f"interpolate: mode must be 'nearest', got {mode!r}")
    if align_corners is not None or recompute_scale_factor or antialias:
        raise ValueError(
            "interpolate: align_corners, recompute_scale_factor and antialias are not for mode 'nearest' here"
        )
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: exactly one of size and scale_factor must be given")
    if input.ndim not in (3, 4, 5):
        raise ValueError(
            f"interpolate: input has shape {input.shape}, it must be (N, C, *) with one to three positions"
        )
    given: Any = size if scale_factor is None else scale_factor
    each = list(given) if isinstance(given, Sequence) else [given] * (input.ndim - 2)
    if len(each) != input.ndim - 2 or any(value is None or value <= 0 for value in each):
        raise ValueError(f"interpolate: {given} does not fit the {input.ndim - 2} dimensions of positions")
    kind = input.dtype.type if input.dtype.kind == "f" else np.float32
    for dim, value in enumerate(each, 2):
        length = input.shape[dim]
        outputs = value if scale_factor is None else _outputs(length, float(value))
        step = kind(length) / kind(outputs or 1) if scale_factor is None else kind(1 / value)
        input = _taken(input, dim, _sources(length, int(outputs), step))
    return input


def _outputs(length: int, factor: float) -> int:
    """The output's length; that of the input, or twice as much, is refused of factors that are neither 1 nor 2.

    There torch takes ⌊i⌋ or ⌊i / 2⌋ in place of ⌊i / scale⌋: with two positions always, else on the way back only.
    """
    outputs = int(length * factor)
    if outputs in (length, 2 * length) and factor not in (1, 2):
        raise ValueError(
            f"interpolate: scale_factor {factor:g} makes {outputs} of {length} positions, where torch reads it as "
            f"{outputs // length} in some cases; give size={outputs}, or that factor"
        )
    return outputs


def _sources(length: int, outputs: int, step: Any) -> Array:
    """Which input each output takes; reckoned in the input's precision, as torch does it."""
    if outputs < 1:
        raise ValueError(f"interpolate: a dimension of length {length} would have no positions left")
    places = np.floor(np.arange(outputs, dtype=step.dtype) * step).astype(np.int64)
    return np.minimum(places, length - 1)


def _taken(x: Tensor, dim: int, sources: Array) -> Tensor:
    """``x[sources]`` along ``dim``; where each is taken equally often, in order, it is a broadcast."""
    length = x.shape[dim]
    times, rest = divmod(len(sources), length)
    if rest or (sources != np.repeat(np.arange(length), times)).any():
        return index_select(x, dim, wrap(sources))
    wide = expand(unsqueeze(x, dim + 1), [times if axis == dim + 1 else -1 for axis in range(x.ndim + 1)])
    return reshape(wide, (*x.shape[:dim], len(sources), *x.shape[dim + 1 :]))


__all__ = ["interpolate"]
