"""Cases of tinygrad_lab.ops.adaptive_pooling."""

from hypothesis import strategies as st

from tests.cases.case import case, normal, sizes
from tinygrad_lab.ops.adaptive_pooling import adaptive_avg_pool2d


@case(adaptive_avg_pool2d, "nn.functional.adaptive_avg_pool2d", name="adaptive_avg_pool2d")
def smaller_and_larger(draw):
    batch = draw(st.sampled_from([(), (2,)]))
    one = st.integers(1, 7)
    size = draw(st.one_of(one, st.tuples(st.one_of(one, st.none()), st.one_of(one, st.none()))))
    return (normal(draw, (*batch, draw(sizes), draw(one), draw(one))), size), {}
