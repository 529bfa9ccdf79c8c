"""Clipping gradients between ``backward()`` and ``optimizer.step()``, with torch.nn.utils' names."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from tinygrad_lab.ops.gate import gated
from tinygrad_lab.ops.kinds import what_is
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array


@gated
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float | int,
    norm_type: float | int = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients, as if they were one vector, by min(1, max_norm / (norm + 1e-6)); return the norm before.

    Args:
        parameters: one tensor or several; those without a gradient are skipped.
        max_norm: the norm allowed.
        norm_type: 2 for the Euclidean norm, any p > 0, or infinity for the largest entry.
        error_if_nonfinite: whether a NaN or infinite norm is an error; otherwise it spreads into every gradient.

    Raises:
        ValueError: a ``norm_type`` that is not positive.
        RuntimeError: a norm that is not finite, if asked for.
    """
    if not norm_type > 0:
        raise ValueError(f"clip_grad_norm_: norm_type must be positive, got {norm_type}")
    gradients = _gradients(parameters)
    norms = np.array([_norm(gradient._data, norm_type) for gradient in gradients])
    total = _norm(norms, norm_type)
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(f"clip_grad_norm_: the norm of the gradients is {total}")
    scale = max_norm / (total + 1e-6)
    if not scale >= 1:  # not "scale < 1": NaN must reach the gradients, as in torch
        for gradient in gradients:
            data = gradient.writable()
            with np.errstate(invalid="ignore"):  # infinity times 0 is the NaN it should be
                data *= scale
    return Tensor(np.array(total, gradients[0].dtype if gradients else np.float32))


@gated
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float | int) -> None:
    """Clip every entry of every gradient to [−clip_value, clip_value]."""
    for gradient in _gradients(parameters):
        data = gradient.writable()
        np.clip(data, -clip_value, clip_value, out=data)


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    if not isinstance(parameters, Iterable):
        hint = ": write .parameters()" if hasattr(parameters, "parameters") else ""
        raise TypeError(f"parameters must be Tensors, got {type(parameters).__name__}{hint}")
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"parameters must be Tensors, got {what_is(tensor)}")
    return [tensor.grad for tensor in tensors if tensor.grad is not None]


def _norm(values: Array, norm_type: float | int) -> float:
    flat = values.ravel(order="K")
    if norm_type == 2:
        return math.sqrt(np.vdot(flat, flat))
    if norm_type == math.inf:
        return float(np.abs(flat).max(initial=0.0))
    return float((np.abs(flat) ** float(norm_type)).sum() ** (1.0 / norm_type))
