"""Rows of a table, looked up by index; backward adds each gradient row to the table row it came from."""

from typing import Any

import numpy as np

from tinygrad_lab.ops.operation import Float, Int, operation
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs

ONE_HOT_ROWS = 100  # up to this many table rows a product with one-hot rows beats sorting the indices


@operation(
    rule="""
    dweight[input] += dy
    if padding_idx is not None:
        dweight[padding_idx] = 0
    """,
)
def embedding(
    input: Int[Array, "*n"], weight: Float[Array, "v d"], padding_idx: int | None = None
) -> tuple[Float[Array, "*n d"], Backward]:
    """y_n = W[i_n].    (*), (V, D) -> (*, D)

    Args:
        input: indices in [0, V).
        weight: the table.
        padding_idx: a row whose gradient is zero; negative counts from the end.

    Raises:
        IndexError: an index outside the table.
    """
    size, width = weight.shape
    if padding_idx is not None and not -size <= padding_idx < size:
        raise IndexError(f"embedding: padding_idx {padding_idx} is out of range for a table of {size} rows")
    if input.size and not 0 <= (smallest := input.min()) <= (largest := input.max()) < size:
        wrong = smallest if smallest < 0 else largest
        raise IndexError(f"embedding: input has index {wrong}, out of range for a weight of {size} rows")

    def backward(needs: Needs, dy: Array) -> Gradients:
        scatter = one_hot_sum if size <= ONE_HOT_ROWS else sorted_sum
        dweight = scatter(input.reshape(-1), dy.reshape(input.size, width), size)
        if padding_idx is not None:
            dweight[padding_idx] = 0
        return (dweight,)

    return np.take(weight, input, axis=0), backward


@embedding.define
def embedding_definition(input: Any, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Multiply the table by every index as a one-hot row; the padding row takes part as a constant."""
    one_hot = np.eye(len(weight), dtype=weight.dtype)[np.asarray(input)]
    if padding_idx is None:
        return Tensor(one_hot) @ weight
    constant = np.zeros_like(one_hot)
    constant[..., padding_idx] = one_hot[..., padding_idx]
    return Tensor(one_hot - constant) @ weight + Tensor(constant) @ weight.detach()


def one_hot_sum(index: np.ndarray, rows: np.ndarray, size: int) -> np.ndarray:
    """total[v] = Σ of the rows n with index[n] = v, as a product.    (N,), (N, D) -> (size, D)

    A row that is not finite would reach every v, times 0: then the rows are sorted.
    """
    chosen = np.zeros((len(index), size), rows.dtype)
    chosen[np.arange(len(index)), index] = 1
    total: np.ndarray = chosen.T @ rows
    return total if np.isfinite(total).all() else sorted_sum(index, rows, size)


def sorted_sum(index: np.ndarray, rows: np.ndarray, size: int) -> np.ndarray:
    """Sum as ``one_hot_sum`` by sorting: equal indices become neighbours, then one segment."""
    total = np.zeros((size, rows.shape[1]), rows.dtype)
    if len(index):
        order = np.argsort(index, kind="stable")
        present, starts = np.unique(index[order], return_index=True)
        total[present] = np.add.reduceat(rows[order], starts, axis=0)
    return total
