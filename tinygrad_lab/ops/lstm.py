"""Long short-term memory: one layer in one direction over whole sequences, forward and backward through time.

    symbol   meaning                                              size
    x_t      input of step t                                      (B, I)
    h_t      output of the cells, what the next step sees         (B, H)
    c_t      state of the cells, the constant error carousel      (B, H)
    a        pre-activation of all gates, one block of H each     (B, 4 H), or (B, 3 H) for the cell of 1997
    σ        1 / (1 + exp(-a))

A gradient is written d and the name of what it belongs to.  Numbers in the comments are those of the docstrings'
equations; a primed number is the step back through that equation.  The loops run with the batch innermost, see
``tinygrad_lab.ops.kernels.recurrent``, which also has everything that can be done for all steps at once.
"""

import math

import numpy as np

from tinygrad_lab.ops.kernels import recurrent
from tinygrad_lab.ops.kernels.inputs import Inputs
from tinygrad_lab.ops.linear import linear
from tinygrad_lab.ops.operation import Float, Int, operation
from tinygrad_lab.ops.rnn import step_of
from tinygrad_lab.ops.shapes import chunk, stack
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs

Outputs = tuple[tuple[Float[Array, "t b h"], Float[Array, "b h"], Float[Array, "b h"]], Backward]


@operation(
    rule="""
    T = length(input)
    t = range(T)
    x = visited(input, lengths) if reverse else input
    e = visited(doutput, lengths) if reverse else doutput
    h[-1] = h_0
    c[-1] = c_0
    b = (0 if bias_ih is None else bias_ih) + (0 if bias_hh is None else bias_hh)
    a[t] = x[t] @ weight_ih.T + h[t - 1] @ weight_hh.T + b
    if lengths is None:
        i[t] = sigmoid(block(a[t], 0, 4))
        f[t] = sigmoid(block(a[t], 1, 4))
        dh[t] = e[t] + (t == T - 1) * dh_n + da[t + 1] @ weight_hh
    else:
        i[t] = (lengths > t)[:, None] * sigmoid(block(a[t], 0, 4))
        f[t] = 1 - (lengths > t)[:, None] * (1 - sigmoid(block(a[t], 1, 4)))
        dh[t] = (lengths > t)[:, None] * e[t] + (lengths == t + 1)[:, None] * dh_n + da[t + 1] @ weight_hh
    g[t] = tanh(block(a[t], 2, 4))
    o[t] = sigmoid(block(a[t], 3, 4))
    c[t] = f[t] * c[t - 1] + i[t] * g[t]
    h[t] = o[t] * tanh(c[t])
    dc[t] = dh[t] * o[t] * (1 - tanh(c[t]) ** 2) + (t == T - 1) * dc_n + dc[t + 1] * f[t + 1]
    di[t] = dc[t] * g[t] * i[t] * (1 - i[t])
    df[t] = dc[t] * c[t - 1] * f[t] * (1 - f[t])
    dg[t] = dc[t] * i[t] * (1 - g[t] ** 2)
    do[t] = dh[t] * tanh(c[t]) * o[t] * (1 - o[t])
    da[t] = joined([di[t], df[t], dg[t], do[t]])
    dx[t] = da[t] @ weight_ih
    dinput = visited(dx, lengths) if reverse else dx
    dweight_ih += da[t].T @ x[t]
    dweight_hh += da[t].T @ h[t - 1]
    dbias_ih += summed(da[t], 0)
    dbias_hh += summed(da[t], 0)
    dh_0 = da[0] @ weight_hh
    dc_0 = dc[0] * f[0]
    """,
    outputs=("output", "h_n", "c_n"),
)
def lstm(
    input: Float[Array, "t b i"],
    h_0: Float[Array, "b h"],
    c_0: Float[Array, "b h"],
    weight_ih: Float[Array, "4*h i"],
    weight_hh: Float[Array, "4*h h"],
    bias_ih: Float[Array, " 4*h"] | None = None,
    bias_hh: Float[Array, " 4*h"] | None = None,
    lengths: Int[Array, " b"] | None = None,
    reverse: bool = False,
) -> Outputs:
    """The LSTM with forget gate (Gers, Schmidhuber & Cummins 2000), as in torch.nn.LSTM.

        (1)  a_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh
        (2)  i, f, o = σ(a_i), σ(a_f), σ(a_o);   g = tanh(a_g)
        (3)  c_t = f c_{t-1} + i g
        (4)  h_t = o tanh(c_t)

    (T, B, I), (B, H), (B, H), (4 H, I), (4 H, H), (4 H), (4 H) -> output (T, B, H), h_n (B, H), c_n (B, H)

    Args:
        input: the sequences, padded to a common length T.
        h_0, c_0: the state before the first step.
        weight_ih, weight_hh, bias_ih, bias_hh: blocks of H rows in torch's order i, f, g, o.
        lengths: true length of each sequence; after its end the output is 0 and the state stands still.
        reverse: run each sequence from its own last step to its first; ``output[t]`` still belongs to ``input[t]``.

    Raises:
        ValueError: shapes that do not fit together, no steps at all, a length outside [1, T].
    """
    states = {"h_0": h_0, "c_0": c_0}
    recurrent.check("lstm", 4, input, states, weight_ih, weight_hh, bias_ih, bias_hh, lengths)
    sequences = recurrent.Sequences(input, lengths, reverse)
    x = Inputs(sequences.visits(input), weight_ih)
    gates = x.products(bias_ih, bias_hh)  # a of every step; in the loop it becomes i, f, g, o
    in_, forget, _, _ = blocks = np.split(gates, 4, axis=1)
    in_forget = gates[:, : 2 * in_.shape[1]]
    sequences.close(in_, -math.inf)  # after the end i = 0 and f = 1: c stands still, and h no longer matters
    sequences.close(forget, math.inf)
    h, c = recurrent.states(h_0, len(x)), recurrent.states(c_0, len(x))
    tanh_c = np.empty_like(c[1:])
    from_state, product = np.empty_like(gates[0]), np.empty_like(c[0])
    for a, i_f, i, f, g, o, h_before, h_t, c_before, c_t, squashed in zip(
        gates, in_forget, *blocks, h, h[1:], c, c[1:], tanh_c, strict=False
    ):
        np.matmul(weight_hh, h_before, out=from_state)  # (1)
        a += from_state
        squash_(a, i_f, o)  # (2)
        np.multiply(f, c_before, out=c_t)  # (3)
        np.multiply(i, g, out=product)
        c_t += product
        np.tanh(c_t, out=squashed)  # (4)
        np.multiply(o, squashed, out=h_t)

    def backward(needs: Needs, doutput: Array | None, dh_n: Array | None, dc_n: Array | None) -> Gradients:
        dh_outside = sequences.incoming(doutput, dh_n, h)
        dh, dc = np.zeros_like(h[0]), recurrent.last_gradient(dc_n, c)
        to_state = recurrent.transposed(weight_hh, len(x))
        da, da_all, dc_h = np.empty_like(gates[0]), recurrent.features_first(gates), np.empty_like(dc)
        di, df, dg, do = np.split(da, 4)
        di_f = da[: 2 * len(di)]
        for dh_t, a, i_f, i, f, g, o, c_before, squashed, da_t in recurrent.backwards(
            dh_outside, gates, in_forget, *blocks, c[:-1], tanh_c, da_all
        ):
            dh += dh_t  # (4'): dc += dh o (1 - tanh^2 c)
            np.multiply(squashed, squashed, out=dc_h)
            np.subtract(1, dc_h, out=dc_h)
            dc_h *= o
            dc_h *= dh
            dc += dc_h
            np.multiply(a, a, out=da)  # (2'): the slopes, i - i^2, f - f^2, 1 - g^2, o - o^2
            np.subtract(i_f, di_f, out=di_f)
            np.subtract(1, dg, out=dg)
            np.subtract(o, do, out=do)
            do *= squashed  # (4'): times dh tanh c
            do *= dh
            di *= g  # (3'): times dc g, dc c_{t-1}, dc i
            di *= dc
            df *= c_before
            df *= dc
            dg *= i
            dg *= dc
            dc *= f
            np.matmul(to_state, da, out=dh)  # (1')
            da_t[:] = da
        dinput, *dparameters = recurrent.gradients(needs, da_all, x, h, sequences)
        return dinput, dh.T, dc.T, *dparameters

    return (*sequences.outputs(h), c[-1].T.copy()), backward


