"""Normalisation to mean 0 and variance 1: over the features of an item (layer) or over a batch, per channel (batch).

Both share one derivation.  With x̂ = (x - μ) r, r = 1/√(σ² + ε), y = γ x̂ + β, means over what is normalised together:

    u = γ ȳ,    x̄ = r (u - mean(u) - x̂ mean(u x̂)),    γ̄ = Σ ȳ x̂,    β̄ = Σ ȳ.

Both means are there because μ and σ² depend on x.  In evaluation batch_norm takes them from elsewhere, and x̄ = r u.
The variance is the biased one, divided by n.  Sums are products with ones: NumPy's reductions are slower.

μ is wrong by a few rounding errors of its own size, and so is all of x - μ.  That matters where x lies far from 0 and
close together: there one element of x is subtracted first, which is exact, and μ is that of the rest, which is small.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lab.ops.kernels.rows import rows
from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs

# ---- layer_norm -----------------------------------------------------------------------------------------------------


@operation(
    rule="""
    last = trailing(normalized_shape)
    r = 1 / sqrt(mean((input - mean(input, last)) ** 2, last) + eps)
    n = (input - mean(input, last)) * r
    u = dy if weight is None else weight * dy
    dinput = r * (u - mean(u, last) - n * mean(u * n, last))
    dweight = sum_like(n * dy, weight)
    dbias = sum_like(dy, bias)
    """,
)
def layer_norm(
    input: Float[Array, "..."],
    normalized_shape: Sequence[int],
    weight: Float[Array, "..."] | None = None,
    bias: Float[Array, "..."] | None = None,
    eps: float = 1e-5,
) -> tuple[Float[Array, "..."], Backward]:
    """y = γ (x - μ) / √(σ² + ε) + β over the trailing axes.    (*, *normalized_shape) -> the same

    Raises:
        ValueError: ``input`` does not end in ``normalized_shape``, or ``weight`` or ``bias`` has another shape.
    """
    normalized_shape = tuple(normalized_shape)
    _check_layer_shapes(input.shape, normalized_shape, weight, bias)
    n = max(1, math.prod(normalized_shape))
    ones = np.ones(math.prod(normalized_shape), input.dtype)
    x = rows(input, len(normalized_shape))  # (N, n): each row is normalised
    normal, r = _normalised(x, ones, eps)
    gamma = None if weight is None else weight.reshape(-1)
    y = normal.copy() if gamma is None else normal * gamma
    if bias is not None:
        y += bias.reshape(-1)

    def backward(needs: Needs, dy: Array) -> Gradients:
        dy = dy.reshape(x.shape)
        over_rows = np.ones(len(dy), dy.dtype)
        dbias = (over_rows @ dy).reshape(normalized_shape) if needs.bias else None
        product = dy * normal
        dweight = (over_rows @ product).reshape(normalized_shape) if needs.weight else None
        if not needs.input:
            return None, dweight, dbias
        scale = ones if gamma is None else gamma
        mean_u, mean_ux = dy @ scale / n, product @ scale / n
        dx = dy - mean_u[:, None] if gamma is None else np.subtract(u := dy * gamma, mean_u[:, None], out=u)
        dx -= np.multiply(normal, mean_ux[:, None], out=product)
        dx *= r
        return dx.reshape(input.shape), dweight, dbias

    return y.reshape(input.shape), backward


@layer_norm.define
def layer_norm_definition(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    axes = tuple(range(-len(tuple(normalized_shape)), 0))
    centred = input - input.mean(axes, keepdim=True)
    y = centred / (centred.square().mean(axes, keepdim=True) + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def _normalised(x: Array, ones: Array, eps: float) -> tuple[Array, Array]:
    """x̂ and r of each row.    (N, n) -> (N, n), (N, 1)"""
    n = max(1, len(ones))
    mean = x @ ones / n
    normal = x - mean[:, None]
    var = np.vecdot(normal, normal) / n
    if not near_0(mean, var):
        return _normalised_far_from_0(x, ones, eps)
    r = 1 / np.sqrt(var + eps)[:, None]
    normal *= r
    return normal, r


def _normalised_far_from_0(x: Array, ones: Array, eps: float) -> tuple[Array, Array]:
    """The same, counted from each row's first element, in units in which no square overflows (powers of 2)."""
    n = len(ones)
    exponent = np.frexp(np.abs(x).max(axis=1, keepdims=True))[1]
    unit = np.ldexp(x.dtype.type(1), np.maximum(exponent - 1, 0))
    normal = x / unit
    normal -= normal[:, :1].copy()
    normal -= (normal @ ones / n)[:, None]
    var = np.vecdot(normal, normal)[:, None] / n
    r = 1 / np.sqrt(var + eps / unit.astype(np.float64) ** 2)
    normal *= r
    return normal, (r / unit).astype(x.dtype)


def near_0(mean: Array, var: Array) -> bool:
    """Tell whether rounding a mean costs at most 4 bits of what lies around it, in every row or channel, and no sum
    of squares overflows.
    """
    limit = 256 * var
    return bool(np.logical_and.reduce((mean * mean <= limit) & (limit < np.inf)))


def _check_layer_shapes(
    shape: tuple[int, ...], normalized_shape: tuple[int, ...], weight: np.ndarray | None, bias: np.ndarray | None
) -> None:
    if not normalized_shape or shape[-len(normalized_shape) :] != normalized_shape:
        raise ValueError(f"layer_norm: input has shape {shape}, which does not end in {normalized_shape}")
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and parameter.shape != normalized_shape:
            raise ValueError(f"layer_norm: {name} has shape {parameter.shape}, it must be {normalized_shape}")


