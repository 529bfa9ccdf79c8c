"""Cases of tinygrad_lab.ops.shapes."""

import numpy as np
from hypothesis import strategies as st

from tests.cases.case import case, counts, normal, shapes, sizes
from tests.cases.reductions import one_dim, some_dims
from tinygrad_lab.ops import shapes as ops


@case(ops.reshape, "reshape")
def new_shape(draw):
    values = normal(draw, draw(shapes(of=counts)))
    shape = draw(st.permutations(values.shape)) + [1] * draw(st.integers(0, 2))
    if shape and draw(st.booleans()):
        shape[draw(st.integers(0, len(shape) - 1))] = -1
    return (values, draw(st.sampled_from([tuple(shape), (-1,)]))), {}


@case(ops.permute, "permute")
def permutation(draw):
    shape = draw(shapes(of=counts))
    dims = draw(st.permutations(range(len(shape))))
    return (normal(draw, shape), tuple(dim - draw(st.sampled_from([0, len(shape)])) for dim in dims)), {}


@case(ops.transpose, "transpose")
def two_dims(draw):
    shape = draw(shapes(of=counts))
    return (normal(draw, shape), one_dim(draw, len(shape) or 1), one_dim(draw, len(shape) or 1)), {}


@case(ops.expand, lambda torch, x, size: x.expand(size))
def larger_size(draw):
    shape = draw(shapes(max_dims=3, of=counts))
    size = [draw(st.sampled_from([-1, s])) if s != 1 else draw(st.sampled_from([1, -1, 3])) for s in shape]
    return (normal(draw, shape), [draw(sizes) for _ in range(draw(st.integers(0, 2)))] + size), {}


@case(ops.flatten, "flatten", name="flatten")
def range_of_dims(draw):
    shape = draw(shapes(min_dims=1, of=counts))
    start, end = sorted([draw(st.integers(0, len(shape) - 1)) for _ in range(2)])
    options = draw(st.sampled_from([{}, {"start_dim": start}, {"start_dim": start, "end_dim": end - len(shape)}]))
    return (normal(draw, shape),), options


@case(ops.squeeze, "squeeze", name="squeeze")
def dims_of_length_one(draw):
    shape = draw(st.lists(st.sampled_from([1, 1, 3]), max_size=4).map(tuple))
    dim = draw(st.sampled_from([(), (one_dim(draw, len(shape) or 1),), (some_dims(draw, len(shape), 0),)]))
    return (normal(draw, shape), *dim), {}


@case(ops.unsqueeze, "unsqueeze", name="unsqueeze")
def new_dim(draw):
    shape = draw(shapes(of=counts))
    return (normal(draw, shape), one_dim(draw, len(shape) + 1)), {}


def pieces_along(draw) -> tuple[list[np.ndarray], int]:
    shape = list(draw(shapes(min_dims=1, of=counts)))
    dim = one_dim(draw, len(shape))
    pieces = []
    for _ in range(draw(st.integers(1, 4))):
        shape[dim] = draw(st.integers(0, 3))
        pieces.append(normal(draw, tuple(shape)))
    return pieces, dim


@case(lambda *args: ops.cat(args[:-1], args[-1]), lambda torch, *args: torch.cat(args[:-1], args[-1]),
      name="concatenate")  # fmt: skip
def joined(draw):
    pieces, dim = pieces_along(draw)
    return (*pieces, dim), {}


@case(lambda *args: ops.stack(args[:-1], args[-1]), lambda torch, *args: torch.stack(args[:-1], args[-1]), name="stack")
def stacked(draw):
    shape = draw(shapes(of=counts))
    return (*[normal(draw, shape) for _ in range(draw(st.integers(1, 4)))], one_dim(draw, len(shape) + 1)), {}


@case(ops.split, "split", name="split_at")
def in_pieces(draw):
    pieces, dim = pieces_along(draw)
    whole = np.concatenate(pieces, axis=dim)
    return (whole, draw(st.sampled_from([1, 2, 7, [piece.shape[dim] for piece in pieces]])), dim), {}


@case(ops.chunk, "chunk", name="chunk")
def in_chunks(draw):
    shape = draw(shapes(min_dims=1, of=counts))
    return (normal(draw, shape), draw(st.integers(1, 4)), one_dim(draw, len(shape))), {}


@case(ops.unbind, "unbind", name="unbind")
def in_slices(draw):
    shape = draw(shapes(min_dims=1, of=counts))
    return (normal(draw, shape), one_dim(draw, len(shape))), {}


@case(ops.repeat, lambda torch, x, repeats: x.repeat(repeats), name="repeat")
def repeated(draw):
    shape = draw(shapes(max_dims=3))
    return (normal(draw, shape), [draw(st.integers(0, 3)) for _ in range(len(shape) + draw(st.integers(0, 2)))]), {}


@case(ops.pad, "nn.functional.pad")
def padding(draw):
    values = normal(draw, draw(shapes(min_dims=1, of=counts)))
    pairs = draw(st.integers(1, values.ndim))
    width = [draw(st.integers(-1, 3)) if size > 2 else draw(st.integers(0, 3))
             for size in values.shape[: -pairs - 1 : -1] for _ in range(2)]  # fmt: skip
    return (values, width), {"value": draw(st.sampled_from([0.0, -1.5, 2]))}


@case(ops.flip, "flip")
def reversed_dims(draw):
    shape = draw(shapes(of=counts))
    return (normal(draw, shape), some_dims(draw, len(shape), 0)), {}


@case(ops.roll, "roll")
def moved(draw):
    shape = draw(shapes(min_dims=1, of=counts))
    dims = some_dims(draw, len(shape))
    several = (tuple(draw(st.integers(-7, 7)) for _ in dims), dims)
    return (normal(draw, shape), *draw(st.sampled_from([(3,), (-2, one_dim(draw, len(shape))), several]))), {}


@case(ops.tril, "tril")
@case(ops.triu, "triu")
def triangle(draw):
    return (normal(draw, draw(shapes(min_dims=2, of=counts))), draw(st.integers(-5, 5))), {}
