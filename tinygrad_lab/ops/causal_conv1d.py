"""Causal depthwise convolution over time: every channel has a short filter of its own, which looks back only.

With x_t the inputs, those before the first one included, w a channel's filter of K taps and σ the logistic function:

    (1)  a_t = b + Σ_j w_j x_{t-K+1+j},   j = 0 ... K - 1: the last tap is for the step itself
    (2)  y_t = a_t σ(a_t), where there is an activation

A primed number in the comments is the step back through that equation.
"""

import numpy as np

from tinygrad_lab.ops.activation import logistic, silu
from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.ops.shapes import cat
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs


@operation(
    rule="""
    K = length(weight, 1)
    t = range(length(input, 1))
    x = delayed(input, K - 1) if past is None else joined([past, input], 1)
    if activation is None:
        da[t] = dy[:, t]
    else:
        a[t] = summed(weight.T * x[:, t : t + K], 1) + (0 if bias is None else bias)
        s[t] = sigmoid(a[t])
        da[t] = s[t] * (1 + a[t] * (1 - s[t])) * dy[:, t]
    dinput[:, t + j - (K - 1)] += weight[:, j] * da[t]
    dpast[:, t + j] += weight[:, j] * da[t]
    dweight[:, j] += summed(x[:, t + j] * da[t], 0)
    dbias += summed(da[t], 0)
    """,
)
def causal_conv1d(
    input: Float[Array, "b t e"],
    weight: Float[Array, "e k"],
    bias: Float[Array, " e"] | None = None,
    past: Float[Array, "b history e"] | None = None,
    activation: str | None = None,
) -> tuple[Float[Array, "b t e"], Backward]:
    """y_t = b + Σ_j w_j x_{t-K+1+j} for every channel, then perhaps SiLU.    (B, T, E), (E, K), (E) -> (B, T, E)

    Time comes before the channels, as linear layers give it; torch's conv1d has it the other way round.

    Args:
        input: sequences.
        weight: a filter for each channel; its last tap is for the step itself.
        bias: added to every output of its channel.
        past: (B, K - 1, E), the inputs before the first one; zeros where left out.
        activation: None or "silu".

    Raises:
        ValueError: shapes that do not fit together, no steps at all, or an unknown activation.
    """
    _check(input, weight, bias, past, activation)
    batch, steps, channels = input.shape
    taps = weight.shape[1]
    before = np.zeros((batch, taps - 1, channels), input.dtype) if past is None else past
    x = np.concatenate([before, input], axis=1)
    seen = [x[:, j : j + steps] for j in range(taps)]  # what each tap sees at every step
    a = seen[-1] * weight[:, -1]  # (1)
    product = np.empty_like(a)
    for j in range(taps - 1):
        a += np.multiply(seen[j], weight[:, j], out=product)
    if bias is not None:
        a += bias
    gate = logistic(a) if activation else None  # (2)
    y = a if gate is None else np.multiply(a, gate, out=product)

    def backward(needs: Needs, dy: Array) -> Gradients:
        da = dy
        if gate is not None:  # (2'): σ + y (1 - σ)
            da = np.subtract(1, gate)
            da *= y
            da += gate
            da *= dy
        dinput = dpast = dweight = dbias = None
        if needs.input or needs.past:  # (1')
            dx = np.zeros_like(x)
            for j in range(taps):
                dx[:, j : j + steps] += da * weight[:, j]
            dpast, dinput = dx[:, : taps - 1], dx[:, taps - 1 :]
        if needs.weight:
            dweight = np.stack([np.einsum("bte,bte->e", da, tap) for tap in seen], axis=1)
        if needs.bias:
            dbias = np.einsum("bte->e", da)
        return dinput, dweight, dbias, dpast if needs.past else None

    return y, backward


@causal_conv1d.define
def causal_conv1d_definition(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    past: Tensor | None = None,
    activation: str | None = None,
) -> Tensor:
    """Add one shifted sequence for each tap."""
    batch, steps, channels = input.shape
    taps = weight.shape[1]
    before = Tensor(np.zeros((batch, taps - 1, channels), input.dtype)) if past is None else past
    x = cat([before, input], 1)
    a = x[:, :steps] * weight[:, 0]
    for j in range(1, taps):
        a = a + x[:, j : j + steps] * weight[:, j]
    a = a if bias is None else a + bias
    return silu(a) if activation else a


def _check(input: Array, weight: Array, bias: Array | None, past: Array | None, activation: str | None) -> None:
    batch, steps, channels = input.shape
    if steps == 0:
        raise ValueError(f"causal_conv1d: input has shape {input.shape}, a sequence must have at least one step")
    if weight.shape[0] != channels or weight.shape[1] == 0:
        raise ValueError(
            f"causal_conv1d: weight has shape {weight.shape}, for an input of shape {input.shape} it must be "
            f"({channels}, K) with K at least 1"
        )
    for name, value, shape in (("bias", bias, (channels,)), ("past", past, (batch, weight.shape[1] - 1, channels))):
        if value is not None and value.shape != shape:
            raise ValueError(
                f"causal_conv1d: {name} has shape {value.shape}, for an input of shape {input.shape} and "
                f"{weight.shape[1]} taps it must be {shape}"
            )
    if activation not in (None, "silu"):
        raise ValueError(f"causal_conv1d: activation must be None or 'silu', got {activation!r}")
