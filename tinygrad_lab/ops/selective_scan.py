"""The selective scan: a diagonal linear recurrence whose step size, input and output map change with every token.

    symbol      meaning                                                     shape
    u_t         input, a number for each of E channels                      (B, T, E)
    Δ_t         step size, a number for each channel: how far time goes     (B, T, E)
    A           decay of the N states of a channel, negative                (E, N)
    B_t, C_t    how an input is written into the states, and read from them (B, T, N), or (E, N) for all times
    h_t         states of all channels                                      (B, E, N)

Gu, Dao 2023, "Mamba", equations 2 and algorithm 2, with the input discretised as in the paper's code, Δ B for the exact
integral:

    (1)  ā_t = exp(Δ_t A)
    (2)  h_t = ā_t h_{t-1} + B_t x_t,   x_t = Δ_t u_t
    (3)  y_t = Σ_n C_t h_t + D u_t

Back, with G_t the whole gradient of h_t, from the last step to the first:

    (3')  G_t = C_t ȳ_t + ā_{t+1} G_{t+1},   C̄_t = Σ_e ȳ_t h_t
    (2')  B̄_t = Σ_e G_t x_t,   x̄_t = Σ_n G_t B_t
    (1')  with W_t = G_t ā_t h_{t-1}:   Ā = Σ_{b,t} W_t Δ_t,   Δ̄_t = Σ_n W_t A + x̄_t u_t,   ū_t = x̄_t Δ_t + D ȳ_t

All states of all steps, (B, T, E, N), are N times larger than everything that goes in or comes out, and are never kept.
The steps are cut into chunks; forward keeps the state before each chunk, backward runs a chunk again from it.  Inside a
chunk only (2) and (3') are sequential, two products in place for a step; everything else is done for the chunk at once.
Inside, memory is (B, T, N, E): the channels, of which there are many, innermost.
"""

import math

import numpy as np

from tinygrad_lab.ops.operation import Float, operation
from tinygrad_lab.ops.shapes import stack
from tinygrad_lab.tensor import Tensor
from tinygrad_lab.typing import Array, Backward, Gradients, Needs

CHUNK = 2**19  # numbers in the states of a chunk: a few arrays of that size fit into a cache


