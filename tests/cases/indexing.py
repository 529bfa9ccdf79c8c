"""Cases of tinygrad_lab.ops.indexing."""

import numpy as np
from hypothesis import strategies as st

from tests.cases.case import booleans, case, integers, normal, shapes
from tests.cases.reductions import one_dim
from tinygrad_lab.ops import indexing as ops
from tinygrad_lab.ops import inplace

FORWARDS = [
    0, -1, (2, 1), np.s_[1:], np.s_[::2, 1:], np.s_[..., 0], np.s_[:, None], np.s_[None, 1, ..., ::3], np.s_[0:0], ...,
    np.s_[1, 2, 3], None, np.s_[-2:, :, -1],
]  # fmt: skip


@case(ops.getitem, lambda torch, x, key: x[key])
def slices(draw):
    return (normal(draw, (3, 4, 5)), draw(st.sampled_from(FORWARDS))), {}


def picked(*places: int):
    """x[key] where the key has the drawn index arrays at ``places`` and full slices elsewhere."""

    def key(indices: tuple) -> tuple:
        return tuple(indices[places.index(p)] if p in places else slice(None) for p in range(max(places) + 1))

    return lambda x, *indices: ops.index(x, key(indices)), lambda torch, x, *indices: x[key(indices)]


@case(*picked(0), name="index array first")
@case(*picked(1), name="index array second")
@case(*picked(2), name="index array last")
def repeated_indices(draw):
    return (normal(draw, (3, 4, 5)), integers(draw, draw(shapes(max_dims=3)), -3, 3)), {}


@case(*picked(0, 1), name="two index arrays")
@case(*picked(0, 2), name="two index arrays apart")
def two_arrays(draw):
    return (normal(draw, (3, 4, 5)), integers(draw, (4, 1), -3, 3), integers(draw, (3,), 0, 3)), {}


@case(*picked(0), name="mask of all dims")
def whole_mask(draw):
    return (normal(draw, (3, 4)), booleans(draw, (3, 4))), {}


@case(*picked(1), name="mask of one dim")
def part_mask(draw):
    return (normal(draw, (3, 4, 2)), booleans(draw, (4,))), {}


@case(lambda x, i: ops.index(x, (i, ..., None, np.s_[1:])), lambda torch, x, i: x[i, ..., None, 1:], name="mixture")
def mixture(draw):
    return (normal(draw, (3, 4, 5)), integers(draw, (2, 2), -3, 3)), {}


@case(lambda x: ops.getitem(x, np.s_[::-1, 3:0:-2]), lambda torch, x: x.flip(0)[:, [3, 1]], name="negative steps")
def backwards(draw):
    return (normal(draw, (3, 4, 5)),), {}


def fitting_index(draw, shape: tuple[int, ...], dim: int) -> np.ndarray:
    smaller = [draw(st.integers(0 if size > 1 else 1, size)) for size in shape]
    smaller[dim] = draw(st.integers(0, 7))
    return integers(draw, tuple(smaller), 0, shape[dim])


@case(ops.gather, "gather")
def gathered(draw):
    shape = draw(shapes(min_dims=1))
    dim = one_dim(draw, len(shape))
    return (normal(draw, shape), dim, fitting_index(draw, shape, dim)), {}


@case(ops.scatter_add, "scatter_add")
def scattered(draw):
    shape = draw(shapes(min_dims=1))
    dim = one_dim(draw, len(shape))
    index = fitting_index(draw, shape, dim)
    return (normal(draw, shape), dim, index, normal(draw, index.shape)), {}


@case(ops.take_along_dim, "take_along_dim", name="take_along_dim")
def taken(draw):
    left, right = draw(st.sampled_from([((3, 4), (3, 2)), ((1, 4), (3, 6)), ((2, 3, 4), (1, 1, 5)), ((3, 4), (1, 4))]))
    return (normal(draw, left), integers(draw, right, 0, 3), draw(st.sampled_from([-1, len(left) - 1]))), {}


@case(ops.take_along_dim, "take_along_dim", name="take_along_dim of all")
def taken_flat(draw):
    return (normal(draw, (3, 4)), integers(draw, (5,), 0, 12)), {}


@case(ops.index_select, "index_select")
def selected(draw):
    shape = draw(shapes(min_dims=1))
    dim = one_dim(draw, len(shape))
    return (normal(draw, shape), dim, integers(draw, (draw(st.integers(0, 6)),), 0, shape[dim])), {}


@case(ops.index_add, "index_add")
def added(draw):
    shape = draw(shapes(min_dims=1))
    dim = one_dim(draw, len(shape))
    index = integers(draw, (draw(st.integers(0, 6)),), 0, shape[dim])
    source = list(shape)
    source[dim] = len(index)
    return (normal(draw, shape), dim, index, normal(draw, tuple(source))), {}


@case(inplace.setitem, lambda torch, x, value, key: replaced(x, value, key))
def assigned(draw):
    key = draw(st.sampled_from(FORWARDS))
    shape = np.zeros((3, 4, 5))[key].shape
    return (normal(draw, (3, 4, 5)), normal(draw, shape[draw(st.integers(0, len(shape))) :]), key), {}


def replaced(x, value, key):
    """x with ``value`` at ``key``, as torch's own assignment makes it."""
    out = x.clone()
    out[key] = value
    return out


@case(ops.scatter, "scatter")
def scattered_without_repetition(draw):
    shape = draw(shapes(min_dims=1))
    dim = one_dim(draw, len(shape))
    rows = np.argsort(normal(draw, shape), axis=dim)  # a permutation along dim
    kept = list(shape)
    kept[dim] = draw(st.integers(0, shape[dim]))
    index = np.ascontiguousarray(rows[tuple(slice(size) for size in kept)])
    return (normal(draw, shape), dim, index, normal(draw, index.shape)), {}


@case(ops.scatter, "scatter", name="scatter of a number")
def one_number_scattered(draw):
    shape = draw(shapes(min_dims=1))
    dim = one_dim(draw, len(shape))
    return (normal(draw, shape), dim, fitting_index(draw, shape, dim), 2.5), {}
