"""Cases of tinygrad_lab.ops.rounding."""

import numpy as np
from hypothesis import strategies as st

from tests.cases.case import broadcastable, case, distinct, normal, positive, shapes
from tinygrad_lab.ops import rounding as ops


@case(ops.floor, "floor")
@case(ops.ceil, "ceil")
@case(ops.round, "round")
@case(ops.sign, "sign")
def away_from_the_steps(draw):
    return (np.asarray(distinct(draw, draw(shapes())) + 0.003),), {}


@case(ops.round, "round", name="round to places", smooth=False)
def at_some_place(draw):
    return (np.asarray(normal(draw, draw(shapes())) * 30),), {"decimals": draw(st.sampled_from([-1, 0, 2]))}


@case(ops.floor_divide, lambda torch, x, y: torch.floor_divide(x.detach(), y.detach()), smooth=False)
def quotients(draw):
    left, right = broadcastable(draw)
    return (normal(draw, left), positive(draw, right)), {}


@case(ops.remainder, "remainder", smooth=False)
def remainders(draw):
    left, right = broadcastable(draw)
    divisor = positive(draw, right) * draw(st.sampled_from([1, -1]))
    return (np.asarray(normal(draw, left) * 4), np.asarray(divisor)), {}


@case(ops.log2, "log2")
@case(ops.log10, "log10")
def logarithms(draw):
    return (positive(draw, draw(shapes())),), {}