@lstm.define
def lstm_definition(
    input: Tensor,
    h_0: Tensor,
    c_0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Run gate by gate and step by step; a step after a sequence's end does nothing and puts out 0."""
    h, c, output = h_0, c_0, [h_0] * len(input)
    for t in reversed(range(len(input))) if reverse else range(len(input)):
        a = linear(input[t], weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)
        i, f, g, o = chunk(a, 4, dim=1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        new_c = f * c + i * g
        new_h = o * new_c.tanh()
        h, c, output[t] = step_of(lengths, t, [(new_h, h), (new_c, c), (new_h, h * 0)])
    return stack(output), h, c


@operation(
    rule="""
    T = length(input)
    t = range(T)
    x = visited(input, lengths) if reverse else input
    e = visited(doutput, lengths) if reverse else doutput
    h[-1] = h_0
    c[-1] = c_0
    b = (0 if bias_ih is None else bias_ih) + (0 if bias_hh is None else bias_hh)
    a[t] = x[t] @ weight_ih.T + h[t - 1] @ weight_hh.T + b
    if lengths is None:
        i[t] = sigmoid(block(a[t], 0, 3))
        dh[t] = e[t] + (t == T - 1) * dh_n + da[t + 1] @ weight_hh
    else:
        i[t] = (lengths > t)[:, None] * sigmoid(block(a[t], 0, 3))
        dh[t] = (lengths > t)[:, None] * e[t] + (lengths == t + 1)[:, None] * dh_n + da[t + 1] @ weight_hh
    g[t] = 2 * tanh(block(a[t], 1, 3) / 2)
    o[t] = sigmoid(block(a[t], 2, 3))
    c[t] = c[t - 1] + i[t] * g[t]
    h[t] = o[t] * tanh(c[t] / 2)
    dc[t] = dh[t] * o[t] * (1 - tanh(c[t] / 2) ** 2) / 2 + (t == T - 1) * dc_n + dc[t + 1]
    di[t] = dc[t] * g[t] * i[t] * (1 - i[t])
    dg[t] = dc[t] * i[t] * (1 - g[t] ** 2 / 4)
    do[t] = dh[t] * tanh(c[t] / 2) * o[t] * (1 - o[t])
    da[t] = joined([di[t], dg[t], do[t]])
    dx[t] = da[t] @ weight_ih
    dinput = visited(dx, lengths) if reverse else dx
    dweight_ih += da[t].T @ x[t]
    dweight_hh += da[t].T @ h[t - 1]
    dbias_ih += summed(da[t], 0)
    dbias_hh += summed(da[t], 0)
    dh_0 = da[0] @ weight_hh
    dc_0 = dc[0]
    """,
    outputs=("output", "h_n", "c_n"),
)
def lstm_1997(
    input: Float[Array, "t b i"],
    h_0: Float[Array, "b h"],
    c_0: Float[Array, "b h"],
    weight_ih: Float[Array, "3*h i"],
    weight_hh: Float[Array, "3*h h"],
    bias_ih: Float[Array, " 3*h"] | None = None,
    bias_hh: Float[Array, " 3*h"] | None = None,
    lengths: Int[Array, " b"] | None = None,
    reverse: bool = False,
) -> Outputs:
    """The cell of Hochreiter & Schmidhuber 1997 (section 4, appendix A.1): no forget gate, the carousel never decays.

        (1)  a_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh
        (2)  i, o = σ(a_i), σ(a_o);   g = 4 σ(a_g) - 2 = 2 tanh(a_g / 2)
        (3)  c_t = c_{t-1} + i g
        (4)  h_t = o h(c_t)  with  h(c) = 2 σ(c) - 1 = tanh(c / 2)

    (T, B, I), (B, H), (B, H), (3 H, I), (3 H, H), (3 H), (3 H) -> output (T, B, H), h_n (B, H), c_n (B, H)

    The gradient is the full one, through gates and outputs; the paper cuts it there and keeps the carousel's only.

    Args:
        weight_ih, weight_hh, bias_ih, bias_hh: blocks of H rows in the order i, g, o: torch's without f.
        others: as in ``lstm``.

    Raises:
        ValueError: shapes that do not fit together, no steps at all, a length outside [1, T].
    """
    states = {"h_0": h_0, "c_0": c_0}
    recurrent.check("lstm_1997", 3, input, states, weight_ih, weight_hh, bias_ih, bias_hh, lengths)
    sequences = recurrent.Sequences(input, lengths, reverse)
    x = Inputs(sequences.visits(input), weight_ih)
    gates = x.products(bias_ih, bias_hh)  # a of every step; in the loop it becomes i, g/2, o
    sequences.close(gates[:, : h_0.shape[1]], -math.inf)  # after the end i = 0: c stands still, and h no longer matters
    h, c = recurrent.states(h_0, len(x)), recurrent.states(c_0, len(x))
    squashed_c = np.empty_like(c[1:])
    from_state, product = np.empty_like(gates[0]), np.empty_like(c[0])
    for a, i, half_g, o, h_before, h_t, c_before, c_t, squashed in zip(
        gates, *np.split(gates, 3, axis=1), h, h[1:], c, c[1:], squashed_c, strict=False
    ):
        np.matmul(weight_hh, h_before, out=from_state)  # (1)
        a += from_state
        half_g *= 0.5  # (2)
        squash_(a, i, o)
        np.multiply(i, half_g, out=product)  # (3)
        product *= 2
        np.add(c_before, product, out=c_t)
        np.multiply(c_t, 0.5, out=squashed)  # (4)
        np.tanh(squashed, out=squashed)
        np.multiply(o, squashed, out=h_t)

    def backward(needs: Needs, doutput: Array | None, dh_n: Array | None, dc_n: Array | None) -> Gradients:
        dh_outside = sequences.incoming(doutput, dh_n, h)
        dh, dc = np.zeros_like(h[0]), recurrent.last_gradient(dc_n, c)
        to_state = recurrent.transposed(weight_hh, len(x))
        da, da_all, dc_h = np.empty_like(gates[0]), recurrent.features_first(gates), np.empty_like(dc)
        di, dg, do = np.split(da, 3)
        for dh_t, a, i, half_g, o, squashed, da_t in recurrent.backwards(
            dh_outside, gates, *np.split(gates, 3, axis=1), squashed_c, da_all
        ):
            dh += dh_t  # (4'): dc += dh o (1 - h(c)^2) / 2
            np.multiply(squashed, squashed, out=dc_h)
            np.subtract(1, dc_h, out=dc_h)
            dc_h *= o
            dc_h *= dh
            dc_h *= 0.5
            dc += dc_h
            np.multiply(a, a, out=da)  # (2'): the slopes, i - i^2, 1 - (g/2)^2, o - o^2
            np.subtract(i, di, out=di)
            np.subtract(1, dg, out=dg)
            np.subtract(o, do, out=do)
            do *= squashed  # (4'): times dh h(c)
            do *= dh
            di *= half_g  # (3'): times dc g, dc i; dc itself goes on to c_{t-1} unchanged
            di *= 2
            di *= dc
            dg *= i
            dg *= dc
            np.matmul(to_state, da, out=dh)  # (1')
            da_t[:] = da
        dinput, *dparameters = recurrent.gradients(needs, da_all, x, h, sequences)
        return dinput, dh.T, dc.T, *dparameters

    return (*sequences.outputs(h), c[-1].T.copy()), backward


@lstm_1997.define
def lstm_1997_definition(
    input: Tensor,
    h_0: Tensor,
    c_0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None = None,
    bias_hh: Tensor | None = None,
    lengths: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Run gate by gate and step by step, with the squashings as the paper writes them (eq. 3-5)."""
    h, c, output = h_0, c_0, [h_0] * len(input)
    for t in reversed(range(len(input))) if reverse else range(len(input)):
        a = linear(input[t], weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)
        i, g, o = chunk(a, 3, dim=1)
        i, g, o = i.sigmoid(), 4 * g.sigmoid() - 2, o.sigmoid()
        new_c = c + i * g
        new_h = o * (2 * new_c.sigmoid() - 1)
        h, c, output[t] = step_of(lengths, t, [(new_h, h), (new_c, c), (new_h, h * 0)])
    return stack(output), h, c


def squash_(a: Array, *gates: Array) -> None:
    """a <- tanh(a) in place, and σ(a) = tanh(a / 2) / 2 + 1/2 in those parts of it that are gates: one call for all."""
    for gate in gates:
        gate *= 0.5
    np.tanh(a, out=a)
    for gate in gates:
        gate *= 0.5
        gate += 0.5
