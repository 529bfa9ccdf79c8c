"""Cases of tinygrad_lab.ops.reductions."""

import numpy as np
from hypothesis import strategies as st

from tests.cases.case import case, counts, distinct, normal, shapes, sizes, with_ties
from tinygrad_lab.ops import reductions as ops


def one_dim(draw, ndim: int) -> int:
    return draw(st.integers(-ndim, ndim - 1))


def some_dims(draw, ndim: int, at_least: int = 1) -> tuple[int, ...]:
    dims = draw(st.sets(st.integers(0, ndim - 1), min_size=at_least)) if ndim else ()
    return tuple(dim - draw(st.sampled_from([0, ndim])) for dim in dims)


def reduction(draw, values, lengths=counts) -> tuple:
    """Nothing but the input; or with one dim, several, none of them meaning all; with and without keepdim."""
    shape = draw(shapes(of=lengths))
    form = draw(st.sampled_from(["all", "one", "some"])) if shape else "all"
    options = {}
    if form != "all":
        options["dim"] = one_dim(draw, len(shape)) if form == "one" else some_dims(draw, len(shape))
        options["keepdim"] = draw(st.booleans())
    return (values(draw, shape),), options


@case(ops.sum, "sum")
@case(ops.mean, "mean")
@case(lambda *a, **o: ops.norm(*a, **o), "linalg.vector_norm", name="norm")
def any_values(draw):
    return reduction(draw, normal)


@case(ops.amax, "amax")
@case(ops.amin, "amin")
def distinct_values(draw):
    return reduction(draw, distinct, sizes)


@case(ops.amax, "amax", smooth=False, name="amax with ties")
@case(ops.amin, "amin", smooth=False, name="amin with ties")
def tied_values(draw):
    return reduction(draw, with_ties, sizes)


@case(ops.var, "var")
@case(ops.std, "std")
def spread(draw):
    (values,), options = reduction(draw, lambda draw, shape: distinct(draw, tuple(size + 1 for size in shape)))
    return (values,), {**options, "correction": draw(st.sampled_from([0, 1, 0.5])) if values.ndim else 0}


@case(ops.prod, "prod")
def factors(draw):
    values = normal(draw, draw(shapes(max_dims=2, of=counts)))
    values[np.abs(values) < draw(st.sampled_from([0.0, 0.3]))] = 0  # no zero, one, or several
    if not values.ndim or draw(st.booleans()):
        return (values,), {}
    return (values,), {"dim": one_dim(draw, values.ndim), "keepdim": draw(st.booleans())}


@case(ops.logsumexp, "logsumexp")
def exponents(draw):
    shape = draw(shapes(min_dims=1, of=counts))
    dim = draw(st.sampled_from([one_dim(draw, len(shape)), some_dims(draw, len(shape))]))
    return (normal(draw, shape) * draw(st.sampled_from([1.0, 100.0])), dim, draw(st.booleans())), {}


@case(ops.cumsum, "cumsum")
@case(ops.max, lambda torch, *a: tuple(torch.max(*a)), name="max over a dim")
@case(ops.min, lambda torch, *a: tuple(torch.min(*a)), name="min over a dim")
@case(ops.argmax, "argmax", smooth=False, name="argmax")
@case(ops.argmin, "argmin", smooth=False, name="argmin")
def along_one_dim(draw):
    shape = draw(shapes(min_dims=1))
    return (distinct(draw, shape), one_dim(draw, len(shape))), {}


@case(ops.max, lambda torch, *a: tuple(torch.max(*a)), smooth=False, name="max over a dim with ties")
@case(ops.min, lambda torch, *a: tuple(torch.min(*a)), smooth=False, name="min over a dim with ties")
def tied_along_one_dim(draw):
    shape = draw(shapes(min_dims=1))
    return (with_ties(draw, shape), one_dim(draw, len(shape)), draw(st.booleans())), {}


@case(ops.max, "max", smooth=False, name="max of all")
@case(ops.min, "min", smooth=False, name="min of all")
def of_all(draw):
    return (with_ties(draw, draw(shapes())),), {}


@case(ops.norm, "linalg.vector_norm", smooth=False, name="norm of zeros")
def zeros(draw):
    return (np.zeros(draw(shapes())),), {}