# ---- batch_norm -----------------------------------------------------------------------------------------------------


@operation(
    rule="""
    m = channel_mean(input)
    r = 1 / sqrt(channel_mean((input - m) ** 2) + eps)
    n = (input - m) * r
    u = dy if weight is None else per_channel(weight, input) * dy
    dinput = r * (u - channel_mean(u) - n * channel_mean(u * n))
    dweight = over_channels(n * dy)
    dbias = over_channels(dy)
    """,
    rule_without={
        "training": """
        r = 1 / sqrt(per_channel(running_var, input) + eps)
        n = (input - per_channel(running_mean, input)) * r
        dinput = r * dy if weight is None else r * per_channel(weight, input) * dy
        dweight = over_channels(n * dy)
        dbias = over_channels(dy)
        """
    },
)
def batch_norm(
    input: Float[Array, "n c *positions"],
    running_mean: Array | None,
    running_var: Array | None,
    weight: Float[Array, " c"] | None = None,
    bias: Float[Array, " c"] | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Float[Array, "n c *positions"], Backward]:
    """y = γ (x - μ) / √(σ² + ε) + β per channel.    (N, C, *) -> (N, C, *)

    In training μ and σ² are those of the batch, and the running statistics, if given, move towards them in place by
    ``momentum`` (the variance towards the unbiased one, divided by n - 1).  Otherwise they are the running statistics.
    An empty batch moves nothing.

    Raises:
        ValueError: a parameter that does not fit the channels; one value per channel in training; no running
            statistics in evaluation.
    """
    if eps < 0 or (training and eps == 0):
        raise ValueError(f"batch_norm: eps must be at least 0, and above it in training, got {eps}")
    channels = input.shape[1]
    vectors = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, vector in vectors.items():
        if vector is not None and vector.shape != (channels,):
            raise ValueError(f"batch_norm: {name} has shape {vector.shape}, input {input.shape} needs ({channels},)")
    wide = (channels, *[1] * (input.ndim - 2))  # lines a vector of channels up with input
    n = math.prod(input.shape[:1] + input.shape[2:])
    if training and n:
        if n == 1:
            raise ValueError(f"batch_norm: training needs more than 1 value per channel, input has shape {input.shape}")
        mean = _channel_sums(input) / n
        normal = input - mean.reshape(wide)
        var = _channel_sums(np.square(normal)) / n
        if not near_0(mean, var):
            mean, normal, var = _around_first(input, wide)
        if running_mean is not None and running_var is not None:
            running_mean += momentum * (mean - running_mean)
            running_var += momentum * (var * (n / (n - 1)) - running_var)
    elif training:  # nothing has no statistics
        normal, var = input.copy(), np.ones(channels, input.dtype)
    else:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: evaluation (training=False) needs running_mean and running_var")
        normal = input - running_mean.reshape(wide)
        var = running_var
    r = 1 / np.sqrt(var + eps)
    normal *= r.reshape(wide)
    scale = r if weight is None else r * weight  # of x̄
    y = normal.copy() if weight is None else normal * weight.reshape(wide)
    if bias is not None:
        y += bias.reshape(wide)

    def backward(needs: Needs, dy: Array) -> Gradients:
        dbias = _channel_sums(dy) if needs.bias or (needs.input and training) else None
        product = dy * normal
        dweight = _channel_sums(product) if needs.weight or (needs.input and training) else None
        dx = None
        if needs.input and training:
            dx = np.multiply(normal, (dweight / -max(1, n)).reshape(wide), out=product)
            dx += dy
            dx -= (dbias / max(1, n)).reshape(wide)
            dx *= scale.reshape(wide)
        elif needs.input:
            dx = dy * scale.reshape(wide)
        return dx, dweight if needs.weight else None, dbias if needs.bias else None

    return y, backward


@batch_norm.define
def batch_norm_definition(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    wide = (input.shape[1], *[1] * (input.ndim - 2))
    mean: Any = running_mean
    var: Any = running_var
    if training:
        axes = (0, *range(2, input.ndim))
        mean, var = input.mean(axes), input.var(axes, correction=0)
        if running_mean is not None and running_var is not None:
            for running, batch in ((running_mean, mean), (running_var, input.var(axes))):
                running.mul_(1 - momentum).add_(momentum * batch.detach())
    y: Tensor = (input - mean.reshape(wide)) / (var + eps).sqrt().reshape(wide)
    y = y if weight is None else y * weight.reshape(wide)
    return y if bias is None else y + bias.reshape(wide)


def _around_first(x: Array, wide: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """μ, x - μ and σ² of each channel, counted from its first element.    (N, C, *) -> (C,), (N, C, *), (C,)"""
    n = x.size // x.shape[1]
    first = x[(0, slice(None), *[0] * (x.ndim - 2))]
    normal = x - first.reshape(wide)
    mean = _channel_sums(normal) / n
    normal -= mean.reshape(wide)
    return first + mean, normal, _channel_sums(np.square(normal)) / n


def _channel_sums(x: np.ndarray) -> np.ndarray:
    """(N, C, *) -> (C,)"""
    per_item = x
    if x.ndim > 2:
        positions = math.prod(x.shape[2:])
        per_item = x.reshape(*x.shape[:2], positions) @ np.ones(positions, x.dtype)  # (N, C)
    sums: np.ndarray = np.ones(len(x), x.dtype) @ per_item
    return sums
