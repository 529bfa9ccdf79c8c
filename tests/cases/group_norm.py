"""Cases of tinygrad_lab.ops.group_norm."""

from hypothesis import strategies as st

from tests.cases.case import case, normal, positive, shapes, sizes
from tinygrad_lab.ops.group_norm import group_norm


@case(group_norm, "nn.functional.group_norm", name="group_norm", reduction=1024)
def groups_of_channels(draw):
    groups, width = draw(sizes), draw(st.integers(2, 3))
    x = normal(draw, (draw(sizes), groups * width, *draw(shapes(0, 2))))
    if draw(st.booleans()):
        return (x, groups), {"eps": draw(st.sampled_from([1e-5, 0.1]))}
    return (x, groups, positive(draw, (groups * width,)), normal(draw, (groups * width,))), {"eps": 0.1}
