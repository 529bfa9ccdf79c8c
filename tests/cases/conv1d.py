"""Cases of tinygrad_lab.ops.conv1d."""

from hypothesis import strategies as st

from tests.cases.case import case, normal, sizes
from tinygrad_lab.ops.conv1d import conv1d


@case(conv1d, "nn.functional.conv1d", name="conv1d")
def sequences_and_kernels(draw):
    groups, kernel = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    channels, filters = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    stride, dilation = draw(st.sampled_from([(1, 1), (2, 1), ((2,), 2), (1, 2)]))
    padding = draw(st.sampled_from([0, 2, (1,), "valid", *(["same"] if stride == 1 else [])]))
    batch = draw(st.sampled_from([(), (draw(sizes),)]))
    arrays = (
        normal(draw, (*batch, channels, draw(st.integers(6, 9)))),
        normal(draw, (filters, channels // groups, kernel)),
    )
    bias = normal(draw, (filters,)) if draw(st.booleans()) else None
    return (*arrays, bias, stride, padding, dilation, groups), {}
