"""Cases of tinygrad_lab.ops.interpolation."""

from hypothesis import strategies as st

from tests.cases.case import case, normal
from tinygrad_lab.ops.interpolation import interpolate

lengths = st.integers(1, 7)


@case(interpolate, "nn.functional.interpolate", name="interpolate")
def to_a_size_or_by_a_factor(draw):
    dims = draw(st.integers(1, 3))
    x = normal(draw, (2, 2, *(draw(lengths) for _ in range(dims))))
    how = draw(st.sampled_from(["size", "sizes", "factor", "factors"]))
    if how == "size":
        return (x,), {"size": draw(lengths)}
    if how == "sizes":
        return (x,), {"size": tuple(draw(lengths) for _ in range(dims))}
    factors = st.sampled_from([1, 2.0, 3, 1.0, 1.5, 2.3])
    return (x,), {"scale_factor": draw(factors) if how == "factor" else [float(draw(factors)) for _ in range(dims)]}
