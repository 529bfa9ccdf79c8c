"""Cases of tinygrad_lab.ops.softmax."""

from hypothesis import strategies as st

from tests.cases.case import booleans, case, counts, normal, shapes
from tinygrad_lab.ops.softmax import log_softmax, masked_softmax, softmax


@case(softmax, "nn.functional.softmax")
@case(log_softmax, "nn.functional.log_softmax")
def along_an_axis(draw):
    shape = list(draw(shapes(1, 4, counts)))
    dim = draw(st.integers(-len(shape), len(shape) - 1))
    shape[dim] = max(1, shape[dim])  # where there is nothing to add up, the definition has no maximum
    return (normal(draw, tuple(shape)) * 3, dim), {}


def _over_what_is_left(torch, input, mask, dim):
    """torch has no masked softmax: -inf leaves a place out, and a slice of nothing, NaN there, is 0."""
    return input.masked_fill(~mask, -torch.inf).softmax(dim).nan_to_num()


@case(masked_softmax, _over_what_is_left)
def some_places(draw):
    shape = draw(shapes(1, 4))
    narrow = tuple(1 if draw(st.booleans()) else size for size in shape)  # the mask is broadcast
    return (normal(draw, shape) * 3, booleans(draw, narrow), draw(st.integers(-len(shape), len(shape) - 1))), {}
