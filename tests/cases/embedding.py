"""Cases of tinygrad_lab.ops.embedding."""

import numpy as np
from hypothesis import strategies as st

from tests.cases.case import case, counts, integers, normal, shapes
from tinygrad_lab.ops.embedding import embedding


def indices_and_table(draw):
    rows = draw(st.sampled_from([3, 5, 1001]))  # both forms of the gradient
    index = np.asarray(integers(draw, draw(shapes(0, 3, counts)), 0, min(rows, 5)))
    return index, normal(draw, (rows, draw(counts)))


@case(embedding, "nn.functional.embedding")
def lookups(draw):
    return indices_and_table(draw), {}


@case(embedding, "nn.functional.embedding", name="embedding, padded", smooth=False)  # the padding row is held still
def padded_lookups(draw):
    return (*indices_and_table(draw), draw(st.sampled_from([0, 2, -1]))), {}
