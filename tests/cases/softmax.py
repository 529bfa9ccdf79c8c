"""Cases of tinygrad_lab.ops.softmax."""

from hypothesis import strategies as st

from tests.cases.case import case, normal, shapes
from tinygrad_lab.ops.softmax import log_softmax, softmax


@case(softmax, "nn.functional.softmax")
@case(log_softmax, "nn.functional.log_softmax")
def along_an_axis(draw):
    shape = draw(shapes(1, 4))
    return (normal(draw, shape) * 3, draw(st.integers(-len(shape), len(shape) - 1))), {}
