"""Cases of tinygrad_lab.ops.linear."""

from hypothesis import strategies as st

from tests.cases.case import case, counts, normal, shapes
from tinygrad_lab.ops.linear import linear


@case(linear, "nn.functional.linear")
def rows_and_weights(draw):
    leading, features_in, features_out = draw(shapes(0, 3, counts)), draw(counts), draw(counts)
    args = (normal(draw, (*leading, features_in)), normal(draw, (features_out, features_in)))
    return (*args, normal(draw, (features_out,))) if draw(st.booleans()) else args, {}
