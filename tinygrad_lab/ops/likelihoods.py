"""Losses of what is a probability or a logarithm of one already, and the smooth absolute error.

Where the model gives logits, ``cross_entropy`` and ``binary_cross_entropy_with_logits`` (``tinygrad_lab.ops.losses``)
are faster and exact; these are for outputs that went through a sigmoid or a log_softmax before.
"""

from typing import Any

import numpy as np

from tinygrad_lab.ops.elementwise import where
from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.indexing import gather
from tinygrad_lab.ops.losses import Loss, _check, _check_reduction, _reduced, _scale, l1_loss
from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.ops.shapes import squeeze
from tinygrad_lab.tensor import Tensor, wrap
from tinygrad_lab.typing import Array, Gradients, Needs

# ---- two classes ----------------------------------------------------------------------------------------------------

SMALLEST_LOG = -100  # torch's: log 0 counts as this
SMALLEST_VARIANCE = float(np.float32(1e-12))  # torch's: x (1 - x) in the gradient is never taken to be less


@operation(
    rule="""
    n = size(input) if reduction == "mean" else 1
    w = 1 if weight is None else weight
    dinput = w * (input - target) / (input * (1 - input)) * dy / n
    dtarget = w * (log(1 - input) - log(input)) * dy / n
    """,
)  # fmt: skip
def binary_cross_entropy(
    input: Float[Array, "*shape"],
    target: Float[Array, "*shape"],
    weight: Array | None = None,
    *,
    reduction: str = "mean",
) -> Loss:
    """-(t log x + (1 - t) log(1 - x)), where a logarithm counts as -100 at least, as in torch.

    Args:
        input: probabilities x.
        target: t in [0, 1], of the same shape.
        weight: a constant factor of each item's loss; broadcast.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: a probability outside [0, 1], shapes that differ, an unknown ``reduction``.
    """
    _check("binary_cross_entropy", input, target, reduction)
    outside = (input < 0) | (input > 1)
    if outside.any():
        raise ValueError(
            f"binary_cross_entropy: input must be probabilities in [0, 1], got {input[outside][0]:g}; "
            "for logits there is binary_cross_entropy_with_logits"
        )
    factor = _scale(reduction, input.size)
    factor = factor if weight is None else factor * weight
    with np.errstate(divide="ignore"):
        yes, no = np.maximum(np.log(input), SMALLEST_LOG), np.maximum(np.log1p(-input), SMALLEST_LOG)
    losses = (-target * yes - (1 - target) * no) * factor

    def backward(needs: Needs, dloss: Array) -> Gradients:
        outer = factor * dloss
        variance = np.maximum((1 - input) * input, SMALLEST_VARIANCE)
        dinput = outer * (input - target) / variance if needs.input else None
        return dinput, outer * (no - yes) if needs.target else None

    return np.asarray(losses if reduction == "none" else losses.sum(), input.dtype), backward


