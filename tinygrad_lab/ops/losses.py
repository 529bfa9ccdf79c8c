"""Loss functions.  reduction: "mean" over the items that count, "sum" of them, or "none" for each item's own.

torch's legacy arguments size_average and reduce do not exist here; what follows them in torch is keyword-only.
"""

import math
from typing import Any

import numpy as np

from tinygrad_lab.ops.activation import log1p_exp_minus, logistic, logsigmoid
from tinygrad_lab.ops.elementwise import sign, where
from tinygrad_lab.ops.kernels.rows import rows as rows_of
from tinygrad_lab.ops.operation import Float, Int, operation
from tinygrad_lab.ops.softmax import log_softmax, row_sums, shift
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs

BLOCK = 8192  # numbers in a scalar product

Loss = tuple[Float[Array, "..."], Backward]


def _check(name: str, input: np.ndarray, target: np.ndarray, reduction: str) -> None:
    _check_reduction(name, reduction)
    if target.shape != input.shape:
        raise ValueError(f"{name}: target has shape {target.shape}, it must have input's, {input.shape}")


def _check_reduction(name: str, reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{name}: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")


def _scale(reduction: str, count: Any) -> Any:
    """What each item's loss is multiplied by before they are added up; the mean of nothing is NaN, as in torch."""
    if reduction != "mean":
        return 1.0
    return 1 / count if count else math.nan


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    return {"mean": losses.mean, "sum": losses.sum, "none": losses.clone}[reduction]()


# ---- regression -----------------------------------------------------------------------------------------------------


@operation(
    rule="""
    n = size(input) if reduction == "mean" else 1
    dinput = 2 * (input - target) * dy / n
    dtarget = -2 * (input - target) * dy / n
    """,
)
def mse_loss(input: Float[Array, "*shape"], target: Float[Array, "*shape"], *, reduction: str = "mean") -> Loss:
    """(input - target)²

    Raises:
        ValueError: shapes that differ (torch would broadcast with a warning), or an unknown ``reduction``.
    """
    _check("mse_loss", input, target, reduction)
    scale = _scale(reduction, input.size)
    error = np.subtract(input, target, out=np.empty(input.shape, input.dtype))
    loss = error * error if reduction == "none" else _sum_of_squares(error) * scale

    def backward(needs: Needs, dloss: Array) -> Gradients:
        dinput = error * (2 * scale * dloss)
        return dinput if needs.input else None, -dinput if needs.target else None

    return np.asarray(loss), backward


def _sum_of_squares(x: np.ndarray) -> Any:
    """Σ x², in blocks: one scalar product over all would add up more rounding errors."""
    flat = x.reshape(-1)
    whole = flat[: flat.size // BLOCK * BLOCK].reshape(-1, BLOCK)
    rest = flat[whole.size :]
    return np.vecdot(whole, whole).sum() + np.vdot(rest, rest)


@mse_loss.define
def mse_loss_definition(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    return _reduced((input - target).square(), reduction)


@operation(
    rule="""
    n = size(input) if reduction == "mean" else 1
    dinput = sign(input - target) * dy / n
    dtarget = -sign(input - target) * dy / n
    """,
)
def l1_loss(input: Float[Array, "*shape"], target: Float[Array, "*shape"], *, reduction: str = "mean") -> Loss:
    """|input - target|, with derivative 0 where they are equal or not a number.  Errors as in ``mse_loss``."""
    _check("l1_loss", input, target, reduction)
    scale = _scale(reduction, input.size)
    error = np.subtract(input, target, out=np.empty(input.shape, input.dtype))
    size = np.abs(error)

    def backward(needs: Needs, dloss: Array) -> Gradients:
        dinput = sign(error) * (scale * dloss)
        return dinput if needs.input else None, -dinput if needs.target else None

    return np.asarray(size if reduction == "none" else size.sum() * scale), backward


@l1_loss.define
def l1_loss_definition(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    return _reduced((input - target).abs(), reduction)


# ---- two classes ----------------------------------------------------------------------------------------------------


@operation(
    rule="""
    n = size(input) if reduction == "mean" else 1
    w = 1 if weight is None else weight
    if pos_weight is None:
        dinput = w * (sigmoid(input) - target) * dy / n
        dtarget = -input * w * dy / n
    else:
        dinput = w * ((1 + (pos_weight - 1) * target) * sigmoid(input) - pos_weight * target) * dy / n
        dtarget = w * (log(sigmoid(-input)) - pos_weight * log(sigmoid(input))) * dy / n
    """,
)
def binary_cross_entropy_with_logits(
    input: Float[Array, "*shape"],
    target: Float[Array, "*shape"],
    weight: Array | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Array | None = None,
) -> Loss:
    """-(p t log σ(x) + (1 - t) log(1 - σ(x))), as (1 + (p - 1) t) (max(x, 0) + log(1 + exp(-|x|))) - p t x.

    Args:
        input: logits x.
        target: t in [0, 1], of the same shape.
        weight: a constant factor of each item's loss; broadcast.
        reduction: as above.
        pos_weight: the constant p, broadcast; 1 if left out.

    Raises:
        ValueError: shapes that differ, or an unknown ``reduction``.
    """
    _check("binary_cross_entropy_with_logits", input, target, reduction)
    scale = _scale(reduction, input.size)
    positive = target if pos_weight is None else pos_weight * target
    factor = 1 if pos_weight is None else 1 + positive - target  # of softplus(x)

    soft = log1p_exp_minus(np.abs(input, out=np.empty(input.shape, input.dtype)))
    loss = np.maximum(input, 0, out=np.empty(input.shape, input.dtype))
    loss *= factor
    loss -= positive * input  # cancels exactly where the logit is large and right; what is left is soft
    loss += soft if pos_weight is None else soft * factor
    if weight is not None:
        loss *= weight

    def backward(needs: Needs, dloss: Array) -> Gradients:
        outer = scale * dloss if weight is None else scale * dloss * weight
        dinput = dtarget = None
        if needs.input:
            dinput = logistic(input)
            dinput *= factor
            dinput -= positive
            dinput *= outer
        if needs.target:
            dtarget = -input if pos_weight is None else (pos_weight - 1) * _softplus(input) - pos_weight * input
            dtarget = dtarget * outer
        return dinput, dtarget

    return np.asarray(loss if reduction == "none" else loss.sum() * scale), backward


@binary_cross_entropy_with_logits.define
def binary_cross_entropy_with_logits_definition(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    right = target * logsigmoid(input)
    losses = -(right if pos_weight is None else pos_weight * right) - (1 - target) * logsigmoid(-input)
    return _reduced(losses if weight is None else weight * losses, reduction)


def _softplus(x: np.ndarray) -> np.ndarray:
    y: np.ndarray = np.maximum(x, 0) + log1p_exp_minus(np.abs(x))
    return y


# ---- many classes ---------------------------------------------------------------------------------------------------


@operation(
    rule="""
    k = 1 if ndim(input) > 1 else 0
    p = softmax(input, k)
    e = spread(dy, input, k) if reduction == "none" else dy
    C = length(input, k)
    if is_float(target):
        n = size(input) // max(1, C) if reduction == "mean" else 1
        w = 1 if weight is None else lined_up(weight, input, k)
        q = target * w if label_smoothing == 0 else (target * (1 - label_smoothing) + label_smoothing / C) * w
        dinput = (p * sum(q, k) - q) * e / n
        dtarget = -w * (1 - label_smoothing) * log(p) * e / n
    elif weight is None and label_smoothing == 0 and all(target != ignore_index):
        n = size(target) if reduction == "mean" else 1
        dinput = (p - onehot(target, input, k)) * e / n
    else:
        w = 1 if weight is None else lined_up(weight, input, k)
        counts = spread(target != ignore_index, input, k) * w
        o = onehot(target, input, k) * counts
        n = sum(o) if reduction == "mean" else 1
        q = o if label_smoothing == 0 else (1 - label_smoothing) * o + label_smoothing / C * counts
        dinput = (p * sum(q, k) - q) * e / n
    """,
)
def cross_entropy(
    input: Float[Array, "..."],
    target: Int[Array, "..."] | Float[Array, "..."],
    weight: Array | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Loss:
    """-Σ_c q_c log p_c, with p = softmax(input) over the classes.    (N, C, *), (N, *) or (N, C, *) -> () or (N, *)

    Args:
        input: logits, (C,) or (N, C) or (N, C, d1, ...).
        target: class indices without the class axis, or probabilities in ``input``'s shape.
        weight: a constant factor of each class, (C,).  With indices the mean divides by the sum of the weights.
        ignore_index: an index that does not count; only with indices.
        reduction: as above; the mean over nothing is NaN.
        label_smoothing: the share of each target distribution that is spread evenly over all classes.

    Raises:
        ValueError: shapes that do not fit, an unknown ``reduction``, ``label_smoothing`` outside [0, 1].
        IndexError: a class outside [0, C).
    """
    _check_reduction("cross_entropy", reduction)
    classes = _check_classes(input, target, weight, label_smoothing, ignore_index)
    axis = min(1, input.ndim - 1)
    logits = np.moveaxis(input, axis, -1)
    rows = rows_of(logits)  # (N, C): every position of every item is a row
    weight = np.ones(classes, input.dtype) if weight is None else weight
    by_index = target.dtype.kind != "f"
    if by_index:
        losses, gradient = _from_indices(rows, target.reshape(-1), weight, ignore_index, reduction, label_smoothing)
    else:
        probabilities = rows_of(np.moveaxis(target, axis, -1))
        losses, gradient = _from_probabilities(rows, probabilities, weight, reduction, label_smoothing)

    def backward(needs: Needs, dloss: Array) -> Gradients:
        dinput = dtarget = None
        outer = dloss.reshape(-1, 1)  # (N, 1) or (1, 1)
        if needs.input:
            dinput = gradient if dloss.ndim == 0 and dloss == 1 else gradient * outer
            dinput = np.moveaxis(dinput.reshape(logits.shape), -1, axis)
        if needs.target:
            log_p = shift(rows)
            log_p -= np.log(row_sums(np.exp(log_p)))
            log_p *= weight * ((label_smoothing - 1) * _scale(reduction, len(rows)))
            dtarget = np.moveaxis((log_p * outer).reshape(logits.shape), -1, axis)
        return dinput, dtarget

    total = losses.sum() if len(rows) or reduction != "mean" else math.nan  # the mean of nothing
    return np.asarray(losses.reshape(logits.shape[:-1]) if reduction == "none" else total, input.dtype), backward


@cross_entropy.define
def cross_entropy_definition(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    axis = min(1, input.ndim - 1)
    classes = input.shape[axis]
    classes_last = [*range(axis), *range(axis + 1, input.ndim), axis]
    log_p = log_softmax(input, axis).permute(classes_last)
    factor = Tensor(np.ones(classes, input.dtype)) if weight is None else weight
    if target.dtype.kind == "f":
        q = target.permute(classes_last)
        counted = Tensor(np.ones(q.shape[:-1], input.dtype))
        kept = np.ones(q.shape[:-1], bool)
    else:
        label = np.asarray(target)
        q = Tensor(np.eye(classes, dtype=input.dtype)[np.where(label == ignore_index, 0, label)])
        kept = np.asarray(label != ignore_index)
        counted = (q * factor).sum(-1) * kept
    q = (q * (1 - label_smoothing) + label_smoothing / classes) * factor
    losses: Tensor = where(kept, -(q * log_p).sum(-1), 0.0)
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / counted.sum()


def _check_classes(
    input: np.ndarray, target: np.ndarray, weight: np.ndarray | None, label_smoothing: float, ignore_index: int
) -> int:
    """The number of classes."""
    if not input.ndim:
        raise ValueError("cross_entropy: input is a single number, it must be (C,) or (N, C, ...)")
    classes: int = input.shape[min(1, input.ndim - 1)]
    wanted = input.shape if target.dtype.kind == "f" else input.shape[: input.ndim > 1] + input.shape[2:]
    if target.shape != wanted:
        raise ValueError(f"cross_entropy: target has shape {target.shape}, input {input.shape} needs {wanted}")
    if weight is not None and weight.shape != (classes,):
        raise ValueError(f"cross_entropy: weight has shape {weight.shape}, input {input.shape} needs ({classes},)")
    if target.dtype.kind == "f" and ignore_index >= 0:
        raise ValueError(f"cross_entropy: ignore_index {ignore_index} is for class indices, target has probabilities")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing must be in [0, 1], got {label_smoothing}")
    return classes


def _from_indices(
    rows: np.ndarray, target: np.ndarray, weight: np.ndarray, ignore_index: int, reduction: str, smoothing: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scaled losses (N,) and their gradient (N, C); q is never formed, so a large C costs five passes."""
    n, classes = rows.shape
    kept = target != ignore_index
    label = np.where(kept, target, 0)
    if n and not 0 <= (smallest := label.min()) <= (largest := label.max()) < classes:
        wrong = smallest if smallest < 0 else largest
        raise IndexError(f"cross_entropy: target {wrong} is out of range for {classes} classes")
    counted = weight[label] * kept  # (N,)
    scale = _scale(reduction, counted.sum())
    here = np.arange(n), label
    spread = weight * (smoothing / max(1, classes))  # the evenly spread part of q, before scaling

    exponential = shift(rows)  # the logits, until they are exponentiated in place
    at_label = exponential[here]
    at_all = exponential @ spread if smoothing else 0.0
    np.exp(exponential, out=exponential)
    total = row_sums(exponential)
    log_total = np.log(total[:, 0])
    losses = (1 - smoothing) * counted * (log_total - at_label)
    gradient = exponential
    mass = (1 - smoothing) * counted  # Σ_c q_c
    if smoothing:
        losses += spread.sum() * log_total - at_all
        mass = mass + spread.sum()
    gradient *= (mass * scale)[:, None] / total
    gradient[here] -= (1 - smoothing) * counted * scale
    if smoothing:
        gradient -= spread * scale
    if not kept.all():
        losses[~kept] = 0
        gradient[~kept] = 0
    return losses * scale, gradient


def _from_probabilities(
    rows: np.ndarray, target: np.ndarray, weight: np.ndarray, reduction: str, smoothing: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scaled losses (N,) and their gradient (N, C) for a target distribution per row."""
    n, classes = rows.shape
    q = (target * (1 - smoothing) + smoothing / max(1, classes)) * (weight * _scale(reduction, n))
    mass = row_sums(q)
    exponential = shift(rows)
    at_target = np.vecdot(q, exponential)
    np.exp(exponential, out=exponential)
    total = row_sums(exponential)
    losses = (mass * np.log(total))[:, 0] - at_target
    gradient = exponential
    gradient *= mass / total
    gradient -= q
    return losses, gradient
