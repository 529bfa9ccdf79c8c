"""The plain recurrent network of Elman (1990): one layer in one direction over whole sequences."""

import math

import numpy as np

from tinygrad_lab.ops.elementwise import where
from tinygrad_lab.ops.kernels import recurrent
from tinygrad_lab.ops.kernels.inputs import Inputs
from tinygrad_lab.ops.kernels.selection import selected
from tinygrad_lab.ops.linear import linear
from tinygrad_lab.ops.operation import Float, Int, operation
from tinygrad_lab.ops.shapes import stack
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs


def squash(a: Array, nonlinearity: str, out: Array) -> None:
    """h = f(a)."""
    if nonlinearity == "tanh":
        np.tanh(a, out=out)
    else:
        np.maximum(a, 0, out=out)


def unsquash(h: Array, dh: Array, nonlinearity: str, out: Array) -> None:
    """ā = f'(a) h̄, from the value h = f(a); at relu's kink 0, and at NaN h̄, as in torch."""
    if nonlinearity == "tanh":
        np.multiply(h, h, out=out)
        np.subtract(1, out, out=out)
        out *= dh
    else:
        out[:] = selected(dh, ~(h <= 0))


@operation(
    rule="""
    T = length(input)
    t = range(T)
    x = visited(input, lengths) if reverse else input
    e = visited(doutput, lengths) if reverse else doutput
    h[-1] = h_0
    b = (0 if bias_ih is None else bias_ih) + (0 if bias_hh is None else bias_hh)
    a[t] = x[t] @ weight_ih.T + h[t - 1] @ weight_hh.T + b
    h[t] = tanh(a[t]) if nonlinearity == "tanh" else maximum(a[t], 0)
    slope[t] = 1 - h[t] ** 2 if nonlinearity == "tanh" else h[t] > 0
    if lengths is None:
        dh[t] = e[t] + (t == T - 1) * dh_n + da[t + 1] @ weight_hh
        da[t] = slope[t] * dh[t]
    else:
        dh[t] = e[t] + (lengths == t + 1)[:, None] * dh_n + da[t + 1] @ weight_hh
        da[t] = slope[t] * dh[t] * (lengths > t)[:, None]
    dx[t] = da[t] @ weight_ih
    dinput = visited(dx, lengths) if reverse else dx
    dweight_ih += da[t].T @ x[t]
    dweight_hh += da[t].T @ h[t - 1]
    dbias_ih += summed(da[t], 0)
    dbias_hh += summed(da[t], 0)
    dh_0 = da[0] @ weight_hh
    """,
    outputs=("output", "h_n"),
)
def rnn(
    input: Float[Array, "t b i"],
    h_0: Float[Array, "b h"],
    weight_ih: Float[Array, "h i"],
    weight_hh: Float[Array, "h h"],
    bias_ih: Float[Array, " h"] | None = None,
    bias_hh: Float[Array, " h"] | None = None,
    lengths: Int[Array, " b"] | None = None,
    reverse: bool = False,
    nonlinearity: str = "tanh",
) -> tuple[tuple[Float[Array, "t b h"], Float[Array, "b h"]], Backward]:
    """h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), as in torch.nn.RNN.

    (T, B, I), (B, H), (H, I), (H, H), (H), (H) -> output (T, B, H), h_n (B, H)

    Args:
        input: the sequences, padded to a common length T.
        h_0: the state before the first step.
        weight_ih, weight_hh, bias_ih, bias_hh: what is learned.
        lengths: true length of each sequence; after its end the output is 0 and the state stands still.
        reverse: run each sequence from its own last step to its first; ``output[t]`` still belongs to ``input[t]``.
        nonlinearity: f, "tanh" or "relu".

    Raises:
        ValueError: shapes that do not fit together, no steps at all, a length outside [1, T], another nonlinearity.
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"rnn: nonlinearity must be tanh or relu, got {nonlinearity!r}")
    recurrent.check("rnn", 1, input, {"h_0": h_0}, weight_ih, weight_hh, bias_ih, bias_hh, lengths)
    sequences = recurrent.Sequences(input, lengths, reverse)
    x = Inputs(sequences.visits(input), weight_ih)
    a = x.products(bias_ih, bias_hh)
    sequences.close(a, -math.inf)  # after the end: h is 0 for relu and -1 for tanh, in any case bounded and unused
    h, from_state = recurrent.states(h_0, len(x)), np.empty_like(a[0])
    for a_t, h_before, h_t in zip(a, h, h[1:], strict=False):
        np.matmul(weight_hh, h_before, out=from_state)
        a_t += from_state
        squash(a_t, nonlinearity, out=h_t)

    def backward(needs: Needs, doutput: Array | None, dh_n: Array | None) -> Gradients:
        dh_outside = sequences.incoming(doutput, dh_n, h)
        dh, da, da_all = np.zeros_like(h[0]), np.empty_like(h[0]), recurrent.features_first(a)
        to_state = recurrent.transposed(weight_hh, len(x))
        for dh_t, h_t, da_t in recurrent.backwards(dh_outside, h[1:], da_all):
            dh += dh_t
            unsquash(h_t, dh, nonlinearity, out=da)
            np.matmul(to_state, da, out=dh)
            da_t[:] = da
        dinput, *dparameters = recurrent.gradients(needs, da_all, x, h, sequences)
        return dinput, dh.T, *dparameters

    return sequences.outputs(h), backward


@rnn.define
def rnn_definition(
    input: Tensor,
    h_0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    lengths: Tensor | None = None,
    reverse: bool = False,
    nonlinearity: str = "tanh",
) -> tuple[Tensor, Tensor]:
    """Run step by step; a step after a sequence's end changes nothing and puts out 0."""
    h, output = h_0, [h_0] * len(input)
    for t in reversed(range(len(input))) if reverse else range(len(input)):
        a = linear(input[t], weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)
        new = a.tanh() if nonlinearity == "tanh" else a.relu()
        h, output[t] = step_of(lengths, t, [(new, h), (new, h * 0)])
    return stack(output), h


def step_of(lengths: Tensor | None, t: int, choices: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Choose from each pair (B, H) the first for sequences that have a step t, else the second."""
    if lengths is None:
        return [new for new, _ in choices]
    running = (t < lengths)[:, None]
    return [where(running, new, old) for new, old in choices]
