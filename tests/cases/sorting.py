"""Cases of tinygrad_lab.ops.sorting."""

from hypothesis import strategies as st

from tests.cases.case import case, distinct, shapes, with_ties
from tests.cases.reductions import one_dim
from tinygrad_lab.ops import sorting as ops


@case(ops.sort, "sort", name="sort")
def to_be_sorted(draw):
    shape = draw(shapes(min_dims=1))
    return (distinct(draw, shape),), {"dim": one_dim(draw, len(shape)), "descending": draw(st.booleans())}


@case(ops.sort, "sort", name="sort of ties", smooth=False)
@case(ops.argsort, "argsort", name="argsort", smooth=False)
def ties_to_be_sorted(draw):
    shape = draw(shapes(min_dims=1))
    settings = {"dim": one_dim(draw, len(shape)), "descending": draw(st.booleans())}
    return (with_ties(draw, shape),), {**settings, "stable": True}


@case(ops.topk, "topk", name="topk")
def largest_and_smallest(draw):
    shape = draw(shapes(min_dims=1))
    dim = one_dim(draw, len(shape))
    k = draw(st.integers(0, shape[dim]))
    return (distinct(draw, shape), k), {"dim": dim, "largest": draw(st.booleans())}
