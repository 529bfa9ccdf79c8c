"""Root mean square normalisation (Zhang and Sennrich 2019, eq. 4): layer_norm without the mean and without the bias.

With r = 1/√(mean(x²) + ε) and y = γ x r, means over what is normalised together:

    u = γ ȳ,    x̄ = r (u - x r² mean(u x)),    γ̄ = Σ ȳ x r.

So only x itself and one r for each row are kept for the backward pass.
"""

import math
from collections.abc import Sequence

import numpy as np

from tinygrad_lab.ops.kernels.rows import rows
from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs


@operation(
    rule="""
    last = trailing(normalized_shape)
    r = 1 / sqrt(mean(input**2, last) + (precision(input) if eps is None else eps))
    u = dy if weight is None else weight * dy
    dinput = r * (u - input * r**2 * mean(u * input, last))
    dweight = sum_like(input * r * dy, weight)
    """,
)
def rms_norm(
    input: Float[Array, "..."],
    normalized_shape: Sequence[int],
    weight: Float[Array, "..."] | None = None,
    eps: float | None = None,
) -> tuple[Float[Array, "..."], Backward]:
    """y = γ x / √(mean(x²) + ε) over the trailing axes.    (*, *normalized_shape) -> the same

    Args:
        input: any shape that ends in ``normalized_shape``.
        normalized_shape: sizes of the trailing axes that are normalised together.
        weight: γ, of that shape; 1 where left out.
        eps: ε; where left out the dtype's machine epsilon, as in torch.

    Raises:
        ValueError: ``input`` does not end in ``normalized_shape``, or ``weight`` has another shape.
    """
    normalized_shape = tuple(normalized_shape)
    _check_shapes(input.shape, normalized_shape, weight)
    n = max(1, math.prod(normalized_shape))
    x = rows(input, len(normalized_shape))  # (N, n): each row is normalised
    r = 1 / np.sqrt(np.vecdot(x, x) / n + (np.finfo(x.dtype).eps if eps is None else eps))
    gamma = None if weight is None else weight.reshape(-1)
    y = x * r[:, None]
    if gamma is not None:
        y *= gamma

    def backward(needs: Needs, dy: Array) -> Gradients:
        dy = dy.reshape(x.shape)
        product = dy * x
        dweight = (r @ product).reshape(normalized_shape) if needs.weight else None
        if not needs.input:
            return None, dweight
        mean_ux = product @ (np.ones(x.shape[1], x.dtype) if gamma is None else gamma) / n
        dx = np.multiply(x, (mean_ux * r * r)[:, None], out=product)
        np.subtract(dy if gamma is None else dy * gamma, dx, out=dx)
        dx *= r[:, None]
        return dx.reshape(input.shape), dweight

    return y.reshape(input.shape), backward


@rms_norm.define
def rms_norm_definition(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    axes = tuple(range(-len(tuple(normalized_shape)), 0))
    eps = float(np.finfo(input.dtype).eps) if eps is None else eps
    y = input / (input.square().mean(axes, keepdim=True) + eps).sqrt()
    return y if weight is None else y * weight


def _check_shapes(shape: tuple[int, ...], normalized_shape: tuple[int, ...], weight: np.ndarray | None) -> None:
    if not normalized_shape or shape[-len(normalized_shape) :] != normalized_shape:
        raise ValueError(f"rms_norm: input has shape {shape}, which does not end in {normalized_shape}")
    if weight is not None and weight.shape != normalized_shape:
        raise ValueError(f"rms_norm: weight has shape {weight.shape}, it must be {normalized_shape}")
