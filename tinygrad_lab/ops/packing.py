"""Sequences of several lengths without their padding: the real steps of a padded batch, one row each, and back."""

import numpy as np

from tinygrad_lab.ops.operation import Int, Num, operation
from tinygrad_lab.typing import Array, Backward, Gradients, Needs


@operation(rule="dinput[steps, rows] = dy")
def pack(
    input: Num[Array, "t b ..."], steps: Int[Array, " n"], rows: Int[Array, " n"]
) -> tuple[Num[Array, "n ..."], Backward]:
    """y_n = x[t_n, b_n].    (T, B, *), (N), (N) -> (N, *)

    Args:
        input: a padded batch, time first.
        steps, rows: t_n and b_n; no place may be named twice.
    """
    shape = input.shape

    def backward(needs: Needs, dy: Array) -> Gradients:
        dx = np.zeros(shape, dy.dtype)
        dx[steps, rows] = dy
        return (dx,)

    return input[steps, rows], backward


@operation(rule="dinput = dy[steps, rows]")
def unpack(
    input: Num[Array, "n ..."],
    steps: Int[Array, " n"],
    rows: Int[Array, " n"],
    size: tuple[int, int],
    padding_value: float = 0.0,
) -> tuple[Num[Array, "t b ..."], Backward]:
    """y[t_n, b_n] = x_n, all else the padding value.    (N, *), (N), (N) -> (T, B, *)

    Args:
        input: one row for each real step.
        steps, rows: t_n and b_n; no place may be named twice.
        size: T and B.
        padding_value: fills the places that are not named.
    """
    padded = np.full((*size, *input.shape[1:]), padding_value, input.dtype)
    padded[steps, rows] = input
    return padded, lambda needs, dy: (dy[steps, rows],)
