"""Cases of tinygrad_lab.ops.local_response_norm: odd and even windows, wider than the channels too."""

from hypothesis import strategies as st

from tests.cases.case import case, normal, shapes, sizes
from tinygrad_lab.ops.local_response_norm import local_response_norm


@case(local_response_norm, "nn.functional.local_response_norm")
@case(local_response_norm.info.definition, "nn.functional.local_response_norm", name="local_response_norm's definition")
def neighbouring_channels(draw):
    image = normal(draw, (draw(sizes), draw(st.integers(1, 8)), *draw(shapes(1, 3))))
    options = {"alpha": draw(st.sampled_from([1e-4, 0.5, 3.0])), "beta": draw(st.sampled_from([0.75, 0.5, 1.0, 2.3]))}
    return (image, draw(st.integers(1, 10))), options | {"k": draw(st.sampled_from([1.0, 2.0, 0.3]))}
