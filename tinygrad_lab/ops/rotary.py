"""Rotary position embedding (Su et al. 2021, section 3.2): pairs of features turned by an angle.

A pair (a, b) turned by θ becomes (a cos θ - b sin θ, b cos θ + a sin θ).  θ grows with a token's position, and the
scalar product of two turned vectors depends on the difference of their angles only: on how far apart two tokens are.
Which features form a pair is a convention, and published weights differ in it:

    halves (the default)   feature i goes with i + h/2, as in GPT-NeoX and in Hugging Face's LLaMA
    interleaved            feature 2i goes with 2i + 1, as in the RoFormer paper and in Meta's LLaMA
"""

import numpy as np

from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.ops.shapes import cat, flatten, stack
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs


@operation(
    rule="""
    if interleaved:
        a, b, u, v = input[..., 0::2], input[..., 1::2], dy[..., 0::2], dy[..., 1::2]
        dinput[..., 0::2] = u * cos + v * sin
        dinput[..., 1::2] = v * cos - u * sin
    else:
        h = length(input, -1) // 2
        a, b, u, v = input[..., :h], input[..., h:], dy[..., :h], dy[..., h:]
        dinput[..., :h] = u * cos + v * sin
        dinput[..., h:] = v * cos - u * sin
    dcos = sum_like(u * a + v * b, cos)
    dsin = sum_like(v * a - u * b, sin)
    """,
)
def rotary_embedding(
    input: Float[Array, "*n t h"], cos: Float[Array, "t half"], sin: Float[Array, "t half"], interleaved: bool = False
) -> tuple[Float[Array, "*n t h"], Backward]:
    """y_a = x_a cos - x_b sin, y_b = x_b cos + x_a sin for each pair (a, b).    (*, T, h), (T, h/2) -> (*, T, h)

    Args:
        input: queries or keys, one row for each position.
        cos: cosines of the angles, one for each position and pair.
        sin: their sines.
        interleaved: pairs of neighbours (2i, 2i + 1); otherwise i goes with i + h/2.

    Raises:
        ValueError: an odd h, or ``cos`` or ``sin`` of another shape than (T, h/2).
    """
    _check_shapes(input.shape, cos, sin)
    turn = _turn_neighbours if interleaved else _turn_halves

    def backward(needs: Needs, dy: Array) -> Gradients:
        dx = turn(dy, cos, -sin) if needs.input else None
        (x_a, x_b), (dy_a, dy_b) = _pairs(input, interleaved), _pairs(dy, interleaved)
        dcos = _over_positions(dy_a * x_a + dy_b * x_b) if needs.cos else None
        dsin = _over_positions(dy_b * x_a - dy_a * x_b) if needs.sin else None
        return dx, dcos, dsin

    return turn(input, cos, sin), backward


@rotary_embedding.define
def rotary_embedding_definition(input: Tensor, cos: Tensor, sin: Tensor, interleaved: bool = False) -> Tensor:
    half = input.shape[-1] // 2
    x_a = input[..., 0::2] if interleaved else input[..., :half]
    x_b = input[..., 1::2] if interleaved else input[..., half:]
    turned = [x_a * cos - x_b * sin, x_b * cos + x_a * sin]
    return flatten(stack(turned, -1), -2) if interleaved else cat(turned, -1)


def _pairs(x: np.ndarray, interleaved: bool) -> tuple[np.ndarray, np.ndarray]:
    """Views of the first and of the second feature of each pair."""
    half = x.shape[-1] // 2
    return (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])


def _turn_halves(x: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    """x (cos, cos) + x' (-sin, sin), x' with its halves exchanged."""
    half = x.shape[-1] // 2
    cosines, sines = _one_item(x), _one_item(x)
    cosines[..., :half] = cosines[..., half:] = cos
    sines[..., :half] = -sin
    sines[..., half:] = sin
    exchanged = np.empty_like(x)
    exchanged[..., :half], exchanged[..., half:] = x[..., half:], x[..., :half]
    exchanged *= sines
    y = np.empty_like(x)
    np.multiply(x, cosines, out=y)
    y += exchanged
    return y


def _turn_neighbours(x: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    """Neighbours in memory are the parts of a complex number: (a + ib) (cos + i sin)."""
    x = x if x.strides[-1] == x.itemsize else np.ascontiguousarray(x)
    pair = np.complex64 if x.dtype == np.float32 else np.complex128
    turns = _one_item(x).view(pair)
    turns.real, turns.imag = cos, sin
    y = np.empty_like(x)
    np.multiply(x.view(pair), turns, out=y.view(pair))
    return y


def _one_item(x: np.ndarray) -> np.ndarray:
    """Room for a factor of each element of one item, (heads, T, h), laid out in memory as x is: heads are often a
    transposed view, and NumPy is several times faster on long runs through both than on rows of h/2."""
    return np.empty_like(x[(0,) * (x.ndim - 3)] if x.size else x)


def _over_positions(x: np.ndarray) -> np.ndarray:
    """Sum over all axes before the last two."""
    return np.asarray(x.sum(axis=tuple(range(x.ndim - 2))))


def _check_shapes(shape: tuple[int, ...], cos: np.ndarray, sin: np.ndarray) -> None:
    positions, features = shape[-2:]
    if features % 2:
        raise ValueError(f"rotary_embedding: input has shape {shape}, its last axis must be even")
    for name, table in (("cos", cos), ("sin", sin)):
        if table.shape != (positions, features // 2):
            raise ValueError(
                f"rotary_embedding: {name} has shape {table.shape}, input {shape} needs {(positions, features // 2)}"
            )
