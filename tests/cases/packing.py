"""Cases of tinygrad_lab.ops.packing: torch's twin is its own indexing."""

import numpy as np

from tests.cases.case import case, counts, normal, seeds, shapes, sizes
from tinygrad_lab.ops.packing import pack, unpack


def places(draw):
    """A padded size, and some of its places, each once, in any order."""
    size = draw(sizes), draw(sizes)
    rng = np.random.default_rng(draw(seeds))
    chosen = rng.permutation(size[0] * size[1])[: rng.integers(1, size[0] * size[1] + 1)]
    return size, *np.divmod(chosen, size[1])


@case(pack, lambda torch, x, steps, rows: x[steps, rows])
def padded(draw):
    size, steps, rows = places(draw)
    return (normal(draw, (*size, *draw(shapes(0, 2, counts)))), steps, rows), {}


@case(
    unpack,
    lambda torch, x, steps, rows, size, value: torch.full((*size, *x.shape[1:]), value, dtype=x.dtype).index_put(
        (steps, rows), x
    ),
)
def packed(draw):
    size, steps, rows = places(draw)
    return (normal(draw, (len(steps), *draw(shapes(0, 2, counts)))), steps, rows, size, 0.5), {}
