"""Constraints on weights: projections to apply after ``optimizer.step()``."""

from __future__ import annotations

import numpy as np

from tinygrad_lab.modes import no_grad
from tinygrad_lab.tensor import Tensor


def max_norm_(weight: Tensor, max_norm: float | int) -> Tensor:
    """Shrink each unit's incoming weight vector to at most ``max_norm``: w ← w min(1, c / ‖w‖).

    Args:
        weight: (out, in) or (out, in, *kernel), changed in place; a unit's incoming weights are ``weight[unit]``.
        max_norm: c, above 0.

    Raises:
        ValueError: fewer than two dimensions, or a ``max_norm`` that is not positive.
    """
    if weight.ndim < 2:
        raise ValueError(f"max_norm_: weight must be (out, in) or (out, in, *kernel), got shape {weight.shape}")
    if not max_norm > 0:
        raise ValueError(f"max_norm_: max_norm must be positive, got {max_norm}")
    with no_grad():
        data = weight.writable()
        incoming = data.reshape(len(data), -1)
        norms = np.sqrt(np.vecdot(incoming, incoming))
        data *= (max_norm / np.maximum(norms, max_norm)).reshape(-1, *[1] * (data.ndim - 1))
    return weight
