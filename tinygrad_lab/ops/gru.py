"""Gated recurrent units (Cho et al. 2014), in torch's form: one layer in one direction over whole sequences.

    symbol   meaning                                              size
    x_t      input of step t                                      (B, I)
    h_t      output of the units, what the next step sees         (B, H)
    r, z     reset and update gate                                (B, H)
    n        the new value proposed                               (B, H)
    u        what the state says to n, before the reset gate      (B, H)

The reset gate acts on u, which has the bias b_hn in it: in the first version of the paper it acted on h itself.
Numbers in the comments are those of the docstring's equations; a primed number is the step back through that equation.
"""

import math

import numpy as np

from tinygrad_lab.ops.activation import logistic
from tinygrad_lab.ops.kernels import recurrent
from tinygrad_lab.ops.kernels.inputs import Inputs
from tinygrad_lab.ops.linear import linear
from tinygrad_lab.ops.operation import Float, Int, operation
from tinygrad_lab.ops.rnn import step_of
from tinygrad_lab.ops.shapes import chunk, stack
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs


@operation(
    rule="""
    T = length(input)
    t = range(T)
    x = visited(input, lengths) if reverse else input
    e = visited(doutput, lengths) if reverse else doutput
    h[-1] = h_0
    v[t] = x[t] @ weight_ih.T + (0 if bias_ih is None else bias_ih)
    w[t] = h[t - 1] @ weight_hh.T + (0 if bias_hh is None else bias_hh)
    r[t] = sigmoid(block(v[t] + w[t], 0, 3))
    if lengths is None:
        z[t] = sigmoid(block(v[t] + w[t], 1, 3))
        dh[t] = e[t] + (t == T - 1) * dh_n + dh[t + 1] * z[t + 1] + dw[t + 1] @ weight_hh
    else:
        z[t] = 1 - (lengths > t)[:, None] * (1 - sigmoid(block(v[t] + w[t], 1, 3)))
        dh[t] = (lengths > t)[:, None] * e[t] + (t == T - 1) * dh_n + dh[t + 1] * z[t + 1] + dw[t + 1] @ weight_hh
    n[t] = tanh(block(v[t], 2, 3) + r[t] * block(w[t], 2, 3))
    h[t] = (1 - z[t]) * n[t] + z[t] * h[t - 1]
    new[t] = dh[t] * (1 - z[t]) * (1 - n[t] ** 2)
    update[t] = dh[t] * (h[t - 1] - n[t]) * z[t] * (1 - z[t])
    reset[t] = new[t] * block(w[t], 2, 3) * r[t] * (1 - r[t])
    dv[t] = joined([reset[t], update[t], new[t]])
    dw[t] = joined([reset[t], update[t], new[t] * r[t]])
    dx[t] = dv[t] @ weight_ih
    dinput = visited(dx, lengths) if reverse else dx
    dweight_ih += dv[t].T @ x[t]
    dweight_hh += dw[t].T @ h[t - 1]
    dbias_ih += summed(dv[t], 0)
    dbias_hh += summed(dw[t], 0)
    dh_0 = dh[0] * z[0] + dw[0] @ weight_hh
    """,
    outputs=("output", "h_n"),
)
def gru(
    input: Float[Array, "t b i"],
    h_0: Float[Array, "b h"],
    weight_ih: Float[Array, "3*h i"],
    weight_hh: Float[Array, "3*h h"],
    bias_ih: Float[Array, " 3*h"] | None = None,
    bias_hh: Float[Array, " 3*h"] | None = None,
    lengths: Int[Array, " b"] | None = None,
    reverse: bool = False,
) -> tuple[tuple[Float[Array, "t b h"], Float[Array, "b h"]], Backward]:
    """As in torch.nn.GRU; the weights have blocks r, z, n.

        r_t = σ(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)        (1)
        z_t = σ(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)        (2)
        u_t = W_hn h_{t-1} + b_hn                             (3)
        n_t = tanh(W_in x_t + b_in + r_t u_t)                 (4)
        h_t = (1 - z_t) n_t + z_t h_{t-1}                     (5)

    (T, B, I), (B, H), (3 H, I), (3 H, H), (3 H), (3 H) -> output (T, B, H), h_n (B, H)

    Args:
        input: the sequences, padded to a common length T.
        h_0: the state before the first step.
        weight_ih, weight_hh, bias_ih, bias_hh: what is learned.
        lengths: true length of each sequence; after its end the output is 0 and the state stands still.
        reverse: run each sequence from its own last step to its first; ``output[t]`` still belongs to ``input[t]``.

    Raises:
        ValueError: shapes that do not fit together, no steps at all, a length outside [1, T].
    """
    recurrent.check("gru", 3, input, {"h_0": h_0}, weight_ih, weight_hh, bias_ih, bias_hh, lengths)
    units = h_0.shape[1]
    gates, new = slice(2 * units), slice(2 * units, None)
    sequences = recurrent.Sequences(input, lengths, reverse)
    x = Inputs(sequences.visits(input), weight_ih)
    a = x.products(bias_ih, None)
    sequences.close(a[:, units : 2 * units], math.inf)  # after the end z is 1: the state stands still
    h, u = recurrent.states(h_0, len(x)), np.empty((len(x), units, len(h_0)), input.dtype)
    from_state = np.empty_like(a[0])
    for a_t, h_before, h_t, u_t in zip(a, h, h[1:], u, strict=False):
        np.matmul(weight_hh, h_before, out=from_state)
        if bias_hh is not None:
            from_state += bias_hh[:, None]
        a_t[gates] += from_state[gates]
        a_t[gates] = logistic(a_t[gates])  # (1), (2)
        u_t[:] = from_state[new]  # (3)
        r, z, n = a_t[:units], a_t[units : 2 * units], a_t[new]
        n += r * u_t
        np.tanh(n, out=n)  # (4)
        np.subtract(h_before, n, out=h_t)
        h_t *= z
        h_t += n  # (5)

    def backward(needs: Needs, doutput: Array | None, dh_n: Array | None) -> Gradients:
        dh_outside = sequences.incoming(doutput, dh_n, h)
        da, da_state = recurrent.features_first(a), recurrent.features_first(a)  # of what comes from input, from state
        dh, to_state = np.zeros_like(h[0]), recurrent.transposed(weight_hh, len(x))
        for dh_t, a_t, u_t, h_before, da_t, das_t in recurrent.backwards(dh_outside, a, u, h[:-1], da, da_state):
            dh += dh_t
            r, z, n = a_t[:units], a_t[units : 2 * units], a_t[new]
            da_t[units : 2 * units] = dh * (h_before - n) * z * (1 - z)  # (5'), (2')
            dn = dh * (1 - z) * (1 - n * n)  # (5'), (4')
            da_t[new] = dn
            da_t[:units] = dn * u_t * r * (1 - r)  # (4'), (1')
            das_t[gates] = da_t[gates]
            das_t[new] = dn * r  # (3')
            dh *= z
            dh += to_state @ das_t
        of_input = needs._replace(weight_hh=False, bias_hh=False)
        of_state = needs._replace(input=False, weight_ih=False, bias_ih=False)
        dinput, dweight_ih, _, dbias_ih, _ = recurrent.gradients(of_input, da, x, h, sequences)
        _, _, dweight_hh, _, dbias_hh = recurrent.gradients(of_state, da_state, x, h, sequences)
        return dinput, dh.T, dweight_ih, dweight_hh, dbias_ih, dbias_hh

    return sequences.outputs(h), backward


@gru.define
def gru_definition(
    input: Tensor,
    h_0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """Run step by step; a step after a sequence's end changes nothing and puts out 0."""
    h, output = h_0, [h_0] * len(input)
    for t in reversed(range(len(input))) if reverse else range(len(input)):
        from_input = chunk(linear(input[t], weight_ih, bias_ih), 3, 1)
        from_state = chunk(linear(h, weight_hh, bias_hh), 3, 1)
        r, z = ((i + s).sigmoid() for i, s in zip(from_input[:2], from_state[:2], strict=True))
        n = (from_input[2] + r * from_state[2]).tanh()
        new = (1 - z) * n + z * h
        h, output[t] = step_of(lengths, t, [(new, h), (new, h * 0)])
    return stack(output), h