@operation(
    rule="""
    T = length(u, 1)
    t = range(T)
    b[t] = B[:, t, None] if ndim(B) == 3 else B
    c[t] = C[:, t, None] if ndim(C) == 3 else C
    a[t] = exp(delta[:, t, :, None] * A)
    h[-1] = 0 if h_0 is None else h_0
    h[t] = a[t] * h[t - 1] + b[t] * (delta[:, t] * u[:, t])[..., None]
    dh[t] = c[t] * dy[:, t, :, None] + a[t + 1] * dh[t + 1] + (t == T - 1) * dh_T
    du[:, t] = summed(dh[t] * b[t], 2) * delta[:, t] + (0 if D is None else D * dy[:, t])
    ddelta[:, t] = summed(dh[t] * (a[t] * h[t - 1] * A + b[t] * u[:, t, :, None]), 2)
    dA += summed(dh[t] * a[t] * h[t - 1] * delta[:, t, :, None], 0)
    if ndim(B) == 3:
        dB[:, t] = summed(dh[t] * (delta[:, t] * u[:, t])[..., None], 1)
    else:
        dB += summed(dh[t] * (delta[:, t] * u[:, t])[..., None], 0)
    if ndim(C) == 3:
        dC[:, t] = summed(h[t] * dy[:, t, :, None], 1)
    else:
        dC += summed(h[t] * dy[:, t, :, None], 0)
    dD += summed(dy[:, t] * u[:, t], 0)
    dh_0 = a[0] * dh[0]
    """,
    outputs=("y", "h_T"),
)
def selective_scan(
    u: Float[Array, "b t e"],
    delta: Float[Array, "b t e"],
    A: Float[Array, "e n"],
    B: Float[Array, "b t n"] | Float[Array, "e n"],
    C: Float[Array, "b t n"] | Float[Array, "e n"],
    D: Float[Array, " e"] | None = None,
    h_0: Float[Array, "b e n"] | None = None,
) -> tuple[tuple[Float[Array, "b t e"], Float[Array, "b e n"]], Backward]:
    """h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t,   y_t = Σ_n C_t h_t + D u_t    -> y (B, T, E), h_T (B, E, N)

    Args:
        u: (B, T, E), inputs.
        delta: (B, T, E), step sizes, positive: a large one forgets the states and writes the input strongly.
        A: (E, N), decays, negative.
        B, C: (B, T, N), chosen anew at every step and shared by the channels; or (E, N), the same at all times and each
            channel's own: with a constant delta the system is then time-invariant.
        D: (E), how much of the input goes straight to the output; none where left out.
        h_0: (B, E, N), the states before the first step; zeros where left out.

    Raises:
        ValueError: shapes that do not fit together, or no steps at all.
    """
    _check(u, delta, A, B, C, D, h_0)
    A, B, C = (_inside(x) for x in (A, B, C))
    parts = _parts(u, A)
    shape = (2, len(u), parts[0].stop, *A.shape)
    before = []  # the states before each chunk, (B, N, E)
    h = np.zeros((len(u), *A.shape), u.dtype) if h_0 is None else h_0.swapaxes(1, 2)
    y = np.empty(u.shape, u.dtype)
    buffers = np.empty(shape, u.dtype)
    for part in parts:
        before.append(h)
        decay, states = _room(buffers, part)
        _decays_(decay, delta[:, part], A)
        _run_(states, decay, delta[:, part] * u[:, part], _at(B, part), h)
        y[:, part] = _over_states(states, _at(C, part))  # (3)
        h = states[:, -1].copy()
    if D is not None:
        y += D * u

    def backward(needs: Needs, dy: Array | None, dh_n: Array | None) -> Gradients:
        unused = dy is None  # then D takes no part: 0 times infinity would be NaN
        dy = np.zeros(u.shape, u.dtype) if dy is None else dy
        dh = np.zeros_like(h) if dh_n is None else np.array(dh_n.swapaxes(1, 2), order="C")
        du, ddelta, dA, dB, dC = (np.zeros(x.shape, u.dtype) for x in (u, delta, A, B, C))
        buffers, gradients = np.empty(shape, u.dtype), np.empty(shape[1:], u.dtype)
        for part, h_before in zip(reversed(parts), reversed(before), strict=True):
            u_t, delta_t, dy_t, B_t, C_t = (_at(x, part) for x in (u, delta, dy, B, C))
            x_t = delta_t * u_t
            decay, states = _room(buffers, part)
            G = gradients[:, : decay.shape[1]]
            _decays_(decay, delta_t, A)
            _run_back_(G, decay, dy_t, C_t, dh)  # (3')
            _run_(states, decay, x_t, B_t, h_before)  # leaves ā_t h_{t-1} in decay
            W = np.multiply(decay, G, out=decay)
            _at(dC, part)[:] += _over_the_rest(states, dy_t, C_t)
            _at(dB, part)[:] += _over_the_rest(G, x_t, B_t)  # (2')
            dx_t = _over_states(G, B_t)
            dA += np.einsum("blne,ble->ne", W, delta_t)  # (1')
            ddelta[:, part] = np.einsum("blne,ne->ble", W, A) + dx_t * u_t
            du[:, part] = dx_t * delta_t
        dD = np.zeros_like(D) if needs.D else None
        if D is not None and not unused:
            dD = np.einsum("bte,bte->e", dy, u) if needs.D else None
            du += D * dy
        return du, ddelta, dA.T, _outside(dB), _outside(dC), dD, dh.swapaxes(1, 2)

    return (y, h.swapaxes(1, 2)), backward


