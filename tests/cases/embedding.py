"""Cases of tinygrad_lab.ops.embedding."""

from hypothesis import strategies as st

from tests.cases.case import case, integers, normal, shapes, sizes
from tinygrad_lab.ops.embedding import embedding


@case(embedding, "nn.functional.embedding")
def lookups(draw):
    rows = draw(st.sampled_from([3, 5, 1001]))  # both forms of the gradient
    index = integers(draw, draw(shapes(0, 3)), 0, min(rows, 5))
    return (index, normal(draw, (rows, draw(sizes))), draw(st.sampled_from([None, 0, 2, -1]))), {}