@binary_cross_entropy.define
def binary_cross_entropy_definition(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    losses = -target * input.log() - (1 - target) * (1 - input).log()
    return _reduced(losses if weight is None else losses * weight, reduction)


# ---- many classes ---------------------------------------------------------------------------------------------------


@gated
def nll_loss(
    input: Float[Tensor, "..."],
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-weight[t] input[t] of log-probabilities.    (N, C, *), (N, *) or (C,), () -> () or (N, *)

    Args:
        input: logarithms of probabilities, as ``log_softmax`` gives them.
        target: class indices, integers without the class axis.
        weight: a constant factor of each class, (C,).  The mean divides by the sum of the weights.
        ignore_index: a class that does not count.
        reduction: "mean", "sum" or "none"; the mean over nothing is NaN.

    Raises:
        TypeError: a target that is not integer.
        ValueError: shapes that do not fit, an unknown ``reduction``.
        IndexError: a class outside [0, C).
    """
    _check_reduction("nll_loss", reduction)
    label, factors = np.array(target), None if weight is None else np.array(weight, input.dtype)
    _check_labels(input, label, factors, ignore_index)
    axis = min(1, input.ndim - 1)
    kept = np.asarray(label != ignore_index)
    chosen = np.expand_dims(np.where(kept, label, 0), axis)  # (N, 1, *)
    picked = squeeze(gather(input, axis, wrap(chosen)), axis)
    factor = kept.astype(input.dtype) if factors is None else factors[chosen.reshape(label.shape)] * kept
    losses = where(wrap(kept), picked * wrap(np.asarray(-factor)), wrap(np.zeros((), input.dtype)))
    if reduction == "none":
        return losses
    total: Tensor = losses.sum() * _scale(reduction, float(factor.sum()))
    return total


def _check_labels(input: Tensor, label: Array, weight: Array | None, ignore_index: int) -> None:
    if label.dtype.kind not in "iu":
        raise TypeError(f"nll_loss: target must be integer class indices, got {label.dtype}")
    if not input.ndim:
        raise ValueError("nll_loss: input is a single number, it must be (C,) or (N, C, ...)")
    classes = input.shape[min(1, input.ndim - 1)]
    wanted = input.shape[: input.ndim > 1] + input.shape[2:]
    if label.shape != wanted:
        raise ValueError(f"nll_loss: target has shape {label.shape}, input {input.shape} needs {wanted}")
    if weight is not None and weight.shape != (classes,):
        raise ValueError(f"nll_loss: weight has shape {weight.shape}, input {input.shape} needs ({classes},)")
    counted = label[label != ignore_index]
    if counted.size and not 0 <= (smallest := counted.min()) <= (largest := counted.max()) < classes:
        wrong = smallest if smallest < 0 else largest
        raise IndexError(f"nll_loss: target {wrong} is out of range for {classes} classes")


@gated
def kl_div(input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """t (log t - input), the terms of the divergence of ``input`` from ``target``; 0 where t is 0.

    Args:
        input: logarithms of probabilities.
        target: probabilities t, or their logarithms with ``log_target``; broadcast with the input.
        reduction: "batchmean", the divergence itself, divides the sum by the length of the first axis; "mean" divides
            by the number of elements; "sum" and "none".
        log_target: which of the two ``target`` is.

    Raises:
        ValueError: an unknown ``reduction``, or "batchmean" of a single number.
    """
    if reduction == "batchmean" and not input.ndim:
        raise ValueError("kl_div: batchmean needs an input with a first axis, the batch; this one is a single number")
    if reduction != "batchmean":
        _check_reduction("kl_div", reduction)
    if log_target:
        losses = target.exp() * (target - input)
    else:
        positive = where(target != 0, target, wrap(np.ones((), target.dtype)))  # t log t is 0 where t is
        losses = target * positive.log() - target * input
    return losses.sum() / len(input) if reduction == "batchmean" else _reduced(losses, reduction)


# ---- regression -----------------------------------------------------------------------------------------------------


@gated
def smooth_l1_loss(
    input: Float[Tensor, "..."], target: Float[Tensor, "..."], *, reduction: str = "mean", beta: float | int = 1.0
) -> Tensor:
    """½ d² / beta where d = |input - target| < beta, else d - ½ beta; with beta 0 it is ``l1_loss``.

    Raises:
        ValueError: shapes that differ, an unknown ``reduction``, a negative ``beta``.
    """
    _check("smooth_l1_loss", input._data, target._data, reduction)
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must be at least 0, got {beta}")
    if beta == 0:
        return l1_loss(input, target, reduction=reduction)
    distance = (input - target).abs()
    near = distance < beta
    return _reduced(where(near, distance.square() * (0.5 / beta), distance - 0.5 * beta), reduction)


__all__ = ["binary_cross_entropy", "kl_div", "nll_loss", "smooth_l1_loss"]
