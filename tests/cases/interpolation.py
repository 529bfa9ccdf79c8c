"""Cases of tinygrad_lab.ops.interpolation."""

from hypothesis import assume
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
    factors = [draw(st.sampled_from([1, 2.0, 3, 1.0, 1.5, 2.3])) for _ in range(1 if how == "factor" else dims)]
    each = factors * dims if how == "factor" else factors
    assume(not any(read_in_two_ways(length, factor) for length, factor in zip(x.shape[2:], each, strict=True)))
    return (x,), {"scale_factor": factors[0] if how == "factor" else [float(factor) for factor in factors]}


def read_in_two_ways(length: int, factor: float) -> bool:
    """Whether torch's forward and backward may differ, so that the engine refuses it."""
    return int(length * factor) in (length, 2 * length) and factor not in (1, 2)