@selective_scan.define
def selective_scan_definition(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    h_0: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Run step by step, every state a tensor of its own."""
    batch, steps, _ = u.shape
    h = Tensor(np.zeros((batch, *A.shape), u.dtype)) if h_0 is None else h_0
    outputs = []
    for t in range(steps):
        delta_t = delta[:, t, :, None]
        B_t, C_t = (x[:, t, None] if x.ndim == 3 else x for x in (B, C))
        h = (delta_t * A).exp() * h + delta_t * B_t * u[:, t, :, None]
        y = (C_t * h).sum(-1)
        outputs.append(y if D is None else y + D * u[:, t])
    return stack(outputs, 1), h


# ---- chunks ----------------------------------------------------------------------------------------------------------


def _parts(u: Array, A: Array) -> list[slice]:
    """The steps of each chunk: as many as are good for the cache, but √T at least, which bounds what is kept.

    With T / L chunks of L steps, T / L + 3 L arrays of states are in memory, instead of T.
    """
    steps = u.shape[1]
    length = max(math.isqrt(steps), CHUNK // max(1, len(u) * A.size))
    return [slice(start, min(start + length, steps)) for start in range(0, steps, length)]


def _room(buffers: Array, part: slice) -> Array:
    """As much of the buffers as a chunk needs; the last chunk may be shorter."""
    return buffers[:, :, : part.stop - part.start]


def _decays_(decay: Array, delta: Array, A: Array) -> None:
    """(1), into ``decay``.    (B, L, E), (N, E) -> (B, L, N, E)"""
    np.multiply(delta[:, :, None], A, out=decay)
    np.exp(decay, out=decay)


def _run_(states: Array, decay: Array, x: Array, B: Array, h: Array) -> None:
    """(2), into ``states``; each ``decay`` is multiplied by the state before its step."""
    np.multiply(x[:, :, None], _spread(B), out=states)
    for t in range(states.shape[1]):
        decay[:, t] *= h
        states[:, t] += decay[:, t]
        h = states[:, t]


def _run_back_(gradients: Array, decay: Array, dy: Array, C: Array, dh: Array) -> None:
    """(3'), into ``gradients``; ``dh`` is what the last state gets from after the chunk, then the one before the first.

    (B, L, N, E), (B, L, E), (B, L, N) or (N, E), (B, N, E)
    """
    np.multiply(dy[:, :, None], _spread(C), out=gradients)
    for t in reversed(range(gradients.shape[1])):
        gradients[:, t] += dh
        np.multiply(decay[:, t], gradients[:, t], out=dh)


# ---- coefficients of every step, or of every channel -----------------------------------------------------------------


def _inside(x: Array) -> Array:
    """Coefficients of the channels, (E, N), as (N, E); those of the steps, (B, T, N), as they are."""
    return x if x.ndim == 3 else np.ascontiguousarray(x.T)


def _outside(x: Array) -> Array:
    """The inverse of ``_inside``."""
    return x if x.ndim == 3 else x.T


def _at(x: Array, part: slice) -> Array:
    """The steps of a chunk, of what has steps."""
    return x[:, part] if x.ndim == 3 else x


def _spread(x: Array) -> Array:
    """Coefficients in a form that broadcasts with (B, L, N, E)."""
    return x[..., None] if x.ndim == 3 else x


def _axes(x: Array) -> str:
    return "bln" if x.ndim == 3 else "ne"


def _over_states(x: Array, coefficients: Array) -> Array:
    """Σ_n of products.    (B, L, N, E), (B, L, N) or (N, E) -> (B, L, E)"""
    return np.einsum(f"blne,{_axes(coefficients)}->ble", x, coefficients)


def _over_the_rest(x: Array, y: Array, coefficients: Array) -> Array:
    """The gradient of coefficients: products summed over all other axes.    (B, L, N, E), (B, L, E)"""
    return np.einsum(f"blne,ble->{_axes(coefficients)}", x, y)


def _check(u: Array, delta: Array, A: Array, B: Array, C: Array, D: Array | None, h_0: Array | None) -> None:
    batch, steps, channels = u.shape
    if steps == 0:
        raise ValueError(f"selective_scan: u has shape {u.shape}, a sequence must have at least one step")
    if A.ndim != 2 or len(A) != channels:
        raise ValueError(f"selective_scan: A has shape {A.shape}, for u of shape {u.shape} it must be ({channels}, N)")
    states = A.shape[1]
    either = ((batch, steps, states), A.shape)
    allowed = {
        "delta": (delta, (u.shape,)), "B": (B, either), "C": (C, either), "D": (D, ((channels,),)),
        "h_0": (h_0, ((batch, channels, states),)),
    }  # fmt: skip
    for name, (value, shapes) in allowed.items():
        if value is not None and value.shape not in shapes:
            raise ValueError(
                f"selective_scan: {name} has shape {value.shape}, for u of shape {u.shape} and {states} states it must "
                f"be {' or '.join(map(str, shapes))}"
            )
