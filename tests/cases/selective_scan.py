"""Cases of tinygrad_lab.ops.selective_scan: against a loop over the steps, in torch."""

import importlib
from unittest.mock import patch

from hypothesis import strategies as st

from tests.cases.case import case, in_some_layout, normal, positive, sizes
from tinygrad_lab.ops.selective_scan import selective_scan


def step_by_step(torch, u, delta, A, B, C, D=None, h_0=None):
    h = torch.zeros(len(u), *A.shape, dtype=u.dtype) if h_0 is None else h_0
    B, C = (x if x.ndim == 2 else x[:, :, None] for x in (B, C))  # (E, N), or (B, T, 1, N)
    y = []
    for t in range(u.shape[1]):
        B_t, C_t = (x if x.ndim == 2 else x[:, t] for x in (B, C))
        h = torch.exp(delta[:, t, :, None] * A) * h + B_t * (delta[:, t] * u[:, t])[..., None]
        y.append(torch.einsum("ben,ben->be", h, C_t.expand_as(h)))
    y = torch.stack(y, 1)
    return (y if D is None else y + D * u), h


def in_short_chunks(*args):
    """The operation as it is when there is little room: √T steps in a chunk, the last one often shorter."""
    with patch.object(importlib.import_module("tinygrad_lab.ops.selective_scan"), "CHUNK", 1):
        return selective_scan(*args)


def system(draw):
    """u, delta, A, B, C, and perhaps D and h_0."""
    batch, channels, states = draw(sizes), draw(sizes), draw(sizes)
    steps = draw(st.integers(1, 20))
    coefficients = st.sampled_from([(batch, steps, states), (channels, states)])
    u = normal(draw, (batch, steps, channels))
    delta, A = positive(draw, u.shape), in_some_layout(draw, -positive(draw, (channels, states)))
    D = normal(draw, (channels,)) if draw(st.booleans()) else None
    h_0 = normal(draw, (batch, channels, states)) if draw(st.booleans()) else None
    return (u, delta, A, normal(draw, draw(coefficients)), normal(draw, draw(coefficients)), D, h_0), {}


@case(selective_scan, step_by_step)
@case(in_short_chunks, step_by_step, name="selective_scan in short chunks")
@case(selective_scan.info.definition, step_by_step, name="selective_scan's definition")
def selective_or_time_invariant(draw):
    return system(draw)
