"""The same model with the engine's scan in PyTorch, for benchmarks and as a witness in tests.

PyTorch has no scan of its own. The loop over single steps that ``model.py`` shows makes a graph of thousands of small
nodes; here the scan is one function with its backward pass written by hand, as in ``tinygrad_lab.ops.selective_scan``:
only the states before each chunk are kept, a chunk is run again on the way back, and all that need not be sequential is
done for a whole chunk at once.
"""

import math
from typing import Any, cast

import torch
from torch import Tensor

from .config import MambaConfig
from .model import Mamba, Selection
from .model import build as build_written_out

CHUNK = 2**19  # numbers in the states of a chunk


def build(config: MambaConfig) -> Mamba:
    """The model of ``config``, with the same parameters."""
    model = build_written_out(config)
    for block in cast(Any, model.backbone.layers):
        block.mixer.scan = lambda u, selection, h, mixer=block.mixer: scan(mixer, u, selection, h)
    return model


def scan(mixer: Any, u: Tensor, selection: Selection, h: Tensor | None) -> tuple[Tensor, Tensor]:
    """What the mixer's own ``scan`` does."""
    delta, B, C = selection
    h = u.new_zeros(len(u), *mixer.A_log.shape) if h is None else h
    y, last = SelectiveScan.apply(u, delta, -mixer.A_log.exp(), B, C, h)
    return y + mixer.D * u, last


class SelectiveScan(torch.autograd.Function):
    """h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t, y_t = C_t h_t.    (B, T, E), ... -> (B, T, E), (B, E, N)

    Inside, memory is (B, T, N, E). Letters and equations are those of the engine's operation.
    """

    @staticmethod
    def forward(ctx: Any, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, h_0: Tensor) -> Any:
        A, B, C = (inside(x) for x in (A, B, C))
        ctx.parts = parts(u, A)
        h, before, y = h_0.transpose(1, 2).contiguous(), [], torch.empty_like(u)
        for part in ctx.parts:
            before.append(h)
            decay = torch.mul(delta[:, part, None], A).exp_()
            states = torch.mul((delta[:, part] * u[:, part])[:, :, None], spread(at(B, part)))
            run_(states, decay, h)
            y[:, part] = over_states(states, at(C, part))
            h = states[:, -1].clone()
        ctx.save_for_backward(u, delta, A, B, C, *before)
        return y, h.transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        u, delta, A, B, C, *before = ctx.saved_tensors
        dy, dh = gradients[0], gradients[1].transpose(1, 2).contiguous()
        du, ddelta, dA, dB, dC = (torch.zeros_like(x) for x in (u, delta, A, B, C))
        for part, h in zip(reversed(ctx.parts), reversed(before), strict=True):
            u_t, delta_t, dy_t, B_t, C_t = (at(x, part) for x in (u, delta, dy, B, C))
            x_t = delta_t * u_t
            decay = torch.mul(delta_t[:, :, None], A).exp_()
            G = torch.mul(dy_t[:, :, None], spread(C_t))
            run_back_(G, decay, dh)
            states = torch.mul(x_t[:, :, None], spread(B_t))
            run_(states, decay, h)
            W = decay.mul_(G)
            at(dC, part).add_(over_the_rest(states, dy_t, C_t))
            at(dB, part).add_(over_the_rest(G, x_t, B_t))
            dx_t = over_states(G, B_t)
            dA += over_the_rest(W, delta_t, A)
            ddelta[:, part] = over_states(W, A) + dx_t * u_t
            du[:, part] = dx_t * delta_t
        return du, ddelta, dA.T, inside(dB), inside(dC), dh.transpose(1, 2)


def parts(u: Tensor, A: Tensor) -> list[slice]:
    """The steps of each chunk."""
    steps = u.shape[1]
    length = max(math.isqrt(steps), CHUNK // max(1, len(u) * A.numel()))
    return [slice(start, min(start + length, steps)) for start in range(0, steps, length)]


def run_(states: Tensor, decay: Tensor, h: Tensor) -> None:
    """Inputs become states; each decay is multiplied by the state before its step."""
    for decay_t, state in zip(decay.unbind(1), states.unbind(1), strict=True):
        decay_t.mul_(h)
        h = state.add_(decay_t)


def run_back_(gradients: Tensor, decay: Tensor, dh: Tensor) -> None:
    """Gradients from the outputs become whole ones; ``dh`` is what the last state gets from later steps."""
    for decay_t, gradient in zip(decay.unbind(1)[::-1], gradients.unbind(1)[::-1], strict=True):
        torch.mul(decay_t, gradient.add_(dh), out=dh)


def inside(x: Tensor) -> Tensor:
    """Coefficients of the channels, (E, N), as (N, E) and back; those of the steps, (B, T, N), as they are."""
    return x if x.ndim == 3 else x.T.contiguous()


def at(x: Tensor, part: slice) -> Tensor:
    """The steps of a chunk, of what has steps."""
    return x[:, part] if x.ndim == 3 else x


def spread(x: Tensor) -> Tensor:
    """Coefficients in a form that broadcasts with (B, L, N, E)."""
    return x[..., None] if x.ndim == 3 else x


def over_states(x: Tensor, coefficients: Tensor) -> Tensor:
    """Σ_n of products.    (B, L, N, E), (B, L, N) or (N, E) -> (B, L, E)

    Written so because it is several times faster than torch.einsum, which would move memory around first.
    """
    return (coefficients[:, :, None] @ x)[:, :, 0] if coefficients.ndim == 3 else (x * coefficients).sum(2)


def over_the_rest(x: Tensor, y: Tensor, coefficients: Tensor) -> Tensor:
    """The gradient of coefficients: products summed over all other axes.    (B, L, N, E), (B, L, E)"""
    return (x * y[:, :, None]).sum(-1 if coefficients.ndim == 3 else (0, 1))
