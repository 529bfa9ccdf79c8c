"""The gated activation SwiGLU (Shazeer 2020, eq. 5): one linear map opened and closed by another.

With σ = σ(a) and a the gate:  d silu / da = σ (1 + a (1 - σ)), so one array beside the two inputs, σ, is kept.
"""

import numpy as np

from tinygrad_lab.ops.activation import logistic, silu
from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs


@operation(
    rule="s = sigmoid(gate); dgate = s * (1 + gate * (1 - s)) * up * dy; dup = s * gate * dy",
)
def swiglu(gate: Float[Array, "*shape"], up: Float[Array, "*shape"]) -> tuple[Float[Array, "*shape"], Backward]:
    """y = silu(gate) up = gate σ(gate) up, elementwise.

    Raises:
        ValueError: ``gate`` and ``up`` of different shapes.
    """
    if gate.shape != up.shape:
        raise ValueError(f"swiglu: gate has shape {gate.shape}, up {up.shape}; they must be the same")
    sigma = logistic(gate)
    y = np.multiply(sigma, gate, out=np.empty_like(gate))
    y *= up

    def backward(needs: Needs, dy: Array) -> Gradients:
        dgate = dup = None
        if needs.gate:
            dgate = np.subtract(1, sigma, out=np.empty_like(sigma))
            dgate *= gate
            dgate += 1
            dgate *= sigma
            dgate *= up
            dgate *= dy
        if needs.up:
            dup = np.multiply(sigma, gate, out=np.empty_like(sigma))
            dup *= dy
        return dgate, dup

    return y, backward


@swiglu.define
def swiglu_definition(gate: Tensor, up: Tensor) -> Tensor:
    return silu(gate) * up
