"""Cases of tinygrad_lab.ops.padding."""

from hypothesis import strategies as st

from tests.cases.case import case, normal
from tinygrad_lab.ops.padding import pad


@case(pad, "nn.functional.pad", name="pad in any mode")
def around_the_border(draw):
    dims, more = draw(st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2), (3, 1)]))
    shape = tuple(draw(st.integers(3, 5)) for _ in range(dims + more))
    widths = [draw(st.integers(0, 2)) for _ in range(2 * dims)]
    return (normal(draw, shape), widths), {
        "mode": draw(st.sampled_from(["constant", "reflect", "replicate", "circular"]))
    }


@case(pad, "nn.functional.pad", name="pad that crops")
def into_the_border(draw):
    widths = draw(st.sampled_from([[-1, 2], [2, -1], [-1, -1], [-2, 1], [0, -2], [1, 1]]))
    return (normal(draw, (2, 3, 4)), widths), {"mode": draw(st.sampled_from(["reflect", "replicate", "circular"]))}
